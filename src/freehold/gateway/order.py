"""In which order a call asks its homes: a pure function from candidates and live state to reasons.

Health first, then room, price, time to the first content, who has seen the beginning of the prompt, weights
or the order of the file. What is not known decides nothing. Everything the function reads is in `Seen`,
`draws` and `OrderRules`, whole numbers all, so that a choice can be kept and made again.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Final

import msgspec

from freehold.types.homes import Price
from freehold.types.names import HomeId

TOKENS_IN_DEFAULT: Final = 3000  # a typical call, where the workload does not say; only the ratio matters
TOKENS_OUT_DEFAULT: Final = 1000
COOLING_RANK: Final = 3  # of Health.rank
DRAWS: Final = 1 << 32  # a draw is a whole number below this
MILLION: Final = 1_000_000
SLOW_US: Final = 250_000  # a home this much behind the fastest is slower in a way that people notice
HELD_PPM_MIN: Final = 300_000  # of a prompt, from which it matters who has seen it
HELD: Final = "has seen this prompt's beginning"
_HEALTH: Final = ("well", "ramping up or slower than its own past", "being probed", "cooling")


class Seen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One candidate as it is now."""

    home: HomeId
    rank: int = 0  # of Health.rank; lower is better
    weight: int = 1
    nano_usd: int | None = None  # of a typical call; None: unknown
    nano_usd_held: int | None = None  # of one whose input the home has cached
    substitute: bool = False
    quality_ppm: int | None = None
    cooling_ms: int = 0
    room_ppm: int | None = None  # of its pool's capacity; None: nothing limits it that is known
    tight: bool = False
    wait_ms: int = 0  # until its pool has room for this call
    first_us: int | None = None  # its usual time to the first content
    held_ppm: int = 0  # share of this prompt's beginning that it has seen lately
    busy: int = 0  # calls at work there


class OrderRules(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What of it counts."""

    spread: bool = False  # share calls among equals also where all weights are the same
    price: bool = True
    slow_ppm: int = 2 * MILLION  # so many times the fastest home's time is slow; 0: never compared
    affinity: bool = True
    crowd_ppm: int = 1_250_000  # a home may have so many times the mean of calls at work; then the next


USUAL: Final = OrderRules()


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    home: HomeId
    why: str


class Basis(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything a choice was made from. `made_again` makes it again."""

    seen: tuple[Seen, ...]
    draws: tuple[int, ...]
    rules: OrderRules


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """What can be said of the candidates together."""

    priced: bool
    shared: bool  # by weight, rather than in the order of the file
    fastest_us: int | None
    crowd: float  # calls at work from which a home is crowded


def made_again(basis: Basis) -> tuple[Choice, ...]:
    return order(basis.seen, basis.draws, basis.rules)


def order(seen: Sequence[Seen], draws: Sequence[int], rules: OrderRules = USUAL) -> tuple[Choice, ...]:
    """Best first. `draws` are below DRAWS, one per candidate, and decide where calls are shared.

    A home that cools or is full comes last, soonest back first: when all are, the least bad is tried.
    """
    field = field_of(seen, rules)
    keyed = sorted(
        (*head_key(one, field, rules), *tail_key(one, draw, place, field, rules), place)
        for place, (one, draw) in enumerate(zip(seen, draws, strict=True))
    )
    ranked = [seen[int(key[-1])] for key in keyed]
    return tuple(Choice(home=one.home, why=why(one, field, rules)) for one in ranked)


def equals(seen: Sequence[Seen], rules: OrderRules) -> int:
    """How many of the first in order only the tail tells apart: the prompt, the load, the weights."""
    field = field_of(seen, rules)
    keys = sorted(head_key(one, field, rules) for one in seen)
    return keys.count(keys[0]) if keys else 0


def field_of(seen: Sequence[Seen], rules: OrderRules) -> Field:
    usable = [one for one in seen if not _last_resort(one)] or list(seen)
    times = [one.first_us for one in usable if one.first_us is not None]
    return Field(
        priced=rules.price and all(one.nano_usd is not None for one in seen),
        shared=rules.spread or len({one.weight for one in seen}) > 1,
        fastest_us=min(times) if times and rules.slow_ppm else None,
        crowd=crowd_of([one.busy for one in usable], rules),
    )


def head_key(one: Seen, field: Field, rules: OrderRules) -> tuple[float, ...]:
    """What tells homes apart whatever the prompt; smaller is better."""
    last = _last_resort(one)
    back_ms = max(one.cooling_ms if one.rank >= COOLING_RANK else 0, one.wait_ms) if last else 0
    return (
        last, one.substitute, one.rank, back_ms, -(one.quality_ppm or 0) if one.substitute else 0,
        one.tight, _price(one, rules) if field.priced else 0, _slow(one, field, rules),
    )  # fmt: skip


def tail_key(one: Seen, draw: int, place: int, field: Field, rules: OrderRules) -> tuple[float, ...]:
    """Among equals: who has seen the prompt and is not crowded; then weights, or the order of the file."""
    if not field.shared:
        return (0, -held_of(one.held_ppm, rules), place)
    return shared_key(one.busy >= field.crowd, held_of(one.held_ppm, rules), one.weight, draw)


def held_of(held_ppm: int, rules: OrderRules) -> int:
    return held_ppm if rules.affinity and held_ppm >= HELD_PPM_MIN else 0


def crowd_of(busy: Sequence[int], rules: OrderRules) -> float:
    """From so many calls at work a home is crowded."""
    return (sum(busy) / max(len(busy), 1) + 1) * rules.crowd_ppm / MILLION


def shared_key(crowded: bool, held: int, weight: int, draw: int) -> tuple[float, ...]:
    """Where calls are shared. Smaller is better."""
    return (crowded, 0 if crowded else -held, share(weight, draw))


def share(weight: int, draw: int) -> float:
    """Smallest first: a home comes first as often as its weight is of all weights. Weight 0: last."""
    if weight <= 0:
        return float("inf")
    return -log((draw + 1) / (DRAWS + 1)) / weight


def _last_resort(one: Seen) -> bool:
    return one.rank >= COOLING_RANK or one.wait_ms > 0


def _price(one: Seen, rules: OrderRules) -> int:
    full = one.nano_usd or 0
    if one.nano_usd_held is None or not rules.affinity or one.held_ppm < HELD_PPM_MIN:
        return full
    return full - (full - one.nano_usd_held) * one.held_ppm // MILLION


def _slow(one: Seen, field: Field, rules: OrderRules) -> bool:
    if one.first_us is None or field.fastest_us is None:
        return False
    behind = one.first_us - field.fastest_us
    return behind > SLOW_US and one.first_us * MILLION > field.fastest_us * rules.slow_ppm


def why(one: Seen, field: Field, rules: OrderRules) -> str:
    """In a few words, those that decided."""
    words = [_HEALTH[min(one.rank, COOLING_RANK)]]
    if one.substitute:
        words.append("substitute")
    if one.wait_ms > 0:
        words.append(f"no room for {one.wait_ms} ms")
    elif one.tight:
        words.append("hardly any room")
    elif one.room_ppm is not None:
        words.append("has room")
    words.append("by price" if field.priced else "price not compared")
    if _slow(one, field, rules):
        words.append("slower than another")
    if field.shared and one.busy >= field.crowd:
        words.append("crowded")
    words.append("by weight" if field.shared else "by the file's order")
    if rules.affinity and one.held_ppm >= HELD_PPM_MIN:
        words.append(HELD)
    return ", ".join(words)


def typical_nano_usd(
    price: Price, input_tokens: int | None, output_tokens: int | None, *, cached: bool = False
) -> int | None:
    """What a typical call costs, its input fresh or all of it cached; None if a price it needs is unknown."""
    input_price = price.cache_read_nano_usd_per_mtok if cached else price.input_nano_usd_per_mtok
    if input_price is None or price.output_nano_usd_per_mtok is None:
        return None
    tokens_in = TOKENS_IN_DEFAULT if input_tokens is None else input_tokens
    tokens_out = TOKENS_OUT_DEFAULT if output_tokens is None else output_tokens
    return (input_price * tokens_in + price.output_nano_usd_per_mtok * tokens_out) // MILLION
