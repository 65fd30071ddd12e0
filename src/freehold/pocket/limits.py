"""Rate limits a pocket home keeps when told to, told with the vendor's own headers."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from freehold.pocket.hints import go_duration, rfc3339

MINUTE_S = 60.0
NOTHING_PER_MIN = 0.001  # a limit of nothing: one request, and no other for hours


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """None: no limit."""

    requests_per_min: int | None = None
    tokens_per_min: int | None = None


class Bucket:
    """Filled evenly up to `burst_s` worth. What is known late (output tokens) may take it below zero."""

    def __init__(self, per_min: float, burst_s: float = MINUTE_S) -> None:
        self.per_min = per_min
        self._most = max(per_min * burst_s / MINUTE_S, 1.0)
        self._level = self._most
        self._at_s = 0.0

    def level(self, now_s: float) -> float:
        grown = self._level + (now_s - self._at_s) * self.per_min / MINUTE_S
        self._level, self._at_s = min(grown, self._most), now_s
        return self._level

    def use(self, amount: float, now_s: float) -> None:
        self._level = self.level(now_s) - amount

    def wait_s(self, amount: float, now_s: float) -> float:
        """How long until `amount` may be used; an amount over the whole limit waits for a full bucket."""
        missing = min(amount, self._most) - self.level(now_s)
        return max(missing, 0.0) * MINUTE_S / self.per_min

    def full_in_s(self, now_s: float) -> float:
        return (self._most - self.level(now_s)) * MINUTE_S / self.per_min


class Limiter:
    """One pool's limits. Homes that are given the same one share it, as regions of one quota do."""

    def __init__(self, limits: Limits) -> None:
        self.buckets: dict[str, Bucket] = {}
        if limits.requests_per_min is not None:
            self.buckets["requests"] = Bucket(limits.requests_per_min)
        if limits.tokens_per_min is not None:
            self.buckets["tokens"] = Bucket(limits.tokens_per_min)

    @property
    def limits_anything(self) -> bool:
        return bool(self.buckets)

    def allow(self, requests_per_min: float | None, burst_s: float = MINUTE_S) -> None:
        """Another limit of requests from now on; None: none."""
        if requests_per_min is None:
            self.buckets.pop("requests", None)
        else:
            self.buckets["requests"] = Bucket(max(requests_per_min, NOTHING_PER_MIN), burst_s)

    def admit(self, tokens: int, now_s: float) -> float:
        """Zero and counted, or the seconds to wait."""
        amounts = {"requests": 1, "tokens": tokens}
        wait = max((one.wait_s(amounts[name], now_s) for name, one in self.buckets.items()), default=0.0)
        if wait == 0:
            for name, bucket in self.buckets.items():
                bucket.use(amounts[name], now_s)
        return wait

    def spent(self, tokens: int, now_s: float) -> None:
        """Output is known only at the end."""
        if "tokens" in self.buckets:
            self.buckets["tokens"].use(tokens, now_s)

    def headers(self, vendor: str, now_s: float, now_ns: int) -> dict[str, str]:
        """What the vendor tells of its limits on every reply; two of them tell nothing."""
        told: dict[str, str] = {}
        for name, bucket in self.buckets.items():
            left, reset_s = str(max(int(bucket.level(now_s)), 0)), bucket.full_in_s(now_s)
            if vendor in ("openai", "responses", "azure"):
                told[f"x-ratelimit-limit-{name}"] = str(int(bucket.per_min))
                told[f"x-ratelimit-remaining-{name}"] = left
                told[f"x-ratelimit-reset-{name}"] = go_duration(reset_s)
            elif vendor == "anthropic":
                told[f"anthropic-ratelimit-{name}-limit"] = str(int(bucket.per_min))
                told[f"anthropic-ratelimit-{name}-remaining"] = left
                at = datetime.fromtimestamp(now_ns / 1e9 + reset_s, UTC)
                told[f"anthropic-ratelimit-{name}-reset"] = rfc3339(at)
        return told


class Within(Limiter):
    """A home's own limits inside those of the pool it shares."""

    def __init__(self, own: Limiter, pool: Limiter) -> None:
        super().__init__(Limits())
        self._both = (own, pool)

    @property
    def limits_anything(self) -> bool:
        return any(one.buckets for one in self._both)

    def admit(self, tokens: int, now_s: float) -> float:
        return next((wait for one in self._both if (wait := one.admit(tokens, now_s))), 0.0)

    def spent(self, tokens: int, now_s: float) -> None:
        for one in self._both:
            one.spent(tokens, now_s)

    def headers(self, vendor: str, now_s: float, now_ns: int) -> dict[str, str]:
        own, pool = (one.headers(vendor, now_s, now_ns) for one in self._both)
        return {**pool, **own}
