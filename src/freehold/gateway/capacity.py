"""All pools of one process, by name: what the plane keeps, shares with other gateways, and shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from freehold.gateway.affinity import Memory
from freehold.gateway.amounts import Standing
from freehold.gateway.headroom import Epoch, Headroom
from freehold.types.homes import Home, Pool

RENEW_SECONDS: Final = 1.0  # orders are made anew at least so often: times and utilisations grow old
POOLS_MAX: Final = 10_000


class Capacity:
    """Homes that share a pool share its headroom; a home without a pool is its own."""

    __slots__ = ("_renew_at", "epoch", "memory", "pools")

    def __init__(self) -> None:
        self.epoch = Epoch()
        self.pools: dict[str, Headroom] = {}
        self.memory = Memory()
        self._renew_at = 0.0

    def pool_of(self, home: Home, now: float) -> Headroom:
        id = name_of(home)
        known = self.pools.get(id)
        if known is None:
            known = self.pools[id] = Headroom(id, now, epoch=self.epoch)
        return known

    def settle(self, pools: Mapping[str, Pool | None], share: int, now: float) -> None:
        """The pools of a new generation, by name, with their limits divided among `share` processes."""
        for gone in set(self.pools) - set(pools):
            if not self.pools[gone].in_flight:
                del self.pools[gone]
        for id, pool in pools.items():
            limits = (None, None) if pool is None else (pool.requests_per_min, pool.tokens_per_min)
            requests, tokens = (None if limit is None else limit / share for limit in limits)
            self.pools[id].configure(requests, tokens, now)
        self.epoch.number += 1

    def tick(self, now: float) -> None:
        for headroom in self.pools.values():
            headroom.tick(now)
        if now >= self._renew_at:
            self._renew_at = now + RENEW_SECONDS
            self.epoch.number += 1

    def snapshot(self, now: float) -> list[Standing]:
        return [headroom.snapshot(now) for headroom in self.pools.values()]

    def absorb(self, peer: str, theirs: Sequence[Standing], now: float) -> None:
        """What another gateway says of the pools that both use."""
        for standing in theirs[:POOLS_MAX]:
            known = self.pools.get(standing.pool)
            if known is not None:
                known.absorb(peer, standing, now)
        self.epoch.number += 1


def name_of(home: Home) -> str:
    """A pool's name, or the home's own where it shares none."""
    return f"pool:{home.pool}" if home.pool is not None else f"home:{home.id}"
