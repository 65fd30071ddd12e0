"""freehold pocket serve"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from freehold.cli.output import emit_json, json_option
from freehold.cli.serving import told_to_stop

if TYPE_CHECKING:
    from freehold.estate.model import Estate
    from freehold.pocket import Engine, PocketHome, RequestLog
    from freehold.pocket.street import Address
    from freehold.types.homes import Home

TOKEN_VARIABLE = "FREEHOLD_POCKET_TOKEN"  # noqa: S105  # the name of a variable
_OF_ONE_HOME = {"dialect": "--dialect", "host": "--host", "port": "--port", "models": "--model"}
_FILE = click.Path(path_type=Path, dir_okay=False)


class Wanted:
    """The options that every home of this process shares."""

    def __init__(
        self, *, engine: str, faults: Path | None, script: Path | None, log: Path | None, names: Sequence[str]
    ) -> None:
        from freehold.pocket import RequestLog
        from freehold.pocket.files import read_faults, read_script

        self.faults = read_faults(faults, names) if faults else {}
        self.rules = read_script(script, names) if script else ()
        self.token = os.environ.get(TOKEN_VARIABLE) or secrets.token_urlsafe(16)
        self.log: RequestLog = RequestLog(log)
        self._engine = engine

    def engine_for(self, name: str) -> Engine:
        from freehold.pocket import ScriptedEngine, engine

        return ScriptedEngine(self.rules, home=name) if self._engine == "scripted" else engine(self._engine)

    def run(self, serving: Coroutine[None, None, None]) -> None:
        try:
            asyncio.run(serving)
        finally:
            self.log.close()


@click.command()
@click.option("--dialect", default="openai", show_default=True, help="The protocol it speaks.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=4110, show_default=True, type=click.IntRange(0, 65535), help="0: a free one.")
@click.option("--all", "estate_file", type=_FILE, help="Serve every home of this estate with a loopback URL.")
@click.option("--engine", default="scripted", show_default=True, help="What answers.")
@click.option("--model", "models", multiple=True, help="A model it has.  [default: any]")
@click.option("--script", type=_FILE, help="How to answer which requests (TOML).")
@click.option("--faults", type=_FILE, help="What to break, for which requests, and when (TOML).")
@click.option(
    "--key", "keys", multiple=True, help="A key to accept, as env:NAME or file:PATH.  [default: any]"
)
@click.option("--requests-per-min", type=click.IntRange(1), help="A rate limit.")
@click.option("--tokens-per-min", type=click.IntRange(1), help="A rate limit, prompt and answer together.")
@click.option("--lax", is_flag=True, help="Accept fields that the vendor would refuse.")
@click.option("--log", type=_FILE, help="Write every request to this file, a line of JSON each.")
@json_option
def command(
    dialect: str, host: str, port: int, estate_file: Path | None, engine: str, models: tuple[str, ...],
    script: Path | None, faults: Path | None, keys: tuple[str, ...], requests_per_min: int | None,
    tokens_per_min: int | None, lax: bool, log: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Run a home that speaks a vendor's protocol, or a whole estate of them."""
    from freehold.pocket import Limits, PocketHome
    from freehold.pocket.street import Address

    limits = Limits(requests_per_min=requests_per_min, tokens_per_min=tokens_per_min)
    revealed = [_key(reference) for reference in keys]

    def home(name: str, dialect: str, models: Sequence[str]) -> PocketHome:
        return PocketHome(
            dialect, wanted.engine_for(name), name=name, models=models, keys=revealed, strict=not lax,
            limits=limits, faults=wanted.faults, log=wanted.log, token=wanted.token,
        )  # fmt: skip

    if estate_file is None:
        wanted = Wanted(engine=engine, faults=faults, script=script, log=log, names=("pocket",))
        wanted.run(_serve_one(home("pocket", dialect, models), Address(host=host, port=port), as_json))
        return
    _only_estate()
    estate, places = _estate(estate_file)
    wanted = Wanted(engine=engine, faults=faults, script=script, log=log, names=tuple(places))
    served = [(estate.homes[name], places[name]) for name in estate.homes if name in places]
    wanted.run(
        _serve_all([(home(one.id, _dialect(one), _models(one)), place) for one, place in served], as_json)
    )


def _only_estate() -> None:
    """The estate says what each home speaks, where it listens and what it has."""
    context = click.get_current_context()
    given = [
        name for name in _OF_ONE_HOME if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    if given:
        flags = ", ".join(_OF_ONE_HOME[name] for name in given)
        raise click.UsageError(f"{flags} and --all cannot be used together: the estate's file says that.")


async def _serve_one(home: PocketHome, address: Address, as_json: bool) -> None:
    from freehold.pocket.street import running

    async with running([(home, address)]):
        if as_json:
            emit_json("pocket-serve/1", {"homes": [_row(home)]})
        else:
            click.echo(f"pocket home ({home.codec.name}) listening on {home.url}")
        _say_token(home.token)
        await told_to_stop()


async def _serve_all(homes: Sequence[tuple[PocketHome, Address]], as_json: bool) -> None:
    from freehold.pocket.street import running

    async with running(homes):
        rows = [_row(home) for home, _ in homes]
        if as_json:
            emit_json("pocket-serve/1", {"homes": rows})
        else:
            widths = {name: max(len(row[name]) for row in rows) for name in ("home", "dialect")}
            click.echo(f"{len(rows)} pocket homes listening")
            for row in rows:
                click.echo(
                    f"  {row['home']:{widths['home']}}  {row['dialect']:{widths['dialect']}}  {row['url']}"
                )
        _say_token(homes[0][0].token)
        await told_to_stop()


def _row(home: PocketHome) -> dict[str, str]:
    return {"home": home.name, "dialect": home.codec.name, "url": home.url}


def _say_token(token: str) -> None:
    if TOKEN_VARIABLE not in os.environ:
        click.echo(f"control token (header x-pocket-token): {token}", err=True)


def _key(reference: str) -> str:
    from freehold.config import Secret, resolve_secret

    return resolve_secret(Secret(reference), allow_commands=False).reveal()


def _estate(path: Path) -> tuple[Estate, dict[str, Address]]:
    from freehold.cli.loading import load_estate
    from freehold.errors import InputError
    from freehold.pocket.street import addresses

    estate = load_estate(str(path))
    places = addresses(estate.homes.values(), str(path))
    if not places:
        raise InputError(
            f"{path} has no home to serve",
            why=f"none of its {len(estate.homes)} homes has an api and a loopback URL",
            fix="give a home a url such as http://127.0.0.1:4110",
            code="pocket.nothing-to-serve",
        )
    return estate, places


def _dialect(home: Home) -> str:
    return home.api or "openai"


def _models(home: Home) -> tuple[str, ...]:
    name = home.model_name or home.model
    return (name,) if name else ()
