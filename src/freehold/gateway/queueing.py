"""A short wait for room, instead of a refusal: bounded in number and in time, first come first served.

Pure: it holds who waits and until when, and says who may go. The plane asks it as time passes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final, Generic, TypeVar

import msgspec

POLL_SECONDS_MIN: Final = 0.005
POLL_SECONDS_MAX: Final = 0.25  # room may come back earlier than was thought

Call = TypeVar("Call")


class QueueRules(msgspec.Struct, frozen=True, kw_only=True):
    calls_max: int = 200  # that wait at once for one workload; 0: nobody waits
    seconds_max: float = 5.0  # that one of them waits


class Entry(msgspec.Struct, Generic[Call], kw_only=True, eq=False):
    """One call that waits."""

    call: Call
    since: float
    until: float  # then it has waited for as long as it may
    gone: bool = False


class Queue(Generic[Call]):
    """The calls of one workload that wait for room."""

    __slots__ = ("_live", "_waiting", "rules")

    def __init__(self, rules: QueueRules) -> None:
        self.rules = rules
        self._waiting: deque[Entry[Call]] = deque()
        self._live = 0

    def __len__(self) -> int:
        return self._live

    def admits(self, wait_seconds: float, left_seconds: float) -> bool:
        """Is it worth waiting? Room is due in `wait_seconds`; `left_seconds` remain of the call's time."""
        rules = self.rules
        return self._live < rules.calls_max and wait_seconds <= min(rules.seconds_max, left_seconds)

    def join(self, call: Call, now: float, left_seconds: float, *, ahead: bool = False) -> Entry[Call]:
        """`ahead`: it was asked for before, and turned away; it does not start again behind everybody."""
        until = now + min(self.rules.seconds_max, left_seconds)
        entry = Entry(call=call, since=now, until=until)
        if ahead:
            self._waiting.appendleft(entry)
        else:
            self._waiting.append(entry)
        self._live += 1
        return entry

    def leave(self, entry: Entry[Call]) -> None:
        """Its caller hung up, or its time is over. Taken out when its turn comes."""
        if not entry.gone:
            entry.gone = True
            self._live -= 1

    def first(self) -> Entry[Call] | None:
        waiting = self._waiting
        while waiting and waiting[0].gone:
            waiting.popleft()
        return waiting[0] if waiting else None

    def take(self) -> Entry[Call]:
        """The first one goes."""
        entry = self.first()
        if entry is None:
            raise IndexError("nobody waits")
        self._waiting.popleft()
        entry.gone = True
        self._live -= 1
        return entry

    def overdue(self, now: float) -> Iterator[Entry[Call]]:
        """Those that have waited long enough; they leave."""
        for entry in [one for one in self._waiting if not one.gone and one.until <= now]:
            self.leave(entry)
            yield entry

    def next_look(self, wait_seconds: float, now: float) -> float:
        """Seconds until it is worth asking again, given that room was said to come in `wait_seconds`."""
        first = self.first()
        left = first.until - now if first is not None else POLL_SECONDS_MAX
        return min(max(min(wait_seconds, left), POLL_SECONDS_MIN), POLL_SECONDS_MAX)
