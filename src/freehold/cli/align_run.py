"""freehold align run"""

from __future__ import annotations

from pathlib import Path

import click

from freehold.cli.align_show import carry_on_shown
from freehold.cli.output import json_option


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--out", type=click.Path(path_type=Path), help="The run's folder.  [default: runs/NAME-SEED]")
@click.option("--only", metavar="STAGE", help="One stage: sample, revise, supervise, feedback or prefer.")
@json_option
def command(recipe: Path, out: Path | None, only: str | None, as_json: bool) -> None:
    """Train a model by a constitution, from one recipe, into one folder.

    With --json, every event is one line of JSON on stdout. A run that is cut off goes on with `align resume`.
    """
    from freehold.cli.align_extra import align_room

    room = align_room()
    where = out or room.default_folder(recipe)
    room.begin(recipe, where)
    carry_on_shown(where, only=only, as_json=as_json)
