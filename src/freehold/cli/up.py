"""freehold up"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click

from freehold.cli.loading import ledger_database, ledger_settings, load_credentials, load_estate
from freehold.cli.output import config_option
from freehold.cli.serving import until_stopped


def state_folder() -> Path:
    return Path(os.environ.get("FREEHOLD_HOME", ".freehold"))


@click.command()
@config_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=4100, show_default=True, type=click.IntRange(0, 65535), help="0: a free one.")
def command(config: str | None, host: str, port: int) -> None:
    """Run the gateway."""
    from freehold import wire
    from freehold.gateway import Gateway
    from freehold.ledger import open_recorder

    estate = load_estate(config)
    credentials = load_credentials(config)
    ledger = ledger_settings(config)
    database = ledger_database(ledger, config, act=True)
    recorder = open_recorder(ledger, state_folder(), database=database)

    async def serve() -> None:
        server = await Gateway(estate, recorder, credentials).serve(host, port)
        click.echo(f"gateway listening on http://{host}:{wire.port_of(server)}")
        await until_stopped(server)

    try:
        asyncio.run(serve())
    finally:
        recorder.close()
