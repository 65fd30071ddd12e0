"""Time as an argument: the real clock, a fake one for replay, and ids that sort by time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Protocol

from freehold.types.names import RecordId

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ULID_LENGTH = 26


class Clock(Protocol):
    def now_ns(self) -> int:
        """Wall time, nanoseconds since 1970 in UTC."""
        ...

    def monotonic_ns(self) -> int:
        """Time that never goes back, for durations."""
        ...


class SystemClock:
    __slots__ = ()

    now_ns = staticmethod(time.time_ns)  # no frame of ours: the data plane reads it often
    monotonic_ns = staticmethod(time.monotonic_ns)


class FakeClock:
    """A clock that moves only when told to."""

    __slots__ = ("_elapsed_ns", "_start_ns")

    def __init__(self, start_ns: int = 1_760_000_000_000_000_000) -> None:
        self._start_ns = start_ns
        self._elapsed_ns = 0

    def now_ns(self) -> int:
        return self._start_ns + self._elapsed_ns

    def monotonic_ns(self) -> int:
        return self._elapsed_ns

    def advance(self, seconds: float) -> None:
        self._elapsed_ns += round(seconds * 1e9)


def seconds_of(clock: Clock) -> Callable[[], float]:
    """A function that reads the clock that never goes back, in seconds."""
    if isinstance(clock, SystemClock):
        return time.monotonic
    return lambda: clock.monotonic_ns() / 1e9


def ulid(now_ns: int, entropy: bytes | None = None) -> RecordId:
    """A 26-character id: 48 bits of milliseconds, 80 bits of randomness, in Crockford's base 32."""
    random80 = int.from_bytes(os.urandom(10) if entropy is None else entropy[:10], "big")
    value = ((now_ns // 1_000_000) & 0xFFFF_FFFF_FFFF) << 80 | random80
    return RecordId("".join(CROCKFORD[(value >> shift) & 31] for shift in range(125, -1, -5)))
