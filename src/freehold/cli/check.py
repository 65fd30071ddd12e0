"""`freehold check`: read freehold.toml and report every problem at once."""

from __future__ import annotations

import click

from freehold.cli.loading import load_settings
from freehold.cli.output import config_option, emit_json, json_option
from freehold.cli.show import say
from freehold.cli.today import today
from freehold.estate.build import build_estate, catalog_of
from freehold.estate.notes import notes

COUNTED = ("homes", "pools", "services", "models", "policies", "workloads", "contracts")


@click.command()
@config_option
@json_option
def command(config: str | None, as_json: bool) -> None:
    """Read freehold.toml and report every problem at once. Runs no commands, opens no connections."""
    loaded = load_settings(config)
    estate = build_estate(loaded)
    remarks = notes(estate, catalog_of(loaded), today())
    counts = {name: len(loaded.sections[name]) for name in COUNTED}
    if as_json:
        data = {
            "source": str(loaded.source),
            "digest": loaded.digest,
            "estate": estate.name,
            "counts": counts,
        }
        emit_json("check/1", {**data, "problems": [], "notes": remarks})
        return
    words = ", ".join(_counted(name, count) for name, count in counts.items() if count)
    click.echo(f"{loaded.source}: fine ({words or 'no homes yet'})")
    for remark in remarks:
        say(f"note: {remark}")


def _counted(name: str, count: int) -> str:
    if count != 1:
        return f"{count} {name}"
    return f"1 {name[:-3]}y" if name.endswith("ies") else f"1 {name.removesuffix('s')}"
