"""freehold pocket faults"""

from __future__ import annotations

import click

from freehold.cli.output import emit_json, json_option


@click.command()
@json_option
def command(as_json: bool) -> None:
    """List what a fault script can break."""
    from freehold.pocket.faults import FAULTS, LISTENING

    rows = {**LISTENING, **{name: fault.help for name, fault in FAULTS.items()}}
    if as_json:
        emit_json(
            "pocket-faults/1", {"faults": [{"fault": name, "help": said} for name, said in rows.items()]}
        )
        return
    width = max(map(len, rows))
    for name, said in rows.items():
        click.echo(f"{name:{width}}  {said}")
