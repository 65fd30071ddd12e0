"""freehold ledger check"""

from __future__ import annotations

from pathlib import Path

import click

from freehold.cli.ledger_place import read_file, read_keys
from freehold.cli.output import emit_json, json_option


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--key", "keys", multiple=True, required=True, metavar="KEY",
              help="A verifier key you trust, or a file with one on each line.")  # fmt: skip
@click.option("--witness", "witnesses", multiple=True, metavar="KEY",
              help="A witness that must have cosigned.")  # fmt: skip
@json_option
def command(file: Path, keys: tuple[str, ...], witnesses: tuple[str, ...], as_json: bool) -> None:
    """Check a receipt with nothing but a key: no ledger, no network."""
    import msgspec

    from freehold.ledger.receipt import RECEIPT_BYTES_MAX, check_receipt, parse_receipt

    receipt = parse_receipt(read_file(file, RECEIPT_BYTES_MAX, "the receipt"))
    checked = check_receipt(receipt, read_keys(keys), read_keys(witnesses))
    if as_json:
        emit_json("ledger-check/1", msgspec.to_builtins(checked))
        return
    click.echo(f"{checked.name} is record {checked.index} of {checked.size} in {checked.origin}")
    click.echo(f"signed by {checked.signed_by}")
    if checked.witnessed_by:
        click.echo(f"witnessed by {', '.join(checked.witnessed_by)}")
    click.echo(msgspec.json.format(msgspec.json.encode(checked.record), indent=2))
