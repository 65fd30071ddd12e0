"""`freehold key change`: other limits for a key."""

from __future__ import annotations

import click
import msgspec

from freehold.cli.key_limits import amounts, expiry, limit_options, tags_of
from freehold.cli.output import config_option, emit_json, json_option
from freehold.errors import UsageError

_FIELDS = {
    "requests-per-min": "requests_per_min", "tokens-per-min": "tokens_per_min", "concurrency": "concurrency",
    "budget": "budget_nano_usd", "budget-per-day": "budget_per_day_nano_usd",
    "budget-per-month": "budget_per_month_nano_usd", "expires": "expires_ns",
}  # fmt: skip


@click.command()
@click.argument("id")
@config_option
@limit_options
@click.option(
    "--no", "without", multiple=True, type=click.Choice(tuple(_FIELDS)), help="A limit to take away."
)
@json_option
def command(
    id: str, config: str | None, workloads: tuple[str, ...], expires: str | None, tags: tuple[str, ...],
    without: tuple[str, ...], as_json: bool, **limits: object,
) -> None:  # fmt: skip
    """Change what the key ID may do. What is not named stays; what it has spent stays spent."""
    from freehold.cli.key_file import key_book, name_unknown_workloads

    changes = {name: value for name, value in amounts(limits).items() if value is not None}
    if workloads:
        changes["workloads"] = workloads
    if tags:
        changes["tags"] = tags_of(tags)
    if expires is not None:
        changes["expires_ns"] = expiry(expires)
    for name in without:
        changes[_FIELDS[name]] = None
    if not changes:
        raise UsageError(
            "nothing is to be changed", why="no option names a limit", fix="see freehold key change --help",
            code="gateway.no-change",
        )  # fmt: skip
    with key_book(config) as book:
        key = book.change(id, changes)
    name_unknown_workloads(config, workloads)
    if as_json:
        emit_json("key/1", msgspec.to_builtins(key))
    else:
        click.echo(f"key {key.id} of {key.name!r} is changed")
