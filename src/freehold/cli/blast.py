"""freehold blast"""

from __future__ import annotations

import click

from freehold.cli.output import config_option, emit_json, json_option


@click.command()
@click.argument("services", nargs=-1, required=True, metavar="SERVICE...")
@config_option
@json_option
def command(services: tuple[str, ...], config: str | None, as_json: bool) -> None:
    """Say what dies, degrades and stays untouched when these fail, and why.

    SERVICE is a service's id, the end of one (us-east-1), home.NAME, or vendor.NAME for all of a vendor's.
    """
    from freehold.cli.loading import load_estate
    from freehold.cli.show import say, table
    from freehold.estate.graph import graph_of
    from freehold.estate.impact import impact, resolve

    estate = load_estate(config)
    graph = graph_of(estate)
    failed = resolve(services, estate, graph)
    found = impact(estate, graph, failed)
    if as_json:
        emit_json("blast/1", found)
        return
    say(f"failed: {', '.join(found.failed)}\n")
    for state in ("dead", "degraded", "untouched"):
        for one in found.workloads:
            if one.state == state:
                say(f"{state:>9}  {one.workload}: {one.why}")
    rows = [(one.home, one.state, " <- ".join(reversed(one.chain))) for one in found.homes if one.chain]
    if rows:
        say("")
        table(("home", "state", "because"), rows)
