"""The order of a workload's homes for one call, quickly: kept while nothing that matters has moved.

`order` says what the order is; this says when it has to be asked. In the usual state that is about once a
second. Where several homes are equally good, only those are looked at for each call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from freehold.gateway.affinity import PROMPT_BYTES_MIN, Prefix, draw_of, prefix_of
from freehold.gateway.capacity import Capacity
from freehold.gateway.headroom import Headroom
from freehold.gateway.health import Health
from freehold.gateway.order import (
    COOLING_RANK,
    DRAWS,
    HELD,
    MILLION,
    Basis,
    OrderRules,
    Seen,
    crowd_of,
    equals,
    held_of,
    order,
    shared_key,
)
from freehold.types.homes import Home
from freehold.types.names import HomeId

ASTRAY_SECONDS: Final = 300.0  # how long a prompt that went elsewhere is looked for there
KEPT_MAX: Final = 256


class Placed(Protocol):
    """What is needed of a home to give it a place."""

    id: HomeId
    home: Home
    health: Health
    headroom: Headroom
    nano_usd: int | None
    nano_usd_held: int | None
    substitute: bool
    quality: float | None
    salt: int
    bit: int


R = TypeVar("R", bound=Placed)


class Ordered(NamedTuple, Generic[R]):
    """The homes best first, with the reason for each."""

    routes: tuple[R, ...]
    reasons: tuple[str, ...]
    wait_seconds: float = 0.0  # until the first of them has room
    basis: Basis | None = None  # what it was made from, where that is kept
    prefix: Prefix | None = None


NO_ORDER: Final[Ordered[Any]] = Ordered((), ())


class _Kept(NamedTuple, Generic[R]):
    """An order that holds until something moves, and how many of its first are equally good."""

    ordered: Ordered[R]
    equals: int


def _no_draw() -> float:
    return 0.0


class Chooser(Generic[R]):
    __slots__ = (
        "_astray_until", "_calm", "_capacity", "_epoch", "_keeps_basis", "_kept", "_rules", "_shared",
        "routes", "usual",
    )  # fmt: skip

    def __init__(
        self, routes: Sequence[R], rules: OrderRules, capacity: Capacity, *, keeps_basis: bool = False
    ) -> None:
        self.routes = tuple(routes)
        self._rules, self._capacity, self._keeps_basis = rules, capacity, keeps_basis
        self._shared = rules.spread or len({route.home.weight for route in routes}) > 1
        self._epoch = -1
        self._kept: dict[tuple[int, ...], _Kept[R]] = {}
        self._calm: _Kept[R] | None = None  # the order while every home is calm
        self._astray_until = 0.0
        self.usual: R | None = None  # where calls go when nothing is wrong, unless they are shared

    def ordered(self, now: float, draw: Callable[[], float], body: bytes = b"") -> Ordered[R]:
        if self._epoch != self._capacity.epoch.number:
            self._forget()
        calm = self._calm
        if calm is not None and calm.equals == 1 and now >= self._astray_until:
            for route in self.routes:
                if not route.health.calm:
                    break
            else:
                first = calm.ordered.routes[0].headroom
                if first.open or first.fits(len(body), now):
                    return calm.ordered
        ranks = tuple([route.health.rank(now) for route in self.routes])
        kept = self._kept.get(ranks)
        if kept is None:
            return self._afresh(ranks, now, draw, body)
        if now < self._astray_until and len(body) >= PROMPT_BYTES_MIN:
            return self._afresh(ranks, now, draw, body)
        first = kept.ordered.routes[0].headroom
        if kept.equals > 1:
            return self._among(kept, ranks, now, draw, body)
        if first.open or first.fits(len(body), now):
            return kept.ordered
        return self._afresh(ranks, now, draw, body)

    def renew(self, now: float) -> bool:
        """Make the usual order before a call has to wait for it, where calls have asked for it lately."""
        if self._calm is None or self._epoch == self._capacity.epoch.number:
            return False
        self._forget()
        if all(route.health.calm for route in self.routes):
            self._afresh((0,) * len(self.routes), now, _no_draw, b"")
        return True

    def _forget(self) -> None:
        self._kept.clear()
        self._calm = None
        self._epoch = self._capacity.epoch.number

    def _afresh(
        self, ranks: tuple[int, ...], now: float, draw: Callable[[], float], body: bytes
    ) -> Ordered[R]:
        prefix = self._prefix(body) if self._shared or now < self._astray_until else None
        mask, share_ppm = self._held(prefix)
        seen = tuple(
            self._seen(route, rank, mask, share_ppm, len(body), now)
            for route, rank in zip(self.routes, ranks, strict=True)
        )
        draws = self._draws(self.routes, prefix, draw)
        choices = order(seen, draws, self._rules)
        by_id = {route.id: route for route in self.routes}
        routes = tuple(by_id[one.home] for one in choices)
        waits = {one.home: one.wait_ms for one in seen}
        made = Ordered(
            routes, tuple(one.why for one in choices),
            waits[choices[0].home] / 1000 if choices else 0.0,
            Basis(seen=seen, draws=draws, rules=self._rules) if self._keeps_basis else None, prefix,
        )  # fmt: skip
        if choices and not any(waits.values()) and max(ranks) < COOLING_RANK and not self._keeps_basis:
            self._keep(ranks, seen, by_id)
        return made

    def _keep(self, ranks: tuple[int, ...], seen: tuple[Seen, ...], by_id: Mapping[HomeId, R]) -> None:
        """The order as it is for any prompt and any load: what belongs to this call is left out."""
        plain = [msgspec.structs.replace(one, held_ppm=0, busy=0) for one in seen]
        choices = order(plain, (0,) * len(plain), self._rules)
        same = equals(plain, self._rules) if self._shared else 1
        routes = tuple(by_id[one.home] for one in choices)
        if len(self._kept) >= KEPT_MAX:
            self._kept.clear()
        kept = self._kept[ranks] = _Kept(Ordered(routes, tuple(one.why for one in choices)), same)
        if not any(ranks):  # whoever is calm ranks 0
            self._calm, self.usual = kept, routes[0]

    def _among(
        self, kept: _Kept[R], ranks: tuple[int, ...], now: float, draw: Callable[[], float], body: bytes
    ) -> Ordered[R]:
        """One of the first few, which only the prompt, the load and the weights tell apart."""
        base = kept.ordered
        best = base.routes[: kept.equals]
        size = len(body)
        if not all(route.headroom.fits(size, now) for route in best):
            return self._afresh(ranks, now, draw, body)
        prefix = self._prefix(body)
        mask, share_ppm = self._held(prefix)
        share_ppm = held_of(share_ppm, self._rules)
        draws = self._draws(best, prefix, draw)
        busy = [route.headroom.in_flight for route in best]
        crowd = crowd_of(busy, self._rules)
        keys = [
            shared_key(
                busy[place] >= crowd, share_ppm if mask & route.bit else 0, route.home.weight, draws[place]
            )
            for place, route in enumerate(best)
        ]
        at = keys.index(min(keys))
        held = bool(share_ppm and mask & best[at].bit)
        if at == 0 and not held:
            return Ordered(base.routes, base.reasons, prefix=prefix)
        reason = f"{base.reasons[at]}, {HELD}" if held else base.reasons[at]
        routes = (best[at], *best[:at], *base.routes[at + 1 :])
        reasons = (reason, *base.reasons[:at], *base.reasons[at + 1 :])
        return Ordered(routes, reasons, prefix=prefix)

    def _prefix(self, body: bytes) -> Prefix | None:
        if len(body) < PROMPT_BYTES_MIN or not self._rules.affinity or len(self.routes) < 2:
            return None
        return prefix_of(body)

    def _held(self, prefix: Prefix | None) -> tuple[int, int]:
        if prefix is None:
            return 0, 0
        mask, depth = self._capacity.memory.holders(prefix.chain)
        return mask, depth * MILLION // len(prefix.chain)

    def _draws(
        self, routes: Sequence[R], prefix: Prefix | None, draw: Callable[[], float]
    ) -> tuple[int, ...]:
        if not self._shared:
            return (0,) * len(routes)
        if prefix is not None:
            return tuple([draw_of(prefix.root, route.salt) for route in routes])
        return tuple([int(draw() * DRAWS) for _ in routes])

    def _seen(self, route: R, rank: int, mask: int, share_ppm: int, body_bytes: int, now: float) -> Seen:
        headroom, health = route.headroom, route.health
        room, wait_ms, tight = None, 0, False
        if not headroom.open:
            room = headroom.room(now)
            wait_ms = -int(-headroom.wait(headroom.amount(body_bytes), now) * 1000 // 1)
            tight = headroom.tight(now)
        first = health.usual_seconds(now)
        return Seen(
            home=route.id, rank=rank, weight=route.home.weight, nano_usd=route.nano_usd,
            nano_usd_held=route.nano_usd_held, substitute=route.substitute,
            quality_ppm=None if route.quality is None else int(route.quality * MILLION),
            cooling_ms=max(0, int((health.until - now) * 1000)) if rank >= COOLING_RANK else 0,
            room_ppm=None if room is None else int(room * MILLION), tight=tight, wait_ms=wait_ms,
            first_us=None if first is None else int(first * MILLION),
            held_ppm=share_ppm if mask & route.bit else 0, busy=headroom.in_flight,
        )  # fmt: skip

    # --- what became of it ---

    def answered(self, route: R, prefix: Prefix | None, body: bytes, now: float) -> None:
        """This home has now seen this prompt. If it is not the usual one, prompts are looked for."""
        if prefix is None:
            if self._shared or route is self.usual or self.usual is None:
                return
            prefix = self._prefix(body)
            if prefix is None:
                return
            self._astray_until = now + ASTRAY_SECONDS
        self._capacity.memory.saw(prefix.chain, route.bit, now)
