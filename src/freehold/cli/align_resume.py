"""freehold align resume"""

from __future__ import annotations

from pathlib import Path

import click

from freehold.cli.align_show import carry_on_shown
from freehold.cli.output import json_option


@click.command()
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
@click.option("--only", metavar="STAGE", help="One stage: sample, revise, supervise, feedback or prefer.")
@json_option
def command(run: Path, only: str | None, as_json: bool) -> None:
    """Go on with a run from wherever it was cut off.

    At one thread, the weights at the end are those that an uninterrupted run gives, bit for bit.
    """
    carry_on_shown(run, only=only, as_json=as_json)
