"""freehold ledger query"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import click

from freehold.cli.ledger_filters import filter_options, filters_from, line_of
from freehold.cli.ledger_place import ledger_option, open_readers
from freehold.cli.output import config_option, emit_json, json_option

GROUPS = ("workload", "home", "outcome", "kind", "key")


@click.command()
@filter_options
@click.option("--totals", is_flag=True, help="Sums instead of records.")
@click.option("--by", type=click.Choice(GROUPS), default=None, help="Sums for each of these.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True,
              help="At most so many records, the newest.")  # fmt: skip
@ledger_option
@config_option
@json_option
def command(
    totals: bool,
    by: str | None,
    limit: int,
    path: Path | None,
    config: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Search the ledger by time, workload, home, outcome; or sum up."""
    from freehold.clock import SystemClock
    from freehold.ledger import query

    filters = filters_from(options, SystemClock().now_ns())
    found: list[dict[str, Any]] = []
    for reader in open_readers(path, config):
        with closing(reader.searchable()) as database:
            if totals or by:
                rows = query.totals(database, filters, by)  # type: ignore[arg-type]  # click checked the word
                found += [{"writer": reader.writer, **_total(row)} for row in rows]
            else:
                rows_of = query.matching(database, filters, limit)
                found += [
                    {"writer": reader.writer, **facts._asdict(), "line": line_of(facts)} for facts in rows_of
                ]
    if as_json:
        name = "totals" if totals or by else "records"
        emit_json("ledger-query/1", {name: [{k: v for k, v in one.items() if k != "line"} for one in found]})
    elif totals or by:
        _print_totals(found)
    else:
        for one in sorted(found, key=lambda one: one["time_ns"])[-limit:]:
            click.echo(one["line"])


def _total(row: Any) -> dict[str, Any]:
    import msgspec

    total: dict[str, Any] = msgspec.to_builtins(row)
    return total


def _print_totals(found: list[dict[str, Any]]) -> None:
    """One line per writer and group; sums of what is known, and for how many records nothing is."""
    from freehold.units import show_usd

    click.echo("writer  group  records  tokens in  tokens out  cost")
    for one in found:
        cost = show_usd(one["nano_usd"])
        if one["nano_usd"] is not None and one["cost_unknown"]:
            cost += f" + {one['cost_unknown']} unknown"
        tokens = [
            ("unknown" if one[name] is None else str(one[name])) for name in ("tokens_in", "tokens_out")
        ]
        words = (one["writer"], one["group"] or "-", str(one["records"]), *tokens, cost)
        click.echo("  ".join(words))
