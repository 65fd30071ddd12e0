"""freehold pocket serve"""

from __future__ import annotations

import asyncio

import click

from freehold.cli.serving import until_stopped


@click.command()
@click.option("--dialect", default="openai", show_default=True, help="The protocol it speaks.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=4110, show_default=True, type=click.IntRange(0, 65535), help="0: a free one.")
def command(dialect: str, host: str, port: int) -> None:
    """Run a home that speaks a vendor's protocol and answers by echo."""
    from freehold import wire
    from freehold.pocket import PocketHome

    async def serve() -> None:
        server = await PocketHome(dialect).serve(host, port)
        click.echo(f"pocket home ({dialect}) listening on http://{host}:{wire.port_of(server)}")
        await until_stopped(server)

    asyncio.run(serve())
