"""`freehold key admin`: the key by which keys are managed over HTTP."""

from __future__ import annotations

import secrets

import click

from freehold.cli.output import config_option, emit_json, json_option

ADMIN_PREFIX = "fha_"
ADMIN_BYTES = 32


@click.command()
@config_option
@json_option
def command(config: str | None, as_json: bool) -> None:
    """Make the admin key: what /keys on the admin port asks for. Printed once; the one before ends."""
    from freehold.cli.key_file import open_states
    from freehold.gateway.desk import ADMIN_META
    from freehold.gateway.keys import digest

    secret = ADMIN_PREFIX + secrets.token_urlsafe(ADMIN_BYTES)
    with open_states(config) as states:
        states[0].put_meta(ADMIN_META, digest(secret).hex())
    if as_json:
        emit_json("admin-key/1", {"key": secret})
    else:
        click.echo(secret)
        click.echo("the admin key; it is shown this once and kept only as a hash", err=True)
