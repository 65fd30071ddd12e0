"""`freehold key forgive`: give out again what a process that is gone may have used."""

from __future__ import annotations

import click

from freehold.cli.output import config_option, emit_json, json_option


@click.command()
@click.argument("id")
@config_option
@json_option
def command(id: str, config: str | None, as_json: bool) -> None:
    """Take what is uncertain of the key ID for unused, once you know that it is."""
    from freehold.cli.key_file import open_states
    from freehold.gateway.keys import KeyBook

    with open_states(config) as states:
        key = KeyBook(states[0]).row(id).key
        units = sum(state.forgive(id) for state in states)
    if as_json:
        emit_json("key-forgiven/1", {"id": key.id, "units": units})
    else:
        click.echo(f"key {key.id} of {key.name!r}: nothing is uncertain any more")
