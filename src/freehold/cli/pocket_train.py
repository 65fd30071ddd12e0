"""freehold pocket train"""

from __future__ import annotations

from pathlib import Path

import click

from freehold.cli.output import emit_json, json_option, person_watching


@click.command()
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="The model's folder."
)
@click.option(
    "--seed", default=1, show_default=True, type=click.IntRange(0), help="The shipped model's is 1."
)
@click.option(
    "--steps", default=3000, show_default=True, type=click.IntRange(1), help="The shipped model's are 3000."
)
@json_option
def command(out: Path, seed: int, steps: int, as_json: bool) -> None:
    """Build the pocket language model again, from nothing: minutes on one CPU core.

    On one machine the same seed gives the same weights, bit for bit.
    """
    from freehold.cli.align_extra import align_room

    align_room()
    from freehold.align.base import BaseRecipe, build_base

    recipe = BaseRecipe(seed=seed, steps=steps)
    with click.progressbar(length=steps, label="training", file=None, hidden=not person_watching()) as bar:
        card = build_base(recipe, out, watch=lambda step, loss: bar.update(1))
    if as_json:
        emit_json("pocket-train/1", card)
    else:
        click.echo(f"{out}: {card.parameters:,} weights, digest {card.weights}")
