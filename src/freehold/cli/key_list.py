"""`freehold key list`: callers' keys, without their secrets."""

from __future__ import annotations

import datetime

import click
import msgspec

from freehold.cli.output import emit_json, json_option
from freehold.clock import SystemClock


@click.command()
@json_option
def command(as_json: bool) -> None:
    """List callers' keys: whose they are, what they may call, and whether they still work."""
    from freehold.cli.key_file import key_file

    keys = [key for _, key in key_file().all()]
    if as_json:
        emit_json("keys/1", [msgspec.to_builtins(key) for key in keys])
        return
    now_ns = SystemClock().now_ns()
    for key in keys:
        state = (
            "revoked"
            if key.revoked_ns is not None
            else "expired"
            if _past(key.expires_ns, now_ns)
            else "valid"
        )
        until = "" if key.expires_ns is None else f" until {_day(key.expires_ns)}"
        limits = [f"{key.requests_per_min}/min" if key.requests_per_min else "",
                  f"{key.concurrency} at once" if key.concurrency else ""]  # fmt: skip
        words = [
            key.id,
            key.name,
            state + until,
            ", ".join(key.workloads) or "every workload",
            *filter(None, limits),
        ]
        click.echo("  ".join(words))
    if not keys:
        click.echo("no keys yet: on loopback the gateway answers every program of this machine", err=True)


def _past(at_ns: int | None, now_ns: int) -> bool:
    return at_ns is not None and at_ns <= now_ns


def _day(at_ns: int) -> str:
    return datetime.datetime.fromtimestamp(at_ns / 1e9, datetime.UTC).date().isoformat()
