"""Searching the ledger: filters by time, workload, home, outcome; totals."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Literal

import msgspec

from freehold.ledger.facts import Facts

LIMIT_MAX = 100_000
GroupBy = Literal["workload", "home", "outcome", "kind", "key"]


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """None: any. Times are of the record, from `since_ns` up to but not including `until_ns`."""

    since_ns: int | None = None
    until_ns: int | None = None
    kind: str | None = None
    workload: str | None = None
    home: str | None = None
    outcome: str | None = None
    key: str | None = None


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over records. What is unknown is counted, never added as zero."""

    group: str | None
    records: int
    tokens_in: int | None
    tokens_out: int | None
    nano_usd: int | None
    tokens_unknown: int
    cost_unknown: int


def _where(filters: Filters) -> tuple[str, dict[str, Any]]:
    parts = [f"{name} = :{name}" for name in ("kind", "workload", "home", "outcome", "key")
             if getattr(filters, name) is not None]  # fmt: skip
    if filters.since_ns is not None:
        parts.append("time_ns >= :since_ns")
    if filters.until_ns is not None:
        parts.append("time_ns < :until_ns")
    return " AND ".join(parts) or "1", msgspec.to_builtins(filters)


def matching(database: sqlite3.Connection, filters: Filters, limit: int) -> Iterator[Facts]:
    """The newest `limit` records, oldest first."""
    where, values = _where(filters)
    newest = f"SELECT * FROM records WHERE {where} ORDER BY seq DESC LIMIT :limit"  # noqa: S608  # fixed words
    with closing(database.cursor()) as cursor:
        rows = cursor.execute(newest, {**values, "limit": min(limit, LIMIT_MAX)}).fetchall()
    return (Facts(*row) for row in reversed(rows))


def totals(database: sqlite3.Connection, filters: Filters, by: GroupBy | None = None) -> list[Total]:
    where, values = _where(filters)
    group = by or "NULL"
    query = (
        f"SELECT {group}, count(*), sum(tokens_in), sum(tokens_out), sum(nano_usd),"  # noqa: S608  # fixed words
        " count(*) FILTER (WHERE tokens_in IS NULL OR tokens_out IS NULL),"
        f" count(*) FILTER (WHERE nano_usd IS NULL) FROM records WHERE {where} GROUP BY 1 ORDER BY 2 DESC"
    )
    with closing(database.cursor()) as cursor:
        rows = cursor.execute(query, values).fetchall()
    return [
        Total(
            group=row[0], records=row[1], tokens_in=row[2], tokens_out=row[3], nano_usd=row[4],
            tokens_unknown=row[5], cost_unknown=row[6],
        )
        for row in rows
    ]  # fmt: skip


def matches(facts: Facts, filters: Filters) -> bool:
    """The same filters, over one record in memory."""
    if filters.since_ns is not None and facts.time_ns < filters.since_ns:
        return False
    if filters.until_ns is not None and facts.time_ns >= filters.until_ns:
        return False
    return all(
        getattr(filters, name) in (None, getattr(facts, name))
        for name in ("kind", "workload", "home", "outcome", "key")
    )
