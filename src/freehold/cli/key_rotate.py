"""`freehold key rotate`: a new secret for a key, while the old one still works for a time."""

from __future__ import annotations

import click
import msgspec

from freehold.cli.output import config_option, emit_json, json_option


@click.command()
@click.argument("id")
@config_option
@click.option(
    "--grace", default="24h", show_default=True, metavar="DURATION",
    help="For how long the old secret goes on working; 0s: not at all.",
)  # fmt: skip
@json_option
def command(id: str, config: str | None, grace: str, as_json: bool) -> None:
    """Give the key ID a new secret, printed once. Its limits, and what it has spent, stay."""
    from freehold.cli.key_file import key_book
    from freehold.config import Duration

    with key_book(config) as book:
        key, secret = book.rotate(id, Duration(grace).seconds)
    if as_json:
        emit_json("key/1", {**msgspec.to_builtins(key), "key": secret})
    else:
        click.echo(secret)
        click.echo(f"key {key.id} of {key.name!r}: the secret before works for {grace} more", err=True)
