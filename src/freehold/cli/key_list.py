"""`freehold key list`: callers' keys, without their secrets."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import click

from freehold.cli.output import config_option, emit_json, json_option
from freehold.clock import SystemClock

if TYPE_CHECKING:
    from freehold.gateway.standing import Account


@click.command()
@config_option
@json_option
def command(config: str | None, as_json: bool) -> None:
    """List callers' keys: whose they are, what they may call, and what is left of their limits."""
    from freehold.cli.key_file import open_states
    from freehold.gateway.standing import accounts

    with open_states(config) as states:
        found = accounts(states, SystemClock().now_ns())
    if as_json:
        emit_json("keys/1", [one.as_data() for one in found])
        return
    for one in found:
        click.echo("\n".join(lines_of(one)))
    if not found:
        click.echo("no keys yet: on loopback the gateway answers every program of this machine", err=True)


def lines_of(one: Account) -> list[str]:
    """A key on a line, and each of its limits on one below."""
    key = one.key
    until = "" if key.expires_ns is None else f" until {_day(key.expires_ns)}"
    tags = " ".join(f"{name}={value}" for name, value in key.tags.items())
    words = [key.id, key.name, one.state + until, ", ".join(key.workloads) or "every workload", tags]
    return ["  ".join(word for word in words if word), *(f"    {limit.words()}" for limit in one.limits)]


def _day(at_ns: int) -> str:
    return datetime.datetime.fromtimestamp(at_ns / 1e9, datetime.UTC).date().isoformat()
