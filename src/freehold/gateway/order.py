"""In which order a call asks its homes: a pure function from candidates and live state to reasons.

Now: health, then price, then weights or the order of the file. Headroom, latency and cache affinity fit in as
further fields of `Seen` and further terms of the key.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from freehold.types.homes import Price
from freehold.types.names import HomeId

TOKENS_IN_DEFAULT = 3000  # a typical call, where the workload does not say; only the ratio matters
TOKENS_OUT_DEFAULT = 1000
_HEALTH = ("well", "ramping up or slower than its own past", "being probed", "cooling")


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate as it is now."""

    home: HomeId
    rank: int  # of Health.rank; lower is better
    weight: int = 1
    nano_usd: int | None = None  # of a typical call; None: unknown
    substitute: bool = False
    quality: float | None = None
    cooling_seconds: float = 0.0


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    home: HomeId
    why: str


def order(seen: Sequence[Seen], draws: Sequence[float]) -> tuple[Choice, ...]:
    """Best first. `draws` are numbers in [0, 1), one per candidate, used only where weights differ.

    A home that cools comes last and soonest-back first: when all of them cool, the least bad is tried.
    """
    priced = all(one.nano_usd is not None for one in seen)
    weighted = len({one.weight for one in seen}) > 1
    keyed = sorted(
        (_key(one, draw, place, priced, weighted), place)
        for place, (one, draw) in enumerate(zip(seen, draws, strict=True))
    )
    return tuple(Choice(home=seen[place].home, why=_why(seen[place], priced, weighted)) for _, place in keyed)


def _key(one: Seen, draw: float, place: int, priced: bool, weighted: bool) -> tuple[float, ...]:
    cooling = one.cooling_seconds if one.rank >= 3 else 0.0
    price = float(one.nano_usd or 0) if priced else 0.0
    return (
        one.rank >= 3, one.substitute, one.rank, cooling, -(one.quality or 0.0) if one.substitute else 0.0,
        price, _share(one.weight, draw) if weighted else 0.0, place,
    )  # fmt: skip


def _share(weight: int, draw: float) -> float:
    """Smallest first: a home comes first as often as its weight is of all weights. Weight 0: last."""
    if weight <= 0:
        return float("inf")
    from math import log1p

    return -log1p(-draw) / weight


def _why(one: Seen, priced: bool, weighted: bool) -> str:
    words = [_HEALTH[min(one.rank, 3)]]
    if one.substitute:
        words.append("substitute")
    words.append("by price" if priced else "price not compared")
    words.append("by weight" if weighted else "by the file's order")
    return ", ".join(words)


def typical_nano_usd(price: Price, input_tokens: int | None, output_tokens: int | None) -> int | None:
    """What a typical call costs; None if either price is unknown."""
    if price.input_nano_usd_per_mtok is None or price.output_nano_usd_per_mtok is None:
        return None
    tokens_in = TOKENS_IN_DEFAULT if input_tokens is None else input_tokens
    tokens_out = TOKENS_OUT_DEFAULT if output_tokens is None else output_tokens
    nano = price.input_nano_usd_per_mtok * tokens_in + price.output_nano_usd_per_mtok * tokens_out
    return nano // 1_000_000
