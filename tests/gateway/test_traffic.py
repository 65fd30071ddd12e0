"""Headroom, waiting and affinity end to end: a gateway over pocket homes that keep limits and tell them."""

from __future__ import annotations

import asyncio
import socket
import struct

import msgspec
import pytest

from freehold.config import Duration
from freehold.gateway.order import Basis, made_again
from freehold.gateway.settings import GatewaySettings, OrderSettings, QueueSettings
from freehold.gateway.traffic import Traffic
from freehold.pocket import FaultRule, Limiter, Limits
from freehold.types.homes import Pool
from freehold.types.names import PoolId
from tests.gateway.running import Street, ask, street

SHARED = Pool(id=PoolId("quota"))
STORY = "[pocket words tokens=4] " + "once upon a time there was a house " * 120


def throttles(place: Street) -> int:
    return sum(1 for one in place.kept.attempts if one.status == 429)


def homes_of(place: Street) -> list[str]:
    return [str(call.actual.home) for call in place.kept.calls if call.actual is not None]


def limited(requests_per_min: int) -> Limiter:
    return Limiter(Limits(requests_per_min=requests_per_min))


@pytest.mark.parametrize("api", ["openai", "anthropic", "responses", "foundry-anthropic"])
async def test_told_limit_is_kept_without_ever_being_hit(api: str) -> None:
    async with street((api, "openai"), limiters={0: limited(20)}) as place:
        answers = [await place.post(ask()) for _ in range(40)]
        assert {one.status for one in answers} == {200}
        assert throttles(place) == 0
        assert set(homes_of(place)) == {"home0", "home1"}


async def test_throttle_at_one_home_of_a_pool_spares_the_other() -> None:
    quota = limited(2)
    limiters, pools = {0: quota, 1: quota}, {0: SHARED, 1: SHARED}
    async with street(("bedrock-converse",) * 2 + ("openai",), limiters=limiters, pools=pools) as place:
        answers = [await place.post(ask()) for _ in range(6)]
        assert {one.status for one in answers} == {200}
        assert throttles(place) == 1  # nothing is told before, so one is needed to know
        assert homes_of(place)[2:] == ["home2"] * 4


async def test_home_that_throttles_is_not_taken_for_sick() -> None:
    faults = {0: {"busy": FaultRule(fault="rate_limited", count=1, retry_after_s=0.05)}}
    async with street(("openai", "openai"), faults=faults) as place:
        await place.post(ask())
        health = place.plane.lives[place.plane.generation.plans["chat"].routes[0].id].health
        assert (health.state, health.failures) == ("closed", 0)


async def test_call_waits_briefly_for_room_rather_than_fail() -> None:
    faults = {0: {"busy": FaultRule(fault="rate_limited", count=1, retry_after_s=0.1)}}
    async with street(("openai",), faults=faults) as place:
        first, second = await asyncio.gather(place.post(ask()), place.post(ask()))
        assert first.status == second.status == 200
        assert any(call.took is not None and call.took.queue_us for call in place.kept.calls)


async def test_no_room_in_time_is_told_with_when_to_come_back() -> None:
    settings = GatewaySettings(queue=QueueSettings(wait=Duration("50ms")))
    pools = {0: Pool(id=PoolId("small"), requests_per_min=1)}
    async with street(("openai",), pools=pools, settings=settings) as place:
        first, second = await place.post(ask()), await place.post(ask())
        assert (first.status, second.status) == (200, 429)
        assert int(second.headers["retry-after"]) > 30 and "has room" in second.error
        assert len(place.homes[0].log.entries) == 1


async def test_queue_is_first_come_first_served_within_its_bounds() -> None:
    settings = GatewaySettings(queue=QueueSettings(calls_max=2, wait=Duration("3s")))
    faults = {0: {"busy": FaultRule(fault="rate_limited", count=1, retry_after_s=0.2)}}
    async with street(("openai",), faults=faults, settings=settings) as place:
        throttled = asyncio.create_task(place.post(ask()))
        await until_waiting(place.plane.traffic, 1)
        answers = await asyncio.gather(*(place.post(ask()) for _ in range(4)), throttled)
        statuses = sorted(one.status for one in answers)
        assert statuses == [200, 200, 429, 429, 429]


async def until_waiting(traffic: Traffic, calls: int) -> None:
    async with asyncio.timeout(5):
        while len(traffic) < calls:
            await asyncio.sleep(0)


def raw_request() -> bytes:
    data = msgspec.json.encode(ask())
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(data)}\r\n\r\n"
    return head.encode() + data


def reset(writer: asyncio.StreamWriter) -> None:
    """Gone, and not just done with sending."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def test_caller_who_hangs_up_while_waiting_leaves_the_queue() -> None:
    faults = {0: {"busy": FaultRule(fault="rate_limited", retry_after_s=3.0)}}
    async with street(("openai",), faults=faults) as place:
        _, writer = await asyncio.open_connection("127.0.0.1", int(place.url.rpartition(":")[2]))
        writer.write(raw_request())
        await until_waiting(place.plane.traffic, 1)
        reset(writer)
        async with asyncio.timeout(5):
            while not place.kept.calls:
                await asyncio.sleep(0)
        assert len(place.plane.traffic) == 0
        assert place.kept.calls[0].outcome == "cancelled"


async def test_configured_limit_of_a_pool_is_never_exceeded() -> None:
    pools = {0: Pool(id=PoolId("p"), requests_per_min=5)}
    async with street(("openai", "openai"), pools=pools) as place:
        await asyncio.gather(*(place.post(ask()) for _ in range(20)))
        assert len(place.homes[0].log.entries) == 5
        assert throttles(place) == 0


async def test_nothing_stays_in_flight_after_answers_faults_and_hang_ups() -> None:
    faults = {0: {"cut": FaultRule(fault="cut_rst", after=2, probability=0.5, seed=3)}}
    async with street(faults=faults) as place:
        await asyncio.gather(*(place.post(ask(stream=True)) for _ in range(20)))
        leaving = [asyncio.create_task(place.post(ask(stream=True))) for _ in range(5)]
        await asyncio.sleep(0)
        for one in leaving:
            one.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        async with asyncio.timeout(5):
            while place.plane.in_flight:
                await asyncio.sleep(0)
        await asyncio.sleep(0)
        pools = place.plane.traffic.capacity.pools.values()
        assert [(pool.in_flight, pool.tokens_in_flight) for pool in pools] == [(0, 0)] * 3


async def test_conversation_keeps_its_home_where_calls_are_shared() -> None:
    settings = GatewaySettings(order=OrderSettings(spread=True))
    async with street(settings=settings) as place:
        for number in range(4):
            for _ in range(3):
                await place.post(ask(f"{number} {STORY}"))
        homes = homes_of(place)
        assert all(len(set(homes[turn : turn + 3])) == 1 for turn in range(0, 12, 3))


async def test_conversation_leaves_a_home_that_died_and_stays_where_it_went() -> None:
    faults = {0: {"down": FaultRule(fault="reset_on_accept", count=8)}}
    async with street(("openai", "openai"), faults=faults) as place:
        await place.post(ask())
        for _ in range(3):
            await place.post(ask(STORY))
        assert homes_of(place)[1:] == ["home1"] * 3
        assert "has seen this prompt's beginning" in (place.kept.calls[-1].why_home or "")


async def test_record_keeps_the_choice_so_that_it_can_be_made_again() -> None:
    settings = GatewaySettings(order=OrderSettings(keep_basis=True))
    async with street(settings=settings) as place:
        await place.post(ask())
        call = place.kept.calls[0]
        again = made_again(msgspec.convert(msgspec.json.decode(msgspec.json.encode(call.choice)), Basis))
        assert [one.home for one in again] == ["home0", "home1", "home2"]
        assert again[0].why == call.why_home


async def test_share_of_calls_follows_the_weights() -> None:
    async with street(("openai", "openai"), weights={0: 3, 1: 1}) as place:
        for _ in range(80):
            await place.post(ask())
        assert 45 <= homes_of(place).count("home0") <= 75
