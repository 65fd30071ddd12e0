"""freehold cuts"""

from __future__ import annotations

import click

from freehold.cli.output import config_option, emit_json, json_option


@click.command()
@click.argument("workload")
@config_option
@json_option
@click.option("--size", type=click.IntRange(1, 6), default=3, show_default=True, help="Largest cut set.")
@click.option(
    "--list", "listed", type=click.IntRange(0, 100_000), default=20, show_default=True, help="Lines."
)
@click.option("--rate", type=float, help="Outages a year assumed where a service says none.")
@click.option("--hours", type=float, help="Hours per outage assumed where a service says none.")
def command(
    workload: str,
    config: str | None,
    as_json: bool,
    size: int,
    listed: int,
    rate: float | None,
    hours: float | None,
) -> None:
    """List every smallest set of things whose loss takes a workload down."""
    from freehold.cli.loading import load_estate
    from freehold.cli.show import say, table
    from freehold.estate.cutting import cuts_of
    from freehold.estate.graph import graph_of

    estate = load_estate(config)
    found = cuts_of(estate, graph_of(estate), workload, size_max=size, cap=listed, rate=rate, hours=hours)
    if as_json:
        emit_json("cuts/1", found)
        return
    for note in found.notes:
        say(note)
    rows = [
        (line.size, line.count, " + ".join(line.members), line.likelihood or "no rates given")
        for line in found.groups
    ]
    table(("size", "cut sets", "any one of each", "hours a year"), rows)
    if found.left_out:
        say(f"{found.left_out} more groups are not listed; --list shows more")
    say(f"\n{found.downtime.words}")
