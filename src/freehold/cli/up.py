"""`freehold up`: run the gateway."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from freehold.cli.built import data_plane
from freehold.cli.output import config_option
from freehold.cli.state_folder import state_folder as state_folder
from freehold.config.load import DEFAULT_NAME

if TYPE_CHECKING:
    from freehold.gateway import Running, Settled
    from freehold.gateway.content import Seal
    from freehold.ledger.settings import LedgerSettings
    from freehold.ledger.writer import Ledger
    from freehold.types.contracts import Recorder


@click.command()
@config_option
@click.option("--host", help="The address to listen on.  [default: gateway.host]")
@click.option("--port", type=click.IntRange(0, 65535), help="0: a free one.  [default: gateway.port]")
@click.option("--admin-port", type=click.IntRange(0, 65535), help="[default: gateway.admin_port]")
@click.option("--workers", type=click.IntRange(1, 256), help="Processes.  [default: gateway.workers]")
@click.option("--quiet", is_flag=True, help="No log line per call.")
def command(
    config: str | None, host: str | None, port: int | None, admin_port: int | None, workers: int | None,
    quiet: bool,
) -> None:  # fmt: skip
    """Run the gateway. Without a file it starts on an embedded estate of pocket homes."""
    if config is None and not Path(DEFAULT_NAME).exists():
        from freehold.cli.embedded import embedded

        with embedded(state_folder()) as file:
            click.echo("no freehold.toml here: three pocket homes stand in for Bedrock, Vertex and Foundry")
            _serve(str(file), host, port, admin_port, workers, quiet)
        return
    _serve(config, host, port, admin_port, workers, quiet)


def _serve(
    config: str | None, host: str | None, port: int | None, admin_port: int | None, workers: int | None,
    quiet: bool,
) -> None:  # fmt: skip
    from freehold.cli.key_file import admin_digest, stores_of
    from freehold.cli.loading import ledger_database, ledger_settings, load_telemetry
    from freehold.gateway import Setup, up

    def read() -> Settled:
        return settled(config, host)

    first = read()
    settings = first.settings
    # Read once: a process that is replaced later must not depend on what the file has become.
    ledger = ledger_settings(config)
    database = ledger_database(ledger, config, act=True)
    up(
        Setup(
            read=read,
            first=first,
            recorder=lambda number: open_recorder(ledger, database, number, workers or settings.workers),
            receipt=receipt,
            telemetry=load_telemetry(config),
            state=state_folder(),
            stores=stores_of(config),
            admin_key=admin_digest(config),
            host=settings.host,
            port=settings.port if port is None else port,
            admin_port=settings.admin_port if admin_port is None else admin_port,
            workers=workers or settings.workers,
            log=None if quiet else sys.stderr,
            announce=_announce,
        )
    )


def settled(config: str | None, host: str | None = None) -> Settled:
    """One reading of the settings, the estate and the homes' keys; every problem at once."""
    import msgspec

    from freehold.cli.loading import load_credentials, load_settings
    from freehold.estate.build import build_estate
    from freehold.gateway import Settled
    from freehold.gateway.settings import GatewaySettings
    from freehold.ledger.settings import LedgerSettings

    loaded = load_settings(config)
    settings = loaded.section("gateway", GatewaySettings)
    if host is not None:
        settings = msgspec.structs.replace(settings, host=host)
    ledger = loaded.section("ledger", LedgerSettings)
    return Settled(
        estate=build_estate(loaded), settings=settings, credentials=load_credentials(config),
        strict=ledger.strict, seal=sealing(ledger),
    )  # fmt: skip


def open_recorder(settings: LedgerSettings, database: str | None, number: int, workers: int = 1) -> Ledger:
    """The ledger of one process; several have a writer each, joined by their crossings."""
    import msgspec

    from freehold.ledger import open_recorder

    if workers > 1:
        settings = msgspec.structs.replace(settings, writer=f"{settings.writer}-{number}")
    return open_recorder(settings, state_folder(), database=database)


def sealing(settings: LedgerSettings) -> Seal | None:
    """How the gateway keeps what was said, if the settings want it kept."""
    if settings.content != "sealed":
        return None
    from freehold.ledger import open_vault

    return open_vault(Path(settings.path) if settings.path else state_folder() / "ledger").seal


def receipt(recorder: Recorder, id: str) -> tuple[int, bytes]:
    """What the admin port answers about one receipt: a status and a JSON body."""
    import msgspec

    from freehold.errors import FreeholdError
    from freehold.types.names import RecordId

    try:
        found = recorder.receipt(RecordId(id)) if hasattr(recorder, "receipt") else None
    except FreeholdError as error:
        status = 404 if error.code == "ledger.unknown-record" else 500
        return status, msgspec.json.encode({"code": error.code, "what": error.what})
    if found is None:
        return 202, msgspec.json.encode({"code": "ledger.not-covered", "what": "no checkpoint covers it yet"})
    return 200, found.to_json()


def _announce(running: Running) -> None:
    click.echo(f"gateway listening on {running.url}")
    click.echo(f"admin, metrics and health on {running.admin_url}")
    click.echo(f"the data plane is {data_plane()}")
    sys.stdout.flush()
