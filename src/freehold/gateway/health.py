"""How a home has been doing: a breaker that counts how answers end, and an eye for homes that grow slow.

A stream that opens well and breaks later is a failure here. All state is per home and per process; time and
chance come in as arguments, so that everything replays.
"""

from __future__ import annotations

import math
import random
from collections import deque
from typing import Final, Literal

CONSECUTIVE_MAX: Final = 5
WINDOW: Final = 20
WINDOW_MIN: Final = 10
RATE_MAX: Final = 0.5
COOLING_SECONDS_FIRST: Final = 1.0
COOLING_SECONDS_MAX: Final = 60.0
RAMP_SECONDS: Final = 10.0
JITTER: Final = 0.2
RECENT: Final = 15  # answers from which a home's present speed is judged
BATCH: Final = 32  # answers learned from at a time; so many before its past means anything
PAST_WEIGHT: Final = 1 / 8  # of a batch, once there were as many
SLOW_RATIO_MIN: Final = 2.0
SLOW_SPREADS: Final = 3.0
SLOW_SECONDS_MIN: Final = 0.005  # below this nobody notices, and a busy machine makes it
FORGET_SECONDS: Final = 60.0  # without an answer, after which a home's usual time is no longer known
PROBE_EVERY: Final = 16  # calls of which a slow home still gets one, to see it recover

State = Literal["closed", "cooling", "half_open", "ramping"]


class Health:
    """One home as this process sees it."""

    __slots__ = (
        "_batch", "_cooling_s", "_limit", "_over", "_past", "_random", "_recent", "_spread", "_window",
        "batches", "calm", "consecutive", "epoch", "failures", "half_open_busy", "last_success", "slow",
        "state", "successes", "until", "warned_until",
    )  # fmt: skip

    def __init__(self, chance: random.Random) -> None:
        self._random = chance
        self._window: deque[bool] = deque(maxlen=WINDOW)
        self._recent: deque[bool] = deque(maxlen=RECENT)  # was it over the limit?
        self._batch: list[float] = []
        self._over = self.batches = 0
        self._past = self._spread = 0.0
        self._limit = math.inf
        self._cooling_s = COOLING_SECONDS_FIRST
        self.state: State = "closed"
        self.until = 0.0  # when cooling or ramping ends
        self.warned_until = 0.0  # another process has found it failing
        self.calm = True  # nothing about this home changes from call to call, so an order with it may be kept
        self.consecutive = 0
        self.half_open_busy = False
        self.slow = False
        self.successes = self.failures = 0
        self.last_success = 0.0
        self.epoch = 0  # changes whenever the order of homes may change

    # --- how answers end ---

    def succeeded(self, now: float) -> None:
        self.successes += 1
        self.last_success = now
        self.consecutive = 0
        self._window.append(True)
        if self.state == "closed":
            return
        if self.state == "half_open" or (self.state == "cooling" and now >= self.until):
            self.half_open_busy = False
            self._window.clear()
            self._enter("ramping", now + RAMP_SECONDS * self._jitter())
        elif self.state == "ramping" and now >= self.until:
            self._cooling_s = COOLING_SECONDS_FIRST
            self._enter("closed", 0.0)

    def failed(self, now: float, wait_seconds: float | None = None) -> None:
        """`wait_seconds` is what the home asked for; it lengthens the cooling, and never shortens it."""
        self.failures += 1
        self.consecutive += 1
        self._window.append(False)
        if self.state == "cooling":
            self.until = max(self.until, now + (wait_seconds or 0.0))
        elif self.state in ("half_open", "ramping") or self._tripped() or wait_seconds is not None:
            self._cool(now, wait_seconds)
        elif now < self.warned_until:
            self._cool(now, None)

    def warned(self, until: float) -> None:
        """Another process finds it failing: until then, one failure here is enough."""
        self.warned_until = max(self.warned_until, until)

    def gave_up(self) -> None:
        """A probe ended without telling us anything, such as a caller who left."""
        if self.state == "half_open":
            self.half_open_busy = False

    def _tripped(self) -> bool:
        if self.consecutive >= CONSECUTIVE_MAX:
            return True
        return len(self._window) >= WINDOW_MIN and self._window.count(False) / len(self._window) >= RATE_MAX

    def _cool(self, now: float, wait_seconds: float | None) -> None:
        seconds = max(self._cooling_s * self._jitter(), min(wait_seconds or 0.0, COOLING_SECONDS_MAX))
        if self._tripped() or self.state != "closed":
            self._cooling_s = min(self._cooling_s * 2, COOLING_SECONDS_MAX)
        self.half_open_busy = False
        self._enter("cooling", now + seconds)

    def _enter(self, state: State, until: float) -> None:
        self.state, self.until = state, until
        self._changed()

    def _changed(self) -> None:
        self.calm = self.state == "closed" and not self.slow
        self.epoch += 1

    def _jitter(self) -> float:
        return 1 + JITTER * (2 * self._random.random() - 1)

    # --- may it be asked? ---

    def rank(self, now: float) -> int:
        """0: well. 1: ramping up and not chosen this time, or slow. 2: being probed. 3: cooling."""
        if self.state == "closed":
            return 1 if self.slow and not self._probe() else 0
        if self.state == "ramping":
            share = 1 - max(0.0, self.until - now) / RAMP_SECONDS
            return 0 if self._random.random() < max(share, 0.1) else 1
        if self.state == "cooling" and now >= self.until:
            self._enter("half_open", 0.0)
        if self.state == "half_open":
            return 2 if self.half_open_busy else 0
        return 3

    def asked(self) -> None:
        """A call is on its way there."""
        if self.state == "half_open":
            self.half_open_busy = True

    def _probe(self) -> bool:
        return self._random.random() * PROBE_EVERY < 1

    def usual_seconds(self, now: float) -> float | None:
        """Its usual time to the first content; None while that is not known, or not any more."""
        if not self.batches or now - self.last_success > FORGET_SECONDS:
            return None
        return math.exp(self._past)

    # --- is it slower than it was? ---

    def took(self, seconds: float) -> None:
        """One answer's time to its first content. The home is slow while most of the last ones are over the
        limit, which is what saying that their median is over it comes to, without sorting them each time.
        """
        recent = self._recent
        if len(recent) == RECENT:
            self._over -= recent[0]
        over = seconds > self._limit
        recent.append(over)
        self._over += over
        if (self._over > RECENT // 2) != self.slow:
            self.slow = not self.slow
            self._changed()
        if not self.slow:
            self._batch.append(seconds)
            if len(self._batch) >= BATCH:
                self._learn()

    def _learn(self) -> None:
        """Move the past's median and spread, in logarithms, a step towards those of a batch."""
        values = sorted(math.log(max(seconds, 1e-6)) for seconds in self._batch)
        self._batch.clear()
        middle = values[len(values) // 2]
        spread = sum(abs(value - middle) for value in values) / len(values)
        self.batches += 1
        step = max(PAST_WEIGHT, 1 / self.batches)
        self._past += step * (middle - self._past)
        self._spread += step * (spread - self._spread)
        # The median of RECENT values strays by about 1.5 mean deviations / sqrt(RECENT).
        stray = SLOW_SPREADS * 1.5 * self._spread / math.sqrt(RECENT)
        past = math.exp(self._past)
        self._limit = max(past * math.exp(max(math.log(SLOW_RATIO_MIN), stray)), past + SLOW_SECONDS_MIN)
