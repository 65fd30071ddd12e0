"""freehold catalog stale"""

from __future__ import annotations

import click

from freehold.cli.catalog_options import catalog_option, chosen_catalog
from freehold.cli.output import emit_json, json_option
from freehold.errors import EXIT_FINDING


@click.command()
@catalog_option
@json_option
def command(catalog: str | None, as_json: bool) -> int:
    """List what is past its age limit, oldest first; exits 1 if there is any."""
    from freehold.cli.show import say, table
    from freehold.cli.today import today
    from freehold.estate.catalog.age import AGE_DAYS_MAX
    from freehold.estate.catalog.browse import AGE_KIND, stale

    found = stale(chosen_catalog(catalog), today())
    if as_json:
        emit_json(
            "catalog-stale/1",
            {"entries": [{"section": i.section, "id": i.id, "as_of": i.as_of, "days": d} for i, d in found]},
        )
    elif not found:
        say("Nothing is past its age limit.")
    else:
        rows = [
            (i.id, i.section, i.as_of, days, AGE_DAYS_MAX[AGE_KIND[i.section]], i.source) for i, days in found
        ]
        table(("entry", "section", "as of", "days old", "limit", "source"), rows)
    return EXIT_FINDING if found else 0
