"""Limits of keys, as a caller meets them."""

from pathlib import Path

import msgspec

from freehold.clock import FakeClock
from freehold.config import Duration
from freehold.estate.settings import ModelSettings
from freehold.gateway.hedge import SAMPLES_MIN
from freehold.gateway.meters import CONCURRENCY
from freehold.gateway.settings import GatewaySettings, HedgeSettings, TimeoutSettings
from freehold.gateway.sharing import Stores
from freehold.gateway.standing import account
from freehold.pocket import FaultRule
from freehold.types.records import CallRecord
from tests.gateway.running import Got, Street, ask
from tests.gateway.sharing import keyed, new_key, stores_in, until

SMALL = {**ask("[pocket words tokens=10]"), "max_tokens": 20}


async def call(place: Street, secret: str, body: object = SMALL, path: str = "/v1/chat/completions") -> Got:
    return await place.post(body, path, headers={"x-api-key": secret})


def spent(stores: Stores, id: str) -> dict[str, int]:
    """What the state says is spent, once every process has told it."""
    from freehold.clock import SystemClock

    state = stores.lasting()
    found = {one.limit: one.spent for one in account([state], id, SystemClock().now_ns()).limits}
    state.close()
    return found


def charged(records: list[CallRecord]) -> tuple[int, int]:
    found = [record.charged for record in records if record.charged is not None]
    return sum(one.tokens for one in found), sum(one.nano_usd or 0 for one in found)


async def test_answer_is_charged_what_the_home_reported(tmp_path: Path) -> None:
    stores = stores_in(tmp_path)
    key, secret = new_key(stores, budget_nano_usd=10**9)
    async with keyed(stores) as place:
        got = await call(place, secret)
        (record,) = place.kept.calls
    usage = msgspec.json.decode(got.body)["usage"]
    assert record.charged is not None and record.tokens is not None and record.cost is not None
    assert record.charged.tokens == usage["total_tokens"]
    assert record.charged.nano_usd == record.cost.nano_usd
    assert spent(stores, str(key.id)) == {"budget": record.cost.nano_usd}


async def test_stream_is_charged_what_the_home_reported(tmp_path: Path) -> None:
    stores = stores_in(tmp_path)
    _, secret = new_key(stores, tokens_per_min=100_000)
    async with keyed(stores) as place:
        await call(place, secret, {**SMALL, "stream": True})
        (record,) = place.kept.calls
    assert record.charged is not None and record.tokens is not None
    assert record.charged.tokens == (record.tokens.fresh or 0) + (record.tokens.output or 0)
    assert record.charged.by == "usage"


async def test_call_that_no_home_answered_costs_nothing(tmp_path: Path) -> None:
    stores = stores_in(tmp_path)
    key, secret = new_key(stores, budget_nano_usd=10**9)
    async with keyed(stores, faults={0: {"it": FaultRule(fault="server_error")}}) as place:
        got = await call(place, secret)
        (record,) = place.kept.calls
    assert got.status >= 500
    assert record.charged is not None
    assert (record.charged.tokens, record.charged.by) == (0, "nothing")
    assert spent(stores, str(key.id)) == {"budget": 0}


async def test_stream_cut_in_the_middle_is_charged_at_most_what_was_seen(tmp_path: Path) -> None:
    from freehold.types.homes import Policy

    stores = stores_in(tmp_path)
    _, secret = new_key(stores, tokens_per_min=100_000)
    faults = {0: {"it": FaultRule(fault="cut_rst", after=4)}}
    async with keyed(stores, faults=faults, policy=Policy(on_cut="error")) as place:
        await call(place, secret, {**SMALL, "stream": True})
        (record,) = place.kept.calls
    assert record.charged is not None
    assert record.charged.by == "bound"
    assert 4 <= record.charged.tokens < 2000


async def test_budget_that_is_used_up_is_refused_for_good(tmp_path: Path) -> None:
    stores = stores_in(tmp_path)
    key, secret = new_key(stores, budget_nano_usd=1_300_000)
    async with keyed(stores) as place:
        statuses = []
        while not statuses or statuses[-1] == 200:
            got = await call(place, secret)
            statuses.append(got.status)
        _, nano = charged(place.kept.calls)
    assert len(statuses) > 2
    assert (got.status, got.headers["x-should-retry"]) == (402, "false")
    assert "budget is used up" in got.error
    assert "retry-after" not in got.headers
    assert spent(stores, str(key.id)) == {"budget": nano}
    assert nano <= 1_300_000


async def test_refusal_over_budget_is_in_the_callers_dialect(tmp_path: Path) -> None:
    stores = stores_in(tmp_path)
    _, secret = new_key(stores, budget_nano_usd=1000)
    async with keyed(stores) as place:
        got = await call(place, secret, SMALL, "/v1/messages")
    error = msgspec.json.decode(got.body)["error"]
    assert (got.status, error["type"]) == (403, "permission_error")
    assert error["details"]["error_code"] == "gateway.key-too-small"


async def test_calls_over_the_minutes_number_are_told_when_the_next_minute_begins(tmp_path: Path) -> None:
    stores = stores_in(tmp_path)
    _, secret = new_key(stores, requests_per_min=2)
    async with keyed(stores, keys_clock=FakeClock()) as place:
        got = [await call(place, secret) for _ in range(3)]
    assert [one.status for one in got] == [200, 200, 429]
    refused = got[-1]
    assert refused.headers["x-should-retry"] == "true"
    assert 0 < int(refused.headers["retry-after-ms"]) <= 60_001


async def test_key_without_a_known_price_is_refused_by_name(tmp_path: Path) -> None:
    from freehold.types.homes import Price

    stores = stores_in(tmp_path)
    _, secret = new_key(stores, budget_nano_usd=10**9)
    async with keyed(stores) as place:
        route = place.plane.generation.plans["chat"].routes[0]
        route.home = msgspec.structs.replace(route.home, price=Price())
        got = await call(place, secret)
        seen = len(list(place.homes[0].log.entries))
    assert (got.status, seen) == (403, 0)
    assert "the price of home0 is unknown" in got.error


async def test_call_without_a_limit_is_bounded_by_its_model(tmp_path: Path) -> None:
    stores = stores_in(tmp_path)
    _, secret = new_key(stores, tokens_per_min=100_000)
    async with keyed(stores) as place:
        unbounded = await call(place, secret, ask())
    async with keyed(stores, model=ModelSettings(output_tokens=50)) as place:
        bounded = await call(place, secret, ask())
    assert (unbounded.status, bounded.status) == (403, 200)
    assert "set max_tokens" in unbounded.error


async def test_token_count_costs_no_tokens(tmp_path: Path) -> None:
    stores = stores_in(tmp_path)
    key, secret = new_key(stores, tokens_per_min=100_000)
    body = {"model": "chat", "messages": [{"role": "user", "content": "to be"}]}
    async with keyed(stores, "anthropic") as place:
        got = await call(place, secret, body, "/v1/messages/count_tokens")
    assert got.status == 200
    assert spent(stores, str(key.id)) == {"tokens_per_min": 0}


async def test_caller_who_leaves_while_waiting_costs_nothing(tmp_path: Path) -> None:
    import asyncio

    stores = stores_in(tmp_path)
    key, secret = new_key(stores, concurrency=1, tokens_per_min=100_000)
    slow = {**ask("[pocket words tokens=30 tokens_per_s=60]", stream=True), "max_tokens": 40}
    async with keyed(stores) as place:
        first = asyncio.create_task(call(place, secret, slow))
        await until(lambda: place.plane.in_flight == 1)
        second = asyncio.create_task(call(place, secret))
        assert place.plane.allowance is not None
        leasing = place.plane.allowance.leasings[0]
        await until(lambda: bool(leasing.waiting))
        second.cancel()
        assert (await first).status == 200
        await until(lambda: not leasing.waiting)
        assert len(place.kept.calls) == 1
    assert spent(stores, str(key.id))["concurrency"] == 0


async def test_call_waits_a_moment_for_another_to_end(tmp_path: Path) -> None:
    import asyncio

    stores = stores_in(tmp_path)
    _, secret = new_key(stores, concurrency=1)
    async with keyed(stores) as place:
        got = await asyncio.gather(*(call(place, secret) for _ in range(4)))
    assert [one.status for one in got] == [200] * 4


async def test_strict_answer_is_charged_once(tmp_path: Path) -> None:
    stores = stores_in(tmp_path)
    key, secret = new_key(stores, budget_nano_usd=10**9)
    async with keyed(stores, strict=True) as place:
        assert (await call(place, secret)).status == 200
        _, nano = charged(place.kept.calls)
    assert spent(stores, str(key.id)) == {"budget": nano}


HEDGED = GatewaySettings(
    hedge=HedgeSettings(
        enabled=True, quantile=0.5, calls_share_max=1.0, cost_share_max=1.0, delay_min=Duration("20ms")
    )
)
PATIENT = TimeoutSettings(header=Duration("5s"), first_content=Duration("5s"))


async def after_a_slow_one(tmp_path: Path, body: object, **limits: object) -> tuple[Street, int]:
    """A gateway whose first home suddenly is slow; the attempts of the call that finds out."""
    stores, slow = stores_in(tmp_path), FaultRule(fault="slow_headers", seconds=0.6, skip=SAMPLES_MIN)
    _, secret = new_key(stores, **limits)
    async with keyed(
        stores, "openai", "openai", faults={0: {"slow": slow}}, settings=HEDGED, timeouts=PATIENT
    ) as place:
        for _ in range(SAMPLES_MIN + 1):
            await call(place, secret, body)
    return place, place.kept.calls[-1].attempts


async def test_call_whose_key_counts_tokens_is_not_asked_of_two_homes_at_once(tmp_path: Path) -> None:
    _, attempts = await after_a_slow_one(tmp_path, SMALL, tokens_per_min=10**8)
    assert attempts == 1


async def test_hedge_takes_over_what_the_call_had_reserved(tmp_path: Path) -> None:
    place, attempts = await after_a_slow_one(tmp_path, ask(), concurrency=50)
    assert attempts == 2
    assert place.plane.keys is not None
    (caller,) = set(place.plane.keys.callers.values())
    assert [meter.now.reserved for meter in caller.meters] == [0]


async def test_embedding_is_charged_its_input(tmp_path: Path) -> None:
    stores = stores_in(tmp_path)
    _, secret = new_key(stores, budget_nano_usd=10**9)
    async with keyed(stores) as place:
        got = await call(place, secret, {"model": "chat", "input": "to be or not"}, "/v1/embeddings")
        (record,) = place.kept.calls
    tokens = msgspec.json.decode(got.body)["usage"]["total_tokens"]
    assert record.charged is not None
    assert (record.charged.tokens, got.status) == (tokens, 200)
    assert 0 < (record.charged.nano_usd or 0) <= tokens * 1250


async def test_call_counting_limits_are_held_at_once_or_not_at_all(tmp_path: Path) -> None:
    stores = stores_in(tmp_path)
    _, secret = new_key(stores, requests_per_min=5, concurrency=5)
    async with keyed(stores, keys_clock=FakeClock()) as place:
        assert (await call(place, secret)).status == 200  # the first one fetches this process's part
        keys, allowance = place.plane.keys, place.plane.allowance
        assert keys is not None and allowance is not None
        (caller,) = keys.callers.values()
        assert caller.only_counts
        for meter in caller.meters:
            meter.now.ceiling = meter.now.used + meter.now.reserved + 1  # room for one more
        held = allowance.hold_now(caller)
        assert held is not None
        assert allowance.hold_now(caller) is None
        assert [meter.now.reserved for meter in caller.meters if meter.kind == CONCURRENCY] == [1]
        held.settle()
        assert [meter.now.reserved for meter in caller.meters if meter.kind == CONCURRENCY] == [0]
