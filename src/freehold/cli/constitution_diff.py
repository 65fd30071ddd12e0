"""freehold constitution diff"""

from __future__ import annotations

from pathlib import Path

import click

from freehold.cli.output import emit_json, json_option
from freehold.errors import EXIT_FINDING

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("old", type=FILE)
@click.argument("new", type=FILE)
@json_option
def command(old: Path, new: Path, as_json: bool) -> int:
    """Say what changed between two constitutions, principle by principle. Exit code 1 if anything did."""
    from freehold.align.constitution import diff, read_constitution

    before, after = read_constitution(old), read_constitution(new)
    changes = diff(before, after)
    if as_json:
        emit_json("constitution-diff/1", {"before": before.digest, "after": after.digest, "changes": changes})
    elif not changes:
        click.echo("they say the same")
    for change in () if as_json else changes:
        place = f"principles.{change.principle}" if change.principle else "constitution"
        click.echo(f"{change.kind:8} {place}{'.' + change.field if change.field else ''}")
        click.echo(
            "".join(
                f"    {sign} {text}\n" for sign, text in (("-", change.before), ("+", change.after)) if text
            ),
            nl=False,
        )
    return EXIT_FINDING if changes else 0
