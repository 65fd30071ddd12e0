"""`freehold key revoke`: a key stops working."""

from __future__ import annotations

import click
import msgspec

from freehold.cli.output import config_option, emit_json, json_option


@click.command()
@click.argument("id")
@config_option
@json_option
def command(id: str, config: str | None, as_json: bool) -> None:
    """Revoke the key ID (see `freehold key list`). Running gateways stop taking it within a second."""
    from freehold.cli.key_file import key_book

    with key_book(config) as book:
        key = book.revoke(id)
    if as_json:
        emit_json("key/1", msgspec.to_builtins(key))
    else:
        click.echo(f"key {key.id} of {key.name!r} is revoked")
