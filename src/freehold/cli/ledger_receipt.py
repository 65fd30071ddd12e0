"""freehold ledger receipt"""

from __future__ import annotations

from pathlib import Path

import click

from freehold.cli.ledger_place import ledger_option, reader_for
from freehold.cli.output import config_option
from freehold.errors import UnavailableError


@click.command()
@click.argument("name", metavar="ID")
@ledger_option
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write it to a file.")
@config_option
def command(name: str, path: Path | None, output: Path | None, config: str | None) -> None:
    """Write one record's receipt: record, proof and checkpoint in one small JSON file.

    ID is what a call's answer carries in the header x-freehold-receipt.
    """
    from freehold.ledger.receipt import make_receipt

    reader, id = reader_for(path, config, name)
    receipt = make_receipt(reader, id)
    if receipt is None:
        raise UnavailableError(
            f"no checkpoint covers the record {id} yet",
            why="checkpoints are signed at least once a second while records come",
            fix="ask again in a moment; if its writer has stopped, start it once more",
            code="ledger.not-covered",
        )
    data = receipt.to_json()
    if output is None:
        click.echo(data)
    else:
        output.write_bytes(data + b"\n")
        click.echo(f"wrote {output} ({len(data)} bytes)", err=True)
