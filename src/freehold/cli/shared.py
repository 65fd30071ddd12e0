"""freehold shared"""

from __future__ import annotations

import click

from freehold.cli.output import config_option, emit_json, json_option


@click.command()
@click.argument("one", metavar="HOME")
@click.argument("other", metavar="HOME")
@config_option
@json_option
def command(one: str, other: str, config: str | None, as_json: bool) -> None:
    """Say what two homes both stand on: two homes that share nothing are two homes."""
    from freehold.cli.loading import load_estate
    from freehold.cli.show import say, table
    from freehold.estate.graph import graph_of
    from freehold.estate.impact import shared

    estate = load_estate(config)
    found = shared(estate, graph_of(estate), one, other)
    if as_json:
        emit_json("shared/1", found)
    elif not found.kills_both and not found.weakens_both:
        say(f"{one} and {other} share nothing that is known.")
    else:
        rows = [(id, estate.services[id].kind, "kills both") for id in found.kills_both]
        rows += [(id, estate.services[id].kind, "one alternative of both") for id in found.weakens_both]
        table(("service", "kind", "its loss"), rows)
