"""The filters that `ledger tail` and `ledger query` share, and how one record is printed on one line."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from freehold.errors import FreeholdError, UsageError

if TYPE_CHECKING:
    from freehold.ledger.facts import Facts
    from freehold.ledger.query import Filters

F = TypeVar("F", bound=Callable[..., Any])
_AGO = re.compile(r"[\d.]+\s*(ns|us|ms|s|m|h|d|w)")


def filter_options(command: F) -> F:
    rows = (
        ("--since", "A time (2026-11-20T10:00) or how long ago (2h)."),
        ("--until", "As --since: only what is before it."),
        ("--workload", "Only this workload."),
        ("--home", "Only what ran on this home."),
        ("--outcome", "ok, refused, filtered, failed, cancelled, client_fault or denied."),
        ("--kind", "call, attempt, job, step, verdict, alarm, ..."),
        ("--caller", "Only this caller's key id."),
    )
    for name, text in reversed(rows):
        command = click.option(name, default=None, help=text)(command)
    return command


def filters_from(options: dict[str, Any], now_ns: int) -> Filters:
    from freehold.ledger.query import Filters

    return Filters(
        since_ns=moment(options["since"], now_ns), until_ns=moment(options["until"], now_ns),
        kind=options["kind"], workload=options["workload"], home=options["home"],
        outcome=options["outcome"], key=options["caller"],
    )  # fmt: skip


def moment(text: str | None, now_ns: int) -> int | None:
    """A point in time, from an ISO time (UTC unless it says otherwise) or a length of time before now."""
    from freehold.units import parse_duration_ns

    if text is None:
        return None
    try:
        if _AGO.match(text):
            return now_ns - parse_duration_ns(text)
        moment = datetime.fromisoformat(text)
    except (ValueError, FreeholdError) as error:
        raise UsageError(
            f"{text!r} is not a time", why="expected 2026-11-20T10:00, 2026-11-20, or a length such as 2h",
            fix="write one of these", code="ledger.time",
        ) from error  # fmt: skip
    moment = moment.replace(tzinfo=moment.tzinfo or UTC)
    return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1000


def words_of(facts: Facts) -> list[str]:
    """time, kind, workload, home, outcome, tokens in/out, cost, id; '-' where a record has none."""
    from freehold.units import show_usd

    when = datetime.fromtimestamp(facts.time_ns // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    tokens = f"{_or_dash(facts.tokens_in)}/{_or_dash(facts.tokens_out)}"
    cost = show_usd(facts.nano_usd) if facts.kind in ("call", "attempt", "step", "job") else "-"
    words = (when, facts.kind, facts.workload, facts.home, facts.outcome, tokens, cost, facts.id)
    return [_or_dash(word) for word in words]


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest word."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _or_dash(value: object) -> str:
    return "-" if value is None or value == "" else str(value)
