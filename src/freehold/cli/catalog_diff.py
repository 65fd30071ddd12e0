"""freehold catalog diff"""

from __future__ import annotations

from pathlib import Path

import click

from freehold.cli.output import emit_json, json_option


@click.command()
@click.argument("file")
@click.argument("against", required=False, metavar="[FILE]")
@json_option
def command(file: str, against: str | None, as_json: bool) -> None:
    """Say what a catalog file adds to and corrects in the package's, or in another file."""
    from freehold.cli.catalog_options import chosen_catalog
    from freehold.cli.show import say, table
    from freehold.cli.today import today
    from freehold.estate.catalog import load
    from freehold.estate.catalog.browse import differences

    before = load(None if against is None else Path(against))
    found = differences(before, chosen_catalog(file), today())
    if as_json:
        emit_json("catalog-diff/1", {"differences": found})
    elif not found:
        say("No difference.")
    else:
        table(
            ("entry", "section", "what", "before", "after"),
            [(d.id, d.section, d.what, d.before, d.after) for d in found],
        )
