"""freehold map"""

from __future__ import annotations

import click

from freehold.cli.loading import load_estate
from freehold.cli.output import config_option, emit_json, json_option


@click.command()
@config_option
@json_option
def command(config: str | None, as_json: bool) -> None:
    """Say in one sentence what each workload stands on."""
    from freehold.estate.sentence import sentence

    estate = load_estate(config)
    said = {id: sentence(workload, estate) for id, workload in estate.workloads.items()}
    if as_json:
        emit_json("map/1", {"workloads": [{"id": id, "sentence": text} for id, text in said.items()]})
    elif not said:
        click.echo("This estate has no workloads yet: add a [workloads.NAME] table to freehold.toml.")
    else:
        click.echo("\n".join(said.values()))
