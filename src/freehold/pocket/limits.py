"""Rate limits a pocket home keeps when told to, told with the vendor's own headers."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from freehold.pocket.hints import go_duration, rfc3339

MINUTE_S = 60.0


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """None: no limit."""

    requests_per_min: int | None = None
    tokens_per_min: int | None = None


class Bucket:
    """Filled evenly up to a minute's worth. What is known late (output tokens) may take it below zero."""

    def __init__(self, per_min: int) -> None:
        self.per_min = per_min
        self._level = float(per_min)
        self._at_s = 0.0

    def level(self, now_s: float) -> float:
        grown = self._level + (now_s - self._at_s) * self.per_min / MINUTE_S
        self._level, self._at_s = min(grown, float(self.per_min)), now_s
        return self._level

    def use(self, amount: float, now_s: float) -> None:
        self._level = self.level(now_s) - amount

    def wait_s(self, amount: float, now_s: float) -> float:
        """How long until `amount` may be used; an amount over the whole limit waits for a full bucket."""
        missing = min(amount, float(self.per_min)) - self.level(now_s)
        return max(missing, 0.0) * MINUTE_S / self.per_min

    def full_in_s(self, now_s: float) -> float:
        return (self.per_min - self.level(now_s)) * MINUTE_S / self.per_min


class Limiter:
    """One pool's limits. Homes that are given the same one share it, as regions of one quota do."""

    def __init__(self, limits: Limits) -> None:
        self.buckets: dict[str, Bucket] = {}
        if limits.requests_per_min is not None:
            self.buckets["requests"] = Bucket(limits.requests_per_min)
        if limits.tokens_per_min is not None:
            self.buckets["tokens"] = Bucket(limits.tokens_per_min)

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
                told[f"x-ratelimit-limit-{name}"] = str(bucket.per_min)
                told[f"x-ratelimit-remaining-{name}"] = left
                told[f"x-ratelimit-reset-{name}"] = go_duration(reset_s)
            elif vendor == "anthropic":
                told[f"anthropic-ratelimit-{name}-limit"] = str(bucket.per_min)
                told[f"anthropic-ratelimit-{name}-remaining"] = left
                at = datetime.fromtimestamp(now_ns / 1e9 + reset_s, UTC)
                told[f"anthropic-ratelimit-{name}-reset"] = rfc3339(at)
        return told
