"""What is counted of calls, and what is told of a pool: to people, to other processes, and by engines."""

from __future__ import annotations

from typing import Final

import msgspec

KV_TIGHT: Final = 0.9
# Grades.
ROOM: Final = 0
NEAR: Final = 1
FULL: Final = 2


class Amount(msgspec.Struct, frozen=True):
    """What one call is counted for, input and output estimated before it is sent."""

    input: int
    output: int

    @property
    def tokens(self) -> int:
        return self.input + self.output


class Engine(msgspec.Struct, frozen=True, kw_only=True):
    """What a self-hosted engine says of itself."""

    running: int = 0
    waiting: int = 0
    kv_used: float | None = None
    waiting_before: int = 0  # at the scrape before: one queued call alone is no queue

    @property
    def tight(self) -> bool:
        return (self.waiting > 0 and self.waiting_before > 0) or (self.kv_used or 0.0) > KV_TIGHT


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A pool at one moment, for people and for other processes."""

    pool: str
    room: float | None = None  # share of its capacity that is free; None: nothing limits it that is known
    grade: int = ROOM
    wait_ms: int = 0
    in_flight: int = 0
    tokens_in_flight: int = 0
    throttled: int = 0
    requests_per_min: float | None = None
    tokens_per_min: float | None = None
    known_by: str = "nothing"  # told, configured, learned, metrics
    # For other processes: what was ever sent, and for how long the pool is closed.
    sent: float = 0.0
    sent_tokens: float = 0.0
    closed_ms: int = 0
