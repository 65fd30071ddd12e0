"""Hedging end to end: two pocket homes, one of them suddenly slow."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager

import msgspec
import pytest

from freehold.config import Duration
from freehold.gateway.hedge import SAMPLES_MIN
from freehold.gateway.settings import GatewaySettings, HedgeSettings, TimeoutSettings
from freehold.pocket import FaultRule
from freehold.types.homes import Policy
from tests.gateway.running import Street, ask, street
from tests.gateway.test_traffic import raw_request, reset

HEDGED = HedgeSettings(
    enabled=True, quantile=0.5, calls_share_max=1.0, cost_share_max=1.0, delay_min=Duration("20ms")
)
PATIENT = TimeoutSettings(
    connect=Duration("5s"), header=Duration("15s"), first_content=Duration("15s"), idle=Duration("15s"),
    total=Duration("30s"),
)  # fmt: skip
SLOW = FaultRule(fault="slow_headers", seconds=10.0, skip=SAMPLES_MIN)


def hedged(faults: dict[int, dict[str, FaultRule]], **hedge: object) -> AbstractAsyncContextManager[Street]:
    settings = GatewaySettings(hedge=msgspec.structs.replace(HEDGED, **hedge))
    return street(("openai", "anthropic"), faults=faults, settings=settings, timeouts=PATIENT)


async def warmed(place: Street, *, stream: bool) -> None:
    """As many answers as it takes to know what is usual."""
    for _ in range(SAMPLES_MIN):
        await place.post(ask(stream=stream))
    place.kept.records.clear()


@pytest.mark.parametrize("stream", [False, True])
async def test_second_home_answers_when_the_first_is_slow(stream: bool) -> None:
    async with hedged({0: {"slow": SLOW}}) as place:
        right = (await place.post(ask(stream=stream))).text
        await warmed(place, stream=stream)
        got = await place.post(ask(stream=stream))
        assert (got.status, got.text, got.headers["x-freehold-home"]) == (200, right, "home1")
        assert got.finished or not stream
        await asyncio.sleep(0)
        (call,) = place.kept.calls
        assert (call.outcome, call.attempts, call.rescued) == ("ok", 2, False)


async def test_loser_of_a_hedge_is_stopped_and_accounted_for() -> None:
    async with hedged({0: {"slow": SLOW}}) as place:
        await place.post(ask())
        await warmed(place, stream=False)
        await place.post(ask())
        await asyncio.sleep(0)
        lost, won = sorted(place.kept.attempts, key=lambda one: one.number)
        assert (lost.outcome, lost.error, lost.hedge) == ("cancelled", "gateway.attempt-outrun", False)
        assert (won.outcome, won.hedge) == ("ok", True)
        pools = place.plane.traffic.capacity.pools.values()
        assert [pool.in_flight for pool in pools] == [0, 0]


async def test_hedge_that_comes_too_late_is_let_go() -> None:
    faults = {
        0: {"slow": FaultRule(fault="slow_headers", seconds=0.5, skip=SAMPLES_MIN + 1)},
        1: {"slower": FaultRule(fault="slow_headers", seconds=10.0)},
    }
    async with hedged(faults) as place:
        await place.post(ask())
        await warmed(place, stream=False)
        got = await place.post(ask())
        assert (got.status, got.headers["x-freehold-home"]) == (200, "home0")
        async with asyncio.timeout(20):
            while not place.kept.attempts:
                await asyncio.sleep(0.005)
        (lost,) = place.kept.attempts
        assert (lost.outcome, lost.hedge) == ("cancelled", True)
        assert place.plane.in_flight == 0


async def test_hedges_keep_within_their_share_of_calls() -> None:
    slow = FaultRule(fault="slow_headers", seconds=0.3, skip=SAMPLES_MIN)
    async with hedged({0: {"slow": slow}}, calls_share_max=0.01) as place:
        await place.post(ask())
        await warmed(place, stream=False)
        got = await place.post(ask())
        assert got.headers["x-freehold-home"] == "home0"
        assert place.plane.hedging is not None and place.plane.hedging.started_count == 0


async def test_hedge_takes_over_when_the_first_home_fails_meanwhile() -> None:
    faults = {
        0: {"cut": FaultRule(fault="cut_rst", after=0, seconds=0.2, skip=SAMPLES_MIN + 1)},
        1: {"slow": FaultRule(fault="slow_headers", seconds=0.3)},
    }
    async with hedged(faults) as place:
        await place.post(ask())
        await warmed(place, stream=False)
        got = await place.post(ask())
        assert got.status == 200
        assert place.plane.in_flight == 0


async def test_caller_who_leaves_ends_both_tries() -> None:
    faults = {0: {"slow": SLOW}, 1: {"slow": FaultRule(fault="slow_headers", seconds=10.0)}}
    async with hedged(faults) as place:
        await place.post(ask())
        await warmed(place, stream=False)
        _, writer = await asyncio.open_connection("127.0.0.1", int(place.url.rpartition(":")[2]))
        writer.write(raw_request())
        async with asyncio.timeout(20):
            while place.plane.hedging is None or not place.plane.hedging.started_count:
                await asyncio.sleep(0.005)
            reset(writer)
            while not place.kept.attempts or not place.kept.calls:
                await asyncio.sleep(0.005)
        pools = place.plane.traffic.capacity.pools.values()
        assert [pool.in_flight for pool in pools] == [0, 0]
        assert place.kept.calls[0].outcome == "cancelled"


async def test_call_under_strict_evidence_is_not_hedged() -> None:
    settings, policy = GatewaySettings(hedge=HEDGED), Policy(evidence="strict")
    faults = {0: {"slow": FaultRule(fault="slow_headers", seconds=0.2, skip=SAMPLES_MIN)}}
    async with street(
        ("openai", "openai"), faults=faults, settings=settings, timeouts=PATIENT, policy=policy
    ) as place:
        await warmed(place, stream=False)
        got = await place.post(ask())
        assert got.headers["x-freehold-home"] == "home0"
