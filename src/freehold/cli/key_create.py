"""`freehold key create`: a new key for a caller."""

from __future__ import annotations

import click
import msgspec

from freehold.cli.key_limits import expiry, limit_options, tags_of
from freehold.cli.output import config_option, emit_json, json_option


@click.command()
@click.argument("name")
@config_option
@limit_options
@json_option
def command(
    name: str, config: str | None, workloads: tuple[str, ...], expires: str | None, tags: tuple[str, ...],
    as_json: bool, **limits: object,
) -> None:  # fmt: skip
    """Make a key for a caller called NAME. It is printed once and kept only as a hash."""
    from freehold.cli.key_file import key_book, name_unknown_workloads
    from freehold.cli.key_limits import amounts

    given = {name: value for name, value in amounts(limits).items() if value is not None}
    with key_book(config) as book:
        key, secret = book.create(
            name, workloads=workloads, expires_ns=expiry(expires), tags=tags_of(tags), **given
        )
    name_unknown_workloads(config, workloads)
    if as_json:
        emit_json("key/1", {**msgspec.to_builtins(key), "key": secret})
    else:
        click.echo(secret)
        click.echo(f"key {key.id} for {name!r}; it is shown this once and kept only as a hash", err=True)
