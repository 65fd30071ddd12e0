"""freehold plan make"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from freehold.cli.output import config_option, emit_json, json_option
from freehold.cli.plan_made import anew_option, made_plan, run_options, say_plan
from freehold.errors import EXIT_FINDING

if TYPE_CHECKING:
    from freehold.plan.conflict import Conflict
    from freehold.plan.result import Plan


@click.command()
@config_option
@json_option
@run_options
@anew_option
@click.option("--adopt", "adopting", is_flag=True, help="Put the plan in force, and record that.")
@click.option("--out", metavar="FILE", help="Save the plan as JSON there.")
@click.option("--html", metavar="FILE", help="Write one self-contained report there.")
@click.option(
    "--export", "engine", type=click.Choice(["skypilot", "kubernetes", "slurm"]),
    help="Render the placements for an engine, into the folder of --to.",
)  # fmt: skip
@click.option("--to", "folder", metavar="FOLDER", help="Where --export writes.  [default: ./ENGINE]")
@click.option("--no-rules", is_flag=True, help="Do not work out what each rule costs.")
def command(
    config: str | None,
    as_json: bool,
    seed: int,
    seconds: float,
    steps: int | None,
    lost: tuple[str, ...],
    anew: bool,
    adopting: bool,
    out: str | None,
    html: str | None,
    engine: str | None,
    folder: str | None,
    no_rules: bool,
) -> int:
    """Say where everything should go, what it costs, and how good that is.

    Exit status 1: something cannot be served; the conflict and the cheapest way out are printed.
    """
    made, loaded = made_plan(config, seed, seconds, steps, lost, anew, price_rules=not no_rules)
    plan = made.plan
    found = None
    if plan.unserved:
        from freehold.plan.conflict import conflict

        found = conflict(made, seed)
    if as_json:
        emit_json("plan/1", {"plan": plan, "conflict": found})
    else:
        say_plan(plan)
        _say_conflict(found)
    _write(plan, out, html, engine, folder, loaded.sections["estate"].name)
    if adopting:
        _adopt(plan, config)
    return EXIT_FINDING if plan.unserved else 0


def _say_conflict(found: Conflict | None) -> None:
    from freehold.cli.show import say

    if found is None:
        return
    say(f"\nconflict: {found.words}")
    for one in found.relaxations:
        say(f"  way out: {one.words}; the plan then costs {one.usd_per_hour:,.2f} $/h")


def _write(
    plan: Plan, out: str | None, html: str | None, engine: str | None, folder: str | None, name: str
) -> None:
    if out is not None:
        from freehold.plan.store import save

        save(plan, Path(out))
        click.echo(f"wrote {out}", err=True)
    if html is not None:
        from freehold.cli.init import write_new
        from freehold.plan.report import report

        write_new(Path(html), report(plan, name), replace=True)
        click.echo(f"wrote {html}", err=True)
    if engine is not None:
        from freehold.plan.export import export

        made = export(plan, engine)
        target = Path(folder or engine)
        target.mkdir(parents=True, exist_ok=True)
        for file, text in made.files.items():
            (target / file).write_text(text, encoding="utf-8")
        click.echo(f"wrote {len(made.files)} files to {target}", err=True)
        for line in made.left_out:
            click.echo(f"left out {line}", err=True)


def _adopt(plan: Plan, config: str | None) -> None:
    from freehold.cli.recording import recording
    from freehold.cli.up import state_folder
    from freehold.clock import SystemClock
    from freehold.errors import RefusedError
    from freehold.plan.store import adopt

    if plan.unserved:
        raise RefusedError(
            f"the plan leaves {len(plan.unserved)} workloads unserved and was not adopted",
            why="a plan in force serves everything it was made for",
            fix="take the way out that is printed above, then make it again",
            code="plan.not-adopted",
        )
    with recording("plan", config) as recorder:
        digest = adopt(plan, state_folder(), recorder, SystemClock())
    click.echo(f"in force: {digest}", err=True)
