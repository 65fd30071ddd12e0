"""freehold catalog list"""

from __future__ import annotations

import click

from freehold.cli.catalog_options import catalog_option, chosen_catalog
from freehold.cli.output import emit_json, json_option


@click.command()
@click.argument("words", nargs=-1, metavar="[WORDS]...")
@catalog_option
@json_option
@click.option("--section", help="Only this one: silicon, services, models, prices, offers, incidents, ...")
def command(words: tuple[str, ...], catalog: str | None, as_json: bool, section: str | None) -> None:
    """List what the catalog holds; with words, only entries in which every word is found."""
    from freehold.cli.show import say, table
    from freehold.cli.today import today
    from freehold.estate.catalog.browse import AGE_KIND, search
    from freehold.estate.impact import unknown

    if section is not None and section not in AGE_KIND:
        raise unknown("section", section, AGE_KIND)
    found = [
        item for item in search(chosen_catalog(catalog), words, today()) if section in (None, item.section)
    ]
    if as_json:
        emit_json("catalog-list/1", {"entries": found})
        return
    if not found:
        say(f"Nothing in the catalog holds {' and '.join(words)}.")
        return
    rows = [
        (item.id, item.section, item.name, item.status, item.as_of + (" stale" if item.stale else ""))
        for item in found
    ]
    table(("entry", "section", "name", "status", "as of"), rows)
