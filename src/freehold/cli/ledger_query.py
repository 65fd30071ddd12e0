"""freehold ledger query"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import click
import msgspec

from freehold.cli.ledger_filters import aligned, filter_options, filters_from, words_of
from freehold.cli.ledger_place import ledger_option, open_readers
from freehold.cli.output import config_option, emit_json, json_option
from freehold.clock import SystemClock
from freehold.ledger import query
from freehold.ledger.facts import Facts
from freehold.units import show_usd

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
    filters = filters_from(options, SystemClock().now_ns())
    sums = totals or by is not None
    found: list[dict[str, Any]] = []
    for reader in open_readers(path, config):
        with closing(reader.searchable()) as database:
            if sums:
                rows = query.totals(database, filters, by)  # type: ignore[arg-type]  # click checked the word
                found += [{"writer": reader.writer, **msgspec.to_builtins(row)} for row in rows]
            else:
                facts = query.matching(database, filters, limit)
                found += [{"writer": reader.writer, **one._asdict()} for one in facts]
    if not sums:
        found = sorted(found, key=lambda one: int(one["time_ns"]))[-limit:]
    if as_json:
        emit_json("ledger-query/1", {"totals" if sums else "records": found})
    elif found:
        click.echo(_sums(found) if sums else aligned([words_of(_facts(one)) for one in found]))


def _facts(one: dict[str, Any]) -> Facts:
    return Facts(*(one[name] for name in Facts._fields))


def _sums(found: list[dict[str, Any]]) -> str:
    """One line per writer and group: sums of what is known, and for how many records nothing is."""
    rows = [("writer", "group", "records", "tokens in", "tokens out", "cost")]
    for one in found:
        cost = show_usd(one["nano_usd"])
        if one["nano_usd"] is not None and one["cost_unknown"]:
            cost += f" + {one['cost_unknown']} unknown"
        tokens_in, tokens_out = (
            "unknown" if one[name] is None else str(one[name]) for name in ("tokens_in", "tokens_out")
        )
        rows.append((one["writer"], one["group"] or "-", str(one["records"]), tokens_in, tokens_out, cost))
    return aligned(rows)
