"""freehold plan show"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from freehold.cli.output import emit_json, json_option

if TYPE_CHECKING:
    from freehold.plan.result import Plan


@click.command()
@json_option
@click.option("--file", metavar="FILE", help="A saved plan instead of the one in force.")
def command(as_json: bool, file: str | None) -> None:
    """Print the plan in force."""
    from freehold.cli.plan_made import say_plan

    plan = chosen(file)
    if as_json:
        emit_json("plan/1", {"plan": plan, "conflict": None})
    else:
        say_plan(plan)


def chosen(file: str | None) -> Plan:
    """The saved plan, or the one in force."""
    from pathlib import Path

    from freehold.cli.up import state_folder
    from freehold.errors import InputError
    from freehold.plan.store import in_force, read

    if file is not None:
        return read(Path(file))
    plan = in_force(state_folder())
    if plan is None:
        raise InputError(
            "no plan is in force",
            why=f"there is none under {state_folder()}",
            fix="make one: freehold plan make --adopt",
            code="plan.none-in-force",
        )
    return plan
