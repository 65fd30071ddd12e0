"""The limit of a pool that tells none: learned from when it throttles, and what it let through in between.

At a throttle the vendor's bucket is empty. So what it let through between two of them is no more than its
rate times the time, and just that where calls were pressing: no ceiling lies below the largest of such
quotients. From then on a little less than the ceiling is sent, creeping back; and only after a while, longer
each time the ceiling is confirmed, is more tried.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from freehold.gateway.bucket import Bucket

BACK: Final = 0.94  # of the ceiling, right after a throttle
GUESS_BACK: Final = 0.6  # of a guess that was throttled again at once
BELOW_BACK: Final = 0.9  # of a ceiling below which a throttle came
APART_SECONDS: Final = 0.3  # throttles closer than this are one
APART_MIN_SECONDS: Final = 4.0  # throttles at least so far apart tell a rate
APART_MAX_SECONDS: Final = 400.0  # older ones belong to other times
ANCHORS: Final = 12
HOLD_SECONDS_FIRST: Final = 5.0  # below the ceiling, before looking for more
HOLD_SECONDS_MAX: Final = 300.0
GROWTH_FIRST: Final = 1.05  # a second, until the ceiling was confirmed
GROWTH: Final = 1.01
CONFIRMED: Final = 1.3  # a throttle within this factor of the ceiling confirms it
BURST_SECONDS: Final = 2.0  # how much of a rate may go at once
BURST_SECONDS_MIN: Final = 0.1
BURST_SECONDS_MAX: Final = 20.0
BURST_GROWTH: Final = 1.01  # a second
FORGET_SECONDS: Final = 900.0
RATE_MIN: Final = 1 / 60  # calls a second: a pool is asked at least once a minute


class Learned:
    """One rate, in calls or in tokens a second."""

    __slots__ = ("_anchors", "_confirmed", "_grown_s", "_hold_s", "_taken", "bucket", "burst_s", "ceiling")

    def __init__(self) -> None:
        self.ceiling: float | None = None  # None: never throttled, so nothing is held back
        self.bucket: Bucket | None = None
        self.burst_s = BURST_SECONDS
        self._anchors: deque[tuple[float, float]] = deque(maxlen=ANCHORS)  # throttles: when, taken until then
        self._taken = 0.0  # ever
        self._hold_s = HOLD_SECONDS_FIRST
        self._grown_s = 0.0  # time under pressure since the last throttle
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
        if self._anchors and now - self._anchors[-1][0] < APART_SECONDS:
            return
        ceiling = recent_per_second if self.ceiling is None else self._learn(self.ceiling, now)
        self.ceiling = max(ceiling, amount * RATE_MIN)
        self._anchors.append((now, self._taken))
        self._grown_s = 0.0
        self._fit(now)
        assert self.bucket is not None
        self.bucket.level = min(self.bucket.level, 0.0)

    def _learn(self, before: float, now: float) -> float:
        """The new ceiling."""
        found = self._between(now)
        if found is None:  # a guess, and it was too high
            self._hold_s = HOLD_SECONDS_FIRST
            return before * GUESS_BACK
        if self._grown_s > self._hold_s:  # more was tried, and there was none: the ceiling holds
            after = max(found, before)
        else:  # met below the ceiling: by a burst, or the limit has come down
            self.burst_s = max(self.burst_s / 2, BURST_SECONDS_MIN)
            after = max(found, before * BELOW_BACK)
        if after <= before * CONFIRMED:
            self._confirmed += 1
            self._hold_s = min(self._hold_s * 2, HOLD_SECONDS_MAX)
        else:
            self._confirmed = 0
            self._hold_s = HOLD_SECONDS_FIRST
        return after

    def _between(self, now: float) -> float | None:
        """The most it let through a second since one of the throttles before. None: they are too recent."""
        if now - self._anchors[0][0] < APART_MIN_SECONDS:
            return None
        found = [
            (self._taken - taken) / (now - at)
            for at, taken in self._anchors
            if APART_MIN_SECONDS <= now - at <= APART_MAX_SECONDS
        ]
        return max(found, default=0.0)

    def rate(self) -> float | None:
        """What may go now, a second."""
        if self.ceiling is None:
            return None
        if self._grown_s <= self._hold_s:
            return self.ceiling * (BACK + (1 - BACK) * self._grown_s / self._hold_s)
        growth = GROWTH if self._confirmed else GROWTH_FIRST
        return self.ceiling * float(growth ** min(self._grown_s - self._hold_s, 120.0))

    def pass_time(self, now: float, seconds: float, pressed: float) -> None:
        """Growth counts only while calls are held back: a rate that nobody needs proves nothing. The more it
        is needed, the faster: `pressed` is 0 for not at all, 1 for waiting calls, more for refused ones.
        """
        if self.ceiling is None:
            return
        if now - self._anchors[-1][0] > FORGET_SECONDS:
            self.ceiling = self.bucket = None
            self.burst_s = BURST_SECONDS
            self._anchors.clear()
            return
        self._grown_s += seconds * pressed
        self.burst_s = min(self.burst_s * BURST_GROWTH**seconds, BURST_SECONDS_MAX)
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
