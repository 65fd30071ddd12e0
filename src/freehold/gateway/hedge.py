"""When a second home is asked because the first is slow: after a quantile of its own times, within a budget.

Pure: numbers in, a decision out. Who is asked, and who is told to stop, is `hedging`'s business.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec

SAMPLES: Final = 256  # of a home's times, from which its quantile is read
SAMPLES_MIN: Final = 30  # fewer tell nothing about a tail
RENEW_EVERY: Final = 16
WINDOW_CALLS: Final = 10_000  # over which the shares are counted; older calls fade


class HedgeRules(msgspec.Struct, frozen=True, kw_only=True):
    quantile: float = 0.95
    calls_share_max: float = 0.05
    cost_share_max: float = 0.05
    delay_seconds_min: float = 0.05


class Times:
    """A home's latest times to the first content, and a quantile of them."""

    __slots__ = ("_kept", "_quantile", "_since", "_value")

    def __init__(self, quantile: float) -> None:
        self._quantile = quantile
        self._kept: deque[float] = deque(maxlen=SAMPLES)
        self._since = 0
        self._value: float | None = None

    def add(self, seconds: float) -> None:
        self._kept.append(seconds)
        self._since += 1
        if len(self._kept) >= SAMPLES_MIN and (self._value is None or self._since >= RENEW_EVERY):
            ordered = sorted(self._kept)
            self._value = ordered[min(int(len(ordered) * self._quantile), len(ordered) - 1)]
            self._since = 0

    @property
    def value(self) -> float | None:
        """None until enough is known."""
        return self._value


class Budget:
    """Hedges may be no more than a share of the calls and of what the calls cost."""

    __slots__ = ("_calls", "_cost", "_hedge_cost", "_hedges", "rules")

    def __init__(self, rules: HedgeRules) -> None:
        self.rules = rules
        self._calls = self._hedges = 0.0
        self._cost = self._hedge_cost = 0.0

    def called(self, nano_usd: int | None) -> None:
        """A call was made; None: nobody knows what it costs."""
        if self._calls >= WINDOW_CALLS:
            self._calls, self._hedges = self._calls / 2, self._hedges / 2
            self._cost, self._hedge_cost = self._cost / 2, self._hedge_cost / 2
        self._calls += 1
        self._cost += nano_usd or 0

    def allows(self, nano_usd: int | None) -> bool:
        """May one more be made, that may cost so much? With unknown prices only the calls are counted."""
        rules = self.rules
        if self._hedges + 1 > rules.calls_share_max * self._calls:
            return False
        if nano_usd is None or self._cost <= 0:
            return True
        return self._hedge_cost + nano_usd <= rules.cost_share_max * self._cost

    def hedged(self, nano_usd: int | None) -> None:
        self._hedges += 1
        self._hedge_cost += nano_usd or 0


def delay_of(times: Times | None, rules: HedgeRules) -> float | None:
    """After how long a home that has said nothing is not waited for alone; None: it is."""
    value = times.value if times is not None else None
    return None if value is None else max(value, rules.delay_seconds_min)
