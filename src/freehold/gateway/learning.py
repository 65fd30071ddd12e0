"""The limit of a pool that tells none: learned from when it throttles, and how fast it took calls until then.

Between two throttles that lie close together the vendor's bucket was empty at both ends, so what it let
through in between is its rate. Where they lie far apart, the rate just before the throttle is an upper bound.
Afterwards the rate creeps back to that ceiling, stays below it the longer the more often it was confirmed,
and only then looks whether there is more.
"""

from __future__ import annotations

from typing import Final

from freehold.gateway.bucket import Bucket

BACK: Final = 0.93  # of the ceiling, right after a throttle
CLOSE_SECONDS: Final = 20.0  # throttles no further apart tell the rate between them
APART_SECONDS: Final = 0.3  # throttles closer than this are one
DROP_MAX: Final = 0.25  # the ceiling falls to no less than this share at once
HOLD_SECONDS_FIRST: Final = 4.0  # below the ceiling, before looking for more
HOLD_SECONDS_MAX: Final = 240.0
GROWTH_FIRST: Final = 1.10  # a second, until the ceiling was seen twice
GROWTH: Final = 1.015
CONFIRMED: Final = 1.3  # a throttle within this factor of the ceiling confirms it
BURST_SECONDS: Final = 1.0  # how much of a rate may go at once
BURST_SECONDS_MIN: Final = 0.1
FORGET_SECONDS: Final = 900.0
RATE_MIN: Final = 1 / 60  # calls a second: a pool is asked at least once a minute


class Learned:
    """One rate, in calls or in tokens a second."""

    __slots__ = ("_confirmed", "_grown_s", "_hold_s", "_last", "_taken", "bucket", "burst_s", "ceiling")

    def __init__(self) -> None:
        self.ceiling: float | None = None  # None: never throttled, so nothing is held back
        self.bucket: Bucket | None = None
        self.burst_s = BURST_SECONDS
        self._hold_s = HOLD_SECONDS_FIRST
        self._grown_s = 0.0  # time under pressure since the last throttle
        self._last = 0.0  # when it was
        self._taken = 0.0  # let through since then
        self._confirmed = 0

    def took(self, amount: float) -> None:
        self._taken += amount
        if self.bucket is not None:
            self.bucket.level -= amount

    def returned(self, amount: float) -> None:
        """Counted as taken, and then not let through."""
        self._taken -= amount
        if self.bucket is not None:
            self.bucket.level += amount

    def throttled(self, now: float, recent_per_second: float, amount: float) -> None:
        """`recent_per_second`: how fast calls were let through lately; `amount`: of the throttled one."""
        rate = self.rate()
        elapsed = now - self._last
        if self.ceiling is None or rate is None:
            self.ceiling = max(recent_per_second, amount * RATE_MIN)
            self._hold_s = HOLD_SECONDS_FIRST
        else:
            if elapsed < APART_SECONDS:
                return
            self._learn(rate, self._taken / elapsed if elapsed <= CLOSE_SECONDS else None, amount)
        self._last, self._taken, self._grown_s = now, 0.0, 0.0
        self._fit(now)
        assert self.bucket is not None
        self.bucket.level = min(self.bucket.level, 0.0)

    def _learn(self, rate: float, between: float | None, amount: float) -> None:
        assert self.ceiling is not None
        before = self.ceiling
        found = rate if between is None else min(max(between, rate * DROP_MAX), rate)
        self.ceiling = max(found, amount * RATE_MIN)
        if before / CONFIRMED <= self.ceiling <= before * CONFIRMED:
            self._confirmed += 1
            self._hold_s = min(self._hold_s * 2, HOLD_SECONDS_MAX)
        else:
            self._confirmed = 0
            self._hold_s = HOLD_SECONDS_FIRST
        if rate <= before * BACK * 1.02:  # throttled well below the ceiling: bursts are what it minds
            self.burst_s = max(self.burst_s / 2, BURST_SECONDS_MIN)

    def rate(self) -> float | None:
        """What may go now, a second."""
        if self.ceiling is None:
            return None
        if self._grown_s <= self._hold_s:
            return self.ceiling * (BACK + (1 - BACK) * self._grown_s / self._hold_s)
        growth = GROWTH if self._confirmed else GROWTH_FIRST
        return self.ceiling * float(growth ** min(self._grown_s - self._hold_s, 60.0))

    def pass_time(self, now: float, seconds: float, pressed: bool) -> None:
        """Growth counts only while calls are held back: a rate that nobody needs proves nothing."""
        if self.ceiling is None:
            return
        if now - self._last > FORGET_SECONDS:
            self.ceiling = self.bucket = None
            self.burst_s = BURST_SECONDS
            return
        if pressed:
            self._grown_s += seconds
        self._fit(now)

    def _fit(self, now: float) -> None:
        rate = self.rate()
        assert rate is not None
        if self.bucket is None:
            self.bucket = Bucket(rate, rate * self.burst_s, now)
        else:
            self.bucket.left(now)
            self.bucket.per_second, self.bucket.depth = rate, max(rate * self.burst_s, 1.0)

    def wait(self, amount: float, now: float) -> float:
        return 0.0 if self.bucket is None else self.bucket.wait(amount, now)
