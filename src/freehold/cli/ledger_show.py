"""freehold ledger show"""

from __future__ import annotations

from pathlib import Path

import click

from freehold.cli.ledger_place import ledger_option, reader_for
from freehold.cli.output import config_option, emit_json, json_option


@click.command()
@click.argument("name", metavar="ID")
@ledger_option
@config_option
@json_option
def command(name: str, path: Path | None, config: str | None, as_json: bool) -> None:
    """Print one record as it was stored."""
    import msgspec

    from freehold.ledger.receipt import read_fields, unknown_record

    reader, id = reader_for(path, config, name)
    seq = reader.find(id)
    if seq is None:
        raise unknown_record(id)
    leaf = next(reader.leaves(seq, seq + 1))
    if as_json:
        emit_json("ledger-record/1", {"writer": reader.writer, "record": read_fields(leaf)})
    else:
        click.echo(msgspec.json.format(leaf, indent=2))
