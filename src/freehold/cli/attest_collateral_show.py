"""`freehold attest collateral show`: what is in a folder of collateral, and when the first of it ends."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from freehold.cli.attest_files import parse_at_s, read_folder
from freehold.cli.attest_output import show_items
from freehold.cli.output import emit_json, json_option


@click.command()
@click.argument("folder", metavar="DIR")
@click.option("--at", default=None, metavar="TIME", help="As of this time.  [default: now]")
@json_option
def command(folder: str, at: str | None, *, as_json: bool) -> None:
    """Show what a folder of collateral holds and when the first of it ends."""
    from freehold.seal.attest.inventory import earliest_end_s, inventory_of
    from freehold.seal.attest.times import show_time

    at_s = parse_at_s(at)
    collateral, items = inventory_of(read_folder(Path(folder)), at_s=at_s)
    end_s, pack = earliest_end_s(items), collateral.pack
    if as_json:
        data = {"pack": pack, "items": items, "earliest_end_s": end_s, "digest": collateral.digest}
        emit_json("attest.collateral.show/1", msgspec.to_builtins(data))
        return
    if pack is not None:
        click.echo(
            f"{pack.name} version {pack.version}, gathered {show_time(pack.created_s)}, key {pack.key}"
        )
    click.echo(show_items(items, at_s))
    click.echo(
        f"the first of it ends {show_time(end_s)}" if end_s is not None else "nothing of it has an end"
    )
