"""One timer for every wait of the data plane, instead of one per call.

Whatever waits holds its own `deadline` and moves it as bytes arrive, which costs one attribute. The scan runs
when the earliest deadline it saw comes, and no later than the shortest wait there is.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

GRAIN_SECONDS: Final = 0.005  # scans come no closer together than this
NEVER: Final = float("inf")


class Waiting(Protocol):
    __slots__ = ()
    deadline: float  # on the loop's clock; NEVER while nothing is waited for

    def expired(self) -> None: ...


class Deadlines:
    """`shortest_seconds` is the smallest wait anyone will ask for; a deadline set later is seen in time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, shortest_seconds: float) -> None:
        self._loop = loop
        self._shortest = max(shortest_seconds, GRAIN_SECONDS)
        self._timer: asyncio.TimerHandle | None = None
        self.waiting: set[Waiting] = set()

    def allow(self, seconds: float) -> None:
        """Someone may wait as little as this from now on."""
        if seconds < self._shortest:
            self._shortest = max(seconds, GRAIN_SECONDS)
            if self._timer is not None:
                self._timer.cancel()
                self._timer = self._loop.call_later(GRAIN_SECONDS, self._scan)

    def add(self, one: Waiting) -> None:
        self.waiting.add(one)
        if self._timer is None:
            self._timer = self._loop.call_later(self._shortest, self._scan)

    def discard(self, one: Waiting) -> None:
        self.waiting.discard(one)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.waiting.clear()

    def _scan(self) -> None:
        now = self._loop.time()
        earliest = now + self._shortest
        late = []
        for one in self.waiting:
            if one.deadline <= now:
                late.append(one)
            elif one.deadline < earliest:
                earliest = one.deadline
        for one in late:
            if one in self.waiting:  # one that expired before it may have taken it away
                one.expired()
        self._timer = (
            self._loop.call_at(max(earliest, now + GRAIN_SECONDS), self._scan) if self.waiting else None
        )
