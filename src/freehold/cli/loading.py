"""What commands start from: the checked settings, the estate they describe, the keys of its homes."""

from __future__ import annotations

from pathlib import Path

from freehold.cli.settings import section_types
from freehold.config import Loaded, load, resolve_secret
from freehold.errors import FreeholdError, Problem, ProblemsError
from freehold.estate.build import build_estate, catalog_of, estate_problems
from freehold.estate.catalog import Catalog
from freehold.estate.model import Estate
from freehold.gateway.telemetry.settings import OtelSettings, Telemetry
from freehold.ledger.settings import LedgerSettings
from freehold.types.names import HomeId


def load_settings(config: str | None, *, absent_ok: bool = False) -> Loaded:
    """Every section of the file, or every problem of the file and of the estate it describes at once."""
    return load(config, section_types(), absent_ok=absent_ok, checks=(estate_problems,))


def load_estate(config: str | None) -> Estate:
    return build_estate(load_settings(config))


def ledger_settings(config: str | None) -> LedgerSettings:
    """The section [ledger]; its defaults where there is no file and none was named."""
    loaded = load_settings(config, absent_ok=config is None)
    return loaded.section("ledger", LedgerSettings)


def ledger_database(settings: LedgerSettings, config: str | None, *, act: bool = False) -> str | None:
    """The connection string of a ledger in PostgreSQL; `act`: a `cmd:` reference may run."""
    if settings.store != "postgres" or settings.database is None:
        return None
    source = Path(config or "freehold.toml")
    return resolve_secret(settings.database, allow_commands=act, source=source).reveal()


def load_credentials(config: str | None) -> dict[HomeId, str]:
    """The key of each home that has one. Only for commands that act: `cmd:` references run here."""
    loaded = load_settings(config)
    found: dict[HomeId, str] = {}
    problems: list[Problem] = []
    for name, home in loaded.sections["homes"].items():
        if home.credential is None:
            continue
        try:
            value = resolve_secret(home.credential, allow_commands=True, source=loaded.source)
        except FreeholdError as error:
            path = f"homes.{name}.credential"
            problems.append(
                Problem(
                    code=error.code,
                    what=f"{path}: {error.what}",
                    why=error.why,
                    fix=error.fix,
                    path=path,
                    line=loaded.line("homes", name, "credential"),
                )
            )
        else:
            found[HomeId(name)] = value.reveal()
    if problems:
        raise ProblemsError(str(loaded.source), problems)
    return found


def load_telemetry(config: str | None) -> Telemetry | None:
    """Where telemetry goes, its secrets read; None without an endpoint. Only for commands that act."""
    loaded = load_settings(config)
    found = loaded.section("otel", OtelSettings)
    if found.endpoint is None:
        return None
    from freehold.gateway.telemetry.otlp import Protobuf

    Protobuf(found.service_name, "")  # a missing extra is said now, not by a process that dies later
    headers = {
        name: resolve_secret(one, allow_commands=True, source=loaded.source).reveal()
        for name, one in found.headers.items()
    }
    return Telemetry(
        endpoint=str(found.endpoint), headers=headers, sample_share=found.sample_share, content=found.content,
        interval_s=found.interval.seconds, service_name=found.service_name, queue_max=found.queue_max,
    )  # fmt: skip


def load_standing(config: str | None) -> tuple[Estate, Catalog]:
    """The estate and the catalog it was worked out with, the user's own catalog file included."""
    loaded = load_settings(config)
    return build_estate(loaded), catalog_of(loaded)
