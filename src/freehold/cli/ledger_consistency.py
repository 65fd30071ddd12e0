"""freehold ledger consistency"""

from __future__ import annotations

from pathlib import Path

import click

from freehold.cli.ledger_place import key_option, ledger_option, open_readers, read_file, read_keys
from freehold.cli.output import config_option, emit_json, json_option
from freehold.errors import InputError


@click.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@ledger_option
@key_option
@config_option
@json_option
def command(
    old: Path, new: Path, path: Path | None, keys: tuple[str, ...], config: str | None, as_json: bool
) -> None:
    """Prove that the checkpoint NEW extends the checkpoint OLD: nothing before it was changed.

    Without --ledger the proof is made from the ledger that freehold.toml names.
    """
    from freehold.ledger.note import NOTE_BYTES_MAX
    from freehold.ledger.proofs import prove_consistency

    notes = [read_file(one, NOTE_BYTES_MAX, "the checkpoint").decode(errors="replace") for one in (old, new)]
    origin = notes[0].partition("\n")[0]
    readers = [reader for reader in open_readers(path, config) if reader.origin == origin]
    if not readers:
        raise InputError(
            f"the ledger has no tree called {origin!r}", why=f"{old} is a checkpoint of {origin}",
            fix="pass the ledger that it came from with --ledger", code="ledger.unknown-record",
        )  # fmt: skip
    proof = prove_consistency(readers[0], notes[0], notes[1], read_keys(keys) or None)
    if as_json:
        emit_json("ledger-consistency/1", {"old": proof.old, "new": proof.new, "proof": proof.steps})
    else:
        click.echo(f"{origin}: the tree of {proof.new} records begins with the tree of {proof.old}")
        for step in proof.steps:
            click.echo(step)
