"""A process of stand-ins: pocket homes that share a pool, told what to do on stdin, gone when it closes.

{"home": "a", "fault": "refuse"}        break one; null: mend it
{"home": "a", "per_min": 30}            its own limit of requests; null: none
{"pool": true, "per_min": 120}          the limit all of them share
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from typing import Final

import msgspec

from freehold.pocket import FaultRule, Limits, PocketHome
from freehold.pocket.limits import Limiter, Within
from freehold.pocket.street import Address, running

BURST_SECONDS: Final = 3.0  # of a limit: a drill lasts seconds, so a minute's worth would never be used up
# How a home is broken. `refuse` also breaks off what is under way, as a killed process does.
FAULTS: Final[dict[str, FaultRule]] = {
    "refuse": FaultRule(fault="refuse"),
    "stall": FaultRule(fault="silent"),
    "error": FaultRule(fault="unavailable"),
    "throttle": FaultRule(fault="rate_limited"),
    "slow": FaultRule(fault="slow_headers", seconds=1.0),
    "wrong": FaultRule(fault="wrong_model", said="not-the-model-it-should-be"),
}


class StandIn(msgspec.Struct, frozen=True, kw_only=True):
    """One home of the estate, as it is stood in for."""

    name: str
    api: str
    port: int
    fault: str | None = None
    per_min: float | None = None


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """What one process is started with: its first line."""

    homes: tuple[StandIn, ...]
    pool_per_min: float | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One line on stdin."""

    home: str = ""
    pool: bool = False
    fault: str | msgspec.UnsetType | None = msgspec.UNSET
    per_min: float | msgspec.UnsetType | None = msgspec.UNSET


def main() -> None:
    group = msgspec.json.decode(sys.stdin.buffer.readline(), type=Group)
    asyncio.run(_serve(group))


async def _serve(group: Group) -> None:
    pool = Limiter(Limits())
    pool.allow(group.pool_per_min, BURST_SECONDS)
    own = {one.name: Limiter(Limits()) for one in group.homes}
    made = {
        one.name: PocketHome(
            one.api,
            name=one.name,
            limits=Within(own[one.name], pool),
            strict=False,
            faults=faults(one.fault),
        )
        for one in group.homes
    }
    places = [(made[one.name], Address(host="127.0.0.1", port=one.port)) for one in group.homes]
    async with running(places):
        for one in group.homes:
            own[one.name].allow(one.per_min, BURST_SECONDS)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await _obey(made, own, pool)


async def _obey(made: Mapping[str, PocketHome], own: Mapping[str, Limiter], pool: Limiter) -> None:
    """Until stdin closes: whoever started us has ended, or wants us to."""
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin.buffer)
    while line := await lines.readline():
        order = msgspec.json.decode(line, type=Order)
        if not isinstance(order.per_min, msgspec.UnsetType):
            (pool if order.pool else own[order.home]).allow(order.per_min, BURST_SECONDS)
        if not isinstance(order.fault, msgspec.UnsetType):
            await made[order.home].set_faults(faults(order.fault))


def faults(name: str | None) -> dict[str, FaultRule]:
    return {} if name is None else {"drill": FAULTS[name]}


if __name__ == "__main__":
    main()
