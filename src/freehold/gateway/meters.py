"""What a key's limits count, in which windows, and how much of a limit one process is lent. Pure.

Every limit is kept the same way: per window, what is spent and what each process may still spend add up to no
more than the limit. A process says how much it has used and up to where it may go; both only grow in its own
window, so saying it twice changes nothing.
"""

from __future__ import annotations

import datetime
from typing import Final, NamedTuple

import msgspec

CONCURRENCY: Final = 0
REQUESTS: Final = 1
TOKENS: Final = 2
DOLLARS: Final = 3
DOLLARS_DAY: Final = 4
DOLLARS_MONTH: Final = 5
NAMES: Final = (
    "concurrency", "requests_per_min", "tokens_per_min", "budget", "budget_per_day", "budget_per_month"
)  # fmt: skip
COUNTS_DOLLARS: Final = frozenset({DOLLARS, DOLLARS_DAY, DOLLARS_MONTH})  # in nano-dollars
# What is held, not used up: when a process is gone, so is what it held.
COMES_BACK: Final = frozenset({CONCURRENCY})
# Whole numbers up to here are exact in every store, those that count in floating point too: $9 million.
UNITS_MAX: Final = 9_000_000_000_000_000
_MINUTE_NS: Final = 60 * 10**9
_DAY_NS: Final = 86_400 * 10**9
NEVER_NS: Final = 2**62


def window_of(kind: int, now_ns: int) -> int:
    """The number of the minute, day or month in UTC that `now_ns` falls in; 0 where there is one window."""
    if kind in (REQUESTS, TOKENS):
        return now_ns // _MINUTE_NS
    if kind == DOLLARS_DAY:
        return now_ns // _DAY_NS
    if kind == DOLLARS_MONTH:
        today = datetime.datetime.fromtimestamp(now_ns // 10**9, datetime.UTC)
        return today.year * 12 + today.month - 1
    return 0


def window_ends_ns(kind: int, window: int) -> int:
    if kind in (REQUESTS, TOKENS):
        return (window + 1) * _MINUTE_NS
    if kind == DOLLARS_DAY:
        return (window + 1) * _DAY_NS
    if kind == DOLLARS_MONTH:
        year, month = divmod(window + 1, 12)
        return int(datetime.datetime(year, month + 1, 1, tzinfo=datetime.UTC).timestamp()) * 10**9
    return NEVER_NS


class Place(NamedTuple):
    """One window of one limit of one key: what everything is counted by."""

    key: str
    kind: int
    window: int


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What a process says of its part of a window, and asks for."""

    place: Place
    limit: int
    used: int = 0  # by this process, since it first had a part
    ceiling: int = 0  # up to where it may go; never below what it has used and reserved
    need: int = 0  # no use in having less
    want: int = 0
    done: bool = False  # it needs its part no longer


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """How far a process may go from now on, and what is left for everybody."""

    place: Place
    ceiling: int
    left: int  # if everybody gave back what they have not used
    fair: int  # what one process should hold unused, so that the others get some


class Sums(NamedTuple):
    """A window as the store has it, without the part of the process that asks."""

    spent: int = 0
    uncertain: int = 0
    others_used: int = 0
    others_ceiling: int = 0
    others: int = 0  # processes that have a part


def granted(ask: Ask, sums: Sums) -> Grant:
    """All of what is needed or nothing of it; more only as far as others find some left too."""
    free = ask.limit - sums.spent - sums.uncertain - sums.others_ceiling - ask.ceiling
    fair = max(0, free) // (2 * (sums.others + 1))
    extra = 0
    if ask.need <= free:
        extra = max(ask.need, min(ask.want, fair))
    left = ask.limit - sums.spent - sums.uncertain - sums.others_used - ask.used
    return Grant(place=ask.place, ceiling=ask.ceiling + extra, left=left, fair=fair)
