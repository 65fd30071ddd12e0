"""What gateway processes tell each other every second: which homes fail, and how full pools are.

What others say of a home never closes it here: their way to it may be what is broken. It makes one failure
of our own enough, where else it takes several. A pool is everybody's: what others sent is gone here too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from freehold.gateway.amounts import Standing
from freehold.gateway.plane import Plane
from freehold.gateway.sharing import Sharing

HEALTH: Final = "health"
POOLS: Final = "headroom"
WARNED_SECONDS_MAX: Final = 60.0

_cooling = msgspec.msgpack.Decoder(dict[str, float]).decode
_pools = msgspec.msgpack.Decoder(list[Standing]).decode


def gossip(sharing: Sharing, plane: Plane) -> None:
    """Begin to tell and to hear."""
    health, pools = _Health(plane), _Pools(plane, sharing.gateway)
    sharing.share(HEALTH, health.tell, health.hear)
    sharing.share(POOLS, pools.tell, pools.hear)


class _Health:
    """Which homes cool, and for how many seconds more."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    def tell(self) -> bytes | None:
        now = self._plane.now()
        cooling = {
            str(id): round(live.health.until - now, 3)
            for id, live in self._plane.lives.items()
            if live.health.state == "cooling" and live.health.until > now
        }
        return msgspec.msgpack.encode(cooling) if cooling else None

    def hear(self, told: Mapping[str, bytes]) -> None:
        now = self._plane.now()
        for value in told.values():
            try:
                cooling = _cooling(value)
            except msgspec.DecodeError:
                continue  # of another version
            for id, live in self._plane.lives.items():
                if (seconds := cooling.get(str(id))) is not None:
                    live.health.warned(now + min(max(seconds, 0.0), WARNED_SECONDS_MAX))


class _Pools:
    """How much room each pool has."""

    def __init__(self, plane: Plane, gateway: str) -> None:
        self._plane, self._gateway = plane, gateway

    def tell(self) -> bytes | None:
        found = self._plane.traffic.capacity.snapshot(self._plane.now())
        return msgspec.msgpack.encode(found) if found else None

    def hear(self, told: Mapping[str, bytes]) -> None:
        now, capacity = self._plane.now(), self._plane.traffic.capacity
        for name, value in told.items():
            try:
                found = _pools(value)
            except msgspec.DecodeError:
                continue  # of another version
            # Processes of one gateway divide configured limits among them, so what a sister sent came out of
            # her own part. What another gateway sent comes out of all parts alike.
            sister = name.partition(".")[0] == self._gateway
            share = 0.0 if sister else 1 / self._plane.share
            capacity.absorb(name, [_scaled(one, share) for one in found], now)


def _scaled(one: Standing, share: float) -> Standing:
    return msgspec.structs.replace(one, sent=one.sent * share, sent_tokens=one.sent_tokens * share)
