"""freehold advise"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from freehold.cli.output import config_option, emit_json, json_option

if TYPE_CHECKING:
    from freehold.estate.advise import Advice


@click.command()
@click.argument("workload", required=False)
@config_option
@json_option
@click.option("--most", type=click.IntRange(1, 100), default=5, show_default=True, help="Changes a workload.")
@click.option("--toml", "as_toml", is_flag=True, help="Print what to write into freehold.toml.")
def command(workload: str | None, config: str | None, as_json: bool, most: int, as_toml: bool) -> None:
    """Name the cheapest changes that remove the most cut sets, and what each leaves."""
    from freehold.cli.loading import load_standing
    from freehold.cli.show import say
    from freehold.cli.today import today
    from freehold.estate.advise import advise

    estate, catalog = load_standing(config)
    found = advise(estate, catalog, workload, cap=most, today=today())
    if as_json:
        emit_json("advise/1", {"advice": found})
        return
    if not found:
        say("No change that the policies allow removes a single point or a pair.")
    for id in estate.workloads if found and workload is None else ():
        if all(one.workload != id for one in found):
            say(f"{id}: no change that its policy allows removes a single point or a pair\n")
    for id in dict.fromkeys(one.workload for one in found):
        mine = [one for one in found if one.workload == id]
        now = mine[0].usd_month_now
        say(f"{id}: now {'cost unknown' if now is None else f'${now:,.0f} a month at the stated demand'}")
        for number, one in enumerate(mine, 1):
            say(_lines(number, one, as_toml))
        say("")


def _lines(number: int, one: Advice, as_toml: bool) -> str:
    left = f"leaves {', '.join(one.leaves)}" if one.leaves else "leaves no single point"
    parts = [f"removes {_count(one.removes_single, 'single point')}"] if one.removes_single else []
    if one.removes_pairs > 0:
        parts.append(f"removes {_count(one.removes_pairs, 'pair')}")
    elif one.removes_pairs < 0:
        parts.append(f"adds {_count(-one.removes_pairs, 'pair')}")
    lines = [
        f"  {number}. {one.change}",
        f"     {', '.join(parts)}; {left}, {_count(one.leaves_pairs, 'pair')}",
        f"     {one.cost}",
    ]
    lines += [f"     contract {contract}" for contract in one.contracts]
    if as_toml:
        lines += ["", *(f"       {line}" for line in one.toml.splitlines()), ""]
    return "\n".join(lines)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"
