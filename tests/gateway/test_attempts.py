"""The rules of asking again, through real homes: what is tried, how often, and what the caller is told."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from freehold.config import Duration
from freehold.gateway.settings import GatewaySettings
from freehold.pocket import FaultRule
from freehold.types.homes import Policy
from tests.gateway.running import CALM, QUICK, Got, Street, ask, street

ONE = Policy(on_cut="error")


def asked(place: Street) -> list[int]:
    return [len(home.log.entries) for home in place.homes]


async def told(rule: FaultRule, **more: object) -> tuple[Got, Street]:
    """What a caller of one troubled home is told."""
    async with street(("openai",), faults={0: {"it": rule}}, policy=ONE, **more) as place:  # type: ignore[arg-type]
        return await place.post(ask()), place


async def test_wait_in_milliseconds_is_obeyed_and_then_the_call_is_answered() -> None:
    got, place = await told(FaultRule(fault="rate_limited", retry_after_s=0.12, count=1))
    attempt = place.kept.attempts[0]
    assert (got.status, got.headers["x-freehold-attempts"]) == (200, "2")
    assert attempt.retry_after_ms == 120
    (call,) = place.kept.calls
    assert call.took is not None
    assert (call.took.total_us or 0) >= 120_000


async def test_wait_that_is_too_long_for_a_call_is_passed_on_to_the_caller() -> None:
    got, place = await told(FaultRule(fault="rate_limited", retry_after_s=90))
    assert (got.status, asked(place)) == (429, [1])
    assert got.headers["x-should-retry"] == "true"
    assert got.headers["retry-after-ms"] == "90000"
    assert got.headers["retry-after"] == "90"


async def test_used_up_quota_is_neither_retried_here_nor_by_the_caller() -> None:
    got, place = await told(FaultRule(fault="quota_exhausted", retry_after_s=0.01))
    assert (got.status, asked(place)) == (429, [1])
    assert got.headers["x-should-retry"] == "false"
    assert "quota_exhausted" in got.error


async def test_passing_fault_is_retried_once_and_is_no_hammer() -> None:
    once, first = await told(FaultRule(fault="server_error", count=1))
    always, second = await told(FaultRule(fault="server_error"))
    assert (once.status, asked(first)) == (200, [2])
    assert (always.status, asked(second)) == (503, [2])


@pytest.mark.parametrize("fault", ["silent", "slow_headers"])
async def test_silent_home_is_not_asked_twice_in_one_call(fault: str) -> None:
    got, place = await told(FaultRule(fault=fault, seconds=30), timeouts=QUICK)  # type: ignore[arg-type]
    assert (got.status, asked(place)) == (504, [1])
    assert "header_timeout" in got.error


async def test_request_too_long_for_a_window_nobody_knows_is_not_tried_elsewhere_unchanged() -> None:
    words = "This model's maximum context length is 8 tokens"
    rule = FaultRule(fault="status", status=400, message=words)
    async with street(("openai", "openai"), faults={0: {"it": rule}}) as place:
        got = await place.post(ask())
    assert (got.status, asked(place)) == (400, [1, 0])
    assert "too_long" in got.error


async def test_caller_is_told_the_first_cause_and_every_home() -> None:
    faults = {0: {"it": FaultRule(fault="overloaded")}, 1: {"it": FaultRule(fault="expired_credentials")}}
    async with street(("openai", "openai"), faults=faults, policy=ONE) as place:
        got = await place.post(ask())
    assert got.status == 503
    assert got.error.index("home0: overloaded") < got.error.index("home1: auth")


async def test_when_every_home_cools_the_least_bad_is_tried_and_answers() -> None:
    rules = {"it": FaultRule(fault="server_error")}
    async with street(("openai", "openai"), faults={0: rules, 1: rules}, policy=ONE) as place:
        for _ in range(6):
            assert (await place.post(ask())).status == 503
        assert {live.health.state for live in place.plane.lives.values()} == {"cooling"}
        for home in place.homes:
            await home.set_faults({})
        got = await place.post(ask())
    assert got.status == 200


TIMES = [
    ("silent", 0, {"header": "50ms"}, "header_timeout"),
    ("stall", 0, {"first_content": "60ms"}, "first_content_timeout"),
    ("stall", 3, {"idle": "60ms"}, "idle_timeout"),
    ("slow_drip", 0, {"total": "120ms"}, "total_timeout"),
]


@pytest.mark.parametrize(("fault", "after", "limits", "kind"), TIMES, ids=[row[3] for row in TIMES])
async def test_every_wait_has_an_end_that_is_told_by_name(
    fault: str, after: int, limits: dict[str, str], kind: str
) -> None:
    named = {name: Duration(value) for name, value in limits.items()}
    rule = FaultRule(fault=fault, after=after, seconds=0.05 if fault == "slow_drip" else 30)  # type: ignore[arg-type]
    waits = msgspec.structs.replace(CALM, **named)
    async with street(("openai",), faults={0: {"it": rule}}, policy=ONE, timeouts=waits) as place:
        async with asyncio.timeout(5):
            got = await place.post(ask("[pocket words tokens=12]", stream=True))
    assert kind in got.body.decode()
    assert not got.finished


async def test_calls_at_work_have_a_limit() -> None:
    slow = ask("[pocket words tokens=40 tokens_per_s=100]", stream=True)
    async with street(("openai",), settings=GatewaySettings(in_flight_max=1)) as place:
        first = asyncio.create_task(place.post(slow))
        while not place.plane.in_flight:
            await asyncio.sleep(0.001)
        second = await place.post(ask())
        assert (await first).finished
        third = await place.post(ask())
    assert (second.status, third.status) == (503, 200)
    assert second.headers["x-should-retry"] == "true"
    assert "no room for another call" in second.error
