"""freehold catalog show"""

from __future__ import annotations

import click

from freehold.cli.catalog_options import catalog_option, chosen_catalog
from freehold.cli.output import emit_json, json_option


@click.command()
@click.argument("entry")
@catalog_option
@json_option
def command(entry: str, catalog: str | None, as_json: bool) -> None:
    """Show one entry whole, each figure with who says so and as of when."""
    from freehold.cli.show import say, table
    from freehold.cli.today import today
    from freehold.estate.catalog.age import mark
    from freehold.estate.catalog.browse import AGE_KIND, figures, items
    from freehold.estate.impact import unknown

    day = today()
    every = list(items(chosen_catalog(catalog), day))
    found = [item for item in every if item.id == entry]
    if not found:
        raise unknown("catalog entry", entry, [item.id for item in every])
    if as_json:
        emit_json("catalog-show/1", {"entries": found})
        return
    for item in found:
        say(f"{item.section} {item.id}  {item.name}")
        kind = AGE_KIND[item.section]
        if item.source:
            say(f"  {item.status}: {item.source}, {item.as_of} {mark(item.as_of, kind, day)}".rstrip())
        known = figures(item.entry)
        rows = [
            (
                name,
                f"{one.value:g}",
                one.status,
                f"{one.as_of} {mark(one.as_of, kind, day)}",
                one.source,
            )
            for name, one in known.items()
        ]
        if rows:
            table(("figure", "value", "status", "as of", "source"), rows)
        for name in item.entry.__struct_fields__:
            value = getattr(item.entry, name)
            if (
                name not in known
                and value not in (None, "", (), {})
                and name not in ("source", "as_of", "status")
            ):
                say(f"  {name}: {_plain(value)}")


def _plain(value: object) -> str:
    import msgspec

    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
