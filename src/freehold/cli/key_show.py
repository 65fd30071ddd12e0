"""`freehold key show`: one key, and where each of its limits stands."""

from __future__ import annotations

import click

from freehold.cli.output import config_option, emit_json, json_option
from freehold.clock import SystemClock


@click.command()
@click.argument("id")
@config_option
@json_option
def command(id: str, config: str | None, as_json: bool) -> None:
    """Show the key ID: its limits, what is spent of them, lent to gateways, and left."""
    from freehold.cli.key_file import open_states
    from freehold.cli.key_list import lines_of
    from freehold.gateway.standing import account

    with open_states(config) as states:
        found = account(states, id, SystemClock().now_ns())
    if as_json:
        emit_json("key/1", found.as_data())
    else:
        click.echo("\n".join(lines_of(found)))
