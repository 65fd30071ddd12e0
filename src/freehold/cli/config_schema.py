"""`freehold config schema`: the JSON schema of freehold.toml, for editors."""

from __future__ import annotations

import click
import msgspec

from freehold.cli.output import emit_json, json_option
from freehold.cli.settings import section_types
from freehold.config import json_schema


@click.command()
@json_option
def command(as_json: bool) -> None:
    """Print the JSON schema of freehold.toml (draft 2020-12). With --json, inside Freehold's envelope."""
    schema = json_schema(section_types())
    if as_json:
        emit_json("config-schema/1", schema)
    else:
        click.echo(msgspec.json.format(msgspec.json.encode(schema), indent=2).decode())
