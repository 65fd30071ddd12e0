"""`freehold key create`: a new key for a caller."""

from __future__ import annotations

import click
import msgspec

from freehold.cli.output import emit_json, json_option
from freehold.clock import SystemClock
from freehold.errors import UsageError


@click.command()
@click.argument("name")
@click.option("--workload", "workloads", multiple=True, help="A workload it may call.  [default: all]")
@click.option(
    "--expires", metavar="DURATION", help="For how long it is good, such as 90d.  [default: for ever]"
)
@click.option("--requests-per-min", type=click.IntRange(1), help="Calls a minute.")
@click.option("--concurrency", type=click.IntRange(1), help="Calls at once.")
@json_option
def command(
    name: str, workloads: tuple[str, ...], expires: str | None, requests_per_min: int | None,
    concurrency: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Make a key for a caller called NAME. It is printed once and kept only as a hash."""
    from freehold.cli.key_file import key_file

    key, secret = key_file().create(
        name, workloads=workloads, expires_ns=_expiry(expires), requests_per_min=requests_per_min,
        concurrency=concurrency,
    )  # fmt: skip
    if as_json:
        emit_json("key/1", {**msgspec.to_builtins(key), "key": secret})
    else:
        click.echo(secret)
        click.echo(f"key {key.id} for {name!r}; it is shown this once and kept only as a hash", err=True)


def _expiry(text: str | None) -> int | None:
    if text is None:
        return None
    from freehold.config import Duration

    seconds = Duration(text).seconds
    if seconds <= 0:
        raise UsageError(
            "a key that expires at once is no key", why=f"--expires is {text}",
            fix="give a time, such as 90d", code="gateway.expired-key",
        )  # fmt: skip
    return SystemClock().now_ns() + round(seconds * 1e9)
