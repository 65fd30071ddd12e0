"""freehold ledger key show"""

from __future__ import annotations

from pathlib import Path

import click

from freehold.cli.ledger_place import ledger_option, open_readers
from freehold.cli.output import config_option, emit_json, json_option


@click.command()
@ledger_option
@config_option
@json_option
def command(path: Path | None, config: str | None, as_json: bool) -> None:
    """Print the verifier keys of the ledger, oldest first: what an outsider needs to check receipts."""
    from freehold.ledger.keychain import read_lines

    found = []
    for reader in open_readers(path, config):
        first, rotations = read_lines(reader.keys())
        keys = [str(key) for key in ([first] if first else []) + [one.new for one in rotations]]
        found.append({"writer": reader.writer, "origin": reader.origin, "keys": keys})
    if as_json:
        emit_json("ledger-keys/1", {"writers": found})
        return
    for one in found:
        for key in one["keys"]:
            click.echo(key)
