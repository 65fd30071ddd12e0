"""freehold plan diff"""

from __future__ import annotations

import click

from freehold.cli.output import config_option, emit_json, json_option
from freehold.cli.plan_made import anew_option, made_plan, run_options


@click.command()
@config_option
@json_option
@run_options
@anew_option
@click.option("--file", metavar="FILE", help="Compare with a saved plan instead of the one in force.")
def command(
    config: str | None,
    as_json: bool,
    seed: int,
    seconds: float,
    steps: int | None,
    lost: tuple[str, ...],
    anew: bool,
    file: str | None,
) -> None:
    """Say what a new plan would change of the one in force, and what moving costs."""
    from freehold.cli.plan_show import chosen
    from freehold.cli.show import say
    from freehold.plan.diff import difference
    from freehold.units import NANO_PER_USD

    before = chosen(file)
    made, loaded = made_plan(config, seed, seconds, steps, lost, anew, price_rules=False)
    found = difference(before, made.plan, loaded.sections["plan"].switch_usd.nano / NANO_PER_USD)
    if as_json:
        emit_json("plan-diff/1", found)
        return
    for move in found.moves:
        say(move.words)
    if not found.moves:
        say("nothing changes")
    say(
        f"{found.usd_per_hour_before:,.2f} $/h -> {found.usd_per_hour_after:,.2f} $/h "
        f"({found.usd_per_hour_more:+,.2f}); moving costs {found.switching_usd:,.2f} $ once"
    )
