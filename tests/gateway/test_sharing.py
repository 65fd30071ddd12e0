"""Budgets among several gateway processes: never passed, and no unit lost."""

import asyncio
from pathlib import Path

import pytest

from freehold.gateway.meters import DOLLARS, REQUESTS, TOKENS, Place, window_of
from freehold.gateway.sharing import Stores
from freehold.gateway.state import Standing, open_state
from freehold.gateway.state.opening import opener
from tests.gateway.fleet import Fleet, fleet, small
from tests.gateway.servers import Postgres, Redis, Where
from tests.gateway.sharing import new_key, stores_in, until

CALLERS = 64
GATEWAYS, WORKERS = 2, 4


def processes(folder: Path, where: Where, **options: object) -> list[Stores]:
    """Workers of gateways: each opens the store by itself, and each gateway has its own folder."""
    return [
        stores_in(folder / f"gateway{number % GATEWAYS}", opener(*where), **options)
        for number in range(GATEWAYS * WORKERS)
    ]


def standing_of(where: Where, place: Place) -> Standing:
    state = open_state(*where)
    (found,) = state.standings([place])
    state.close()
    return found


async def spend(place: Fleet, secret: str, each: int) -> list[int]:
    """64 callers, each with some calls, all at once; the statuses they got."""

    async def caller(number: int) -> list[int]:
        return [
            (await place.call(number + turn, secret, small(5 + number % 7, number))).status
            for turn in range(each)
        ]

    return [status for some in await asyncio.gather(*map(caller, range(CALLERS))) for status in some]


async def spend_all(place: Fleet, secret: str) -> list[int]:
    """64 callers who go on until there is no more; 429 says to come back, and they do."""

    async def caller(number: int) -> list[int]:
        found: list[int] = []
        while 402 not in found:
            body = small(5 + number % 7, number)
            found.append((await place.call(number + len(found), secret, body)).status)
        return found

    return [status for some in await asyncio.gather(*map(caller, range(CALLERS))) for status in some]


async def test_dollars_are_never_passed_and_none_is_lost(tmp_path: Path, where: Where) -> None:
    stores = processes(tmp_path, where)
    limit = 5_000_000
    key, secret = new_key(stores[0], budget_nano_usd=limit)
    async with fleet(stores) as place:
        statuses = await spend_all(place, secret)
        charged = sum(one.charged.nano_usd or 0 for one in place.records if one.charged is not None)
        costs = sum(one.cost.nano_usd or 0 for one in place.records if one.cost is not None)
    found = standing_of(where, Place(str(key.id), DOLLARS, 0))
    assert set(statuses) <= {200, 402, 429}
    assert charged == costs == found.spent <= limit
    assert (found.leased, found.uncertain) == (0, 0)
    assert found.spent > limit - 1_000_000  # what is left is less than one more call may cost


async def test_tokens_of_a_minute_are_never_passed(tmp_path: Path, where: Where) -> None:
    stores = processes(tmp_path, where)
    limit = 12_000
    key, secret = new_key(stores[0], tokens_per_min=limit)
    async with fleet(stores) as place:
        began = window_of(TOKENS, place.planes[0].clock.now_ns())
        statuses = await spend(place, secret, 2)
        ended = window_of(TOKENS, place.planes[0].clock.now_ns())
        used = sum(one.charged.tokens for one in place.records if one.charged is not None)
    found = [standing_of(where, Place(str(key.id), TOKENS, span)) for span in range(began, ended + 1)]
    assert set(statuses) <= {200, 429}
    assert all(one.spent <= limit for one in found)
    assert sum(one.spent for one in found) == used > 0


async def test_calls_of_a_minute_are_never_passed(tmp_path: Path, where: Where) -> None:
    stores = processes(tmp_path, where)
    key, secret = new_key(stores[0], requests_per_min=100)
    async with fleet(stores) as place:
        began = window_of(REQUESTS, place.planes[0].clock.now_ns())
        statuses = await spend(place, secret, 3)
        ended = window_of(REQUESTS, place.planes[0].clock.now_ns())
    found = [standing_of(where, Place(str(key.id), REQUESTS, span)) for span in range(began, ended + 1)]
    assert all(one.spent <= 100 for one in found)
    assert sum(one.spent for one in found) == statuses.count(200) >= 80


async def test_calls_at_once_are_never_passed(tmp_path: Path, where: Where) -> None:
    stores = processes(tmp_path, where)
    _, secret = new_key(stores[0], concurrency=6)
    most = 0
    async with fleet(stores) as place:

        async def watch() -> None:
            nonlocal most
            while True:
                most = max(most, sum(plane.in_flight for plane in place.planes))
                await asyncio.sleep(0)

        watching = asyncio.create_task(watch())
        statuses = await spend(place, secret, 1)
        watching.cancel()
    assert set(statuses) <= {200, 429}
    assert 0 < most <= 6


@pytest.mark.parametrize("kind", ["postgres", "redis"])
async def test_while_the_store_is_away_known_keys_go_on_and_unknown_ones_are_not_denied(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    server: Postgres | Redis = request.getfixturevalue({"postgres": "pg", "redis": "rd"}[kind])
    stores = [stores_in(tmp_path, opener(kind, server.fresh()), shared=True)]
    _, free = new_key(stores[0])
    key, limited = new_key(stores[0], budget_nano_usd=10**12, concurrency=50)
    async with fleet(stores) as place:
        leasing = place.shared[0].allowance.leasings[0]
        assert [(await place.call(0, one, small(5))).status for one in (free, limited)] == [200, 200]
        server.crash()
        try:
            await until(lambda: leasing.away_since is not None)
            known = [(await place.call(0, one, small(5))).status for one in (free, limited)]
            unknown = await place.call(0, "fh_0000000000_nobody", small(5))
        finally:
            server.start()
        await until(lambda: leasing.away_since is None)
        after = await place.call(0, "fh_0000000000_nobody", small(5))
        charged = sum(one.charged.nano_usd or 0 for one in place.records if one.charged is not None)
    found = standing_of((kind, server.address), Place(str(key.id), DOLLARS, 0))
    assert known == [200, 200]
    assert (unknown.status, after.status) == (503, 401)
    assert found.spent == charged > 0


async def test_gateway_that_starts_while_the_store_is_away_knows_the_keys_it_read_before(
    tmp_path: Path, rd: Redis
) -> None:
    stores = [stores_in(tmp_path, opener("redis", rd.fresh()), shared=True)]
    _, secret = new_key(stores[0])
    async with fleet(stores):
        await until((tmp_path / "keys.cache").exists)
    rd.crash()
    try:
        async with fleet(stores) as place:
            known = await place.call(0, secret, small(5))
            unknown = await place.call(0, "fh_0000000000_nobody", small(5))
    finally:
        rd.start()
    assert (known.status, unknown.status) == (200, 503)
    assert secret.encode() not in (tmp_path / "keys.cache").read_bytes()


async def test_store_that_was_emptied_makes_no_key_unknown(tmp_path: Path, rd: Redis) -> None:
    stores = [stores_in(tmp_path, opener("redis", rd.fresh()), shared=True)]
    _, secret = new_key(stores[0])
    async with fleet(stores) as place:
        rd.fresh()
        await until(lambda: bool(place.shared[0].away))
        got = await place.call(0, secret, small(5))
        unknown = await place.call(0, "fh_0000000000_nobody", small(5))
    assert (got.status, unknown.status) == (200, 503)
    assert "not the one it was" not in got.body.decode()


async def test_two_stores_share_the_limits_between_them(tmp_path: Path, pg: Postgres, rd: Redis) -> None:
    lasting, quick = pg.fresh(), rd.fresh()
    stores = stores_in(tmp_path, opener("postgres", lasting), quick=opener("redis", quick), shared=True)
    key, secret = new_key(stores, budget_nano_usd=10**10, concurrency=5, tokens_per_min=10**6)
    async with fleet([stores, stores]) as place:
        statuses = [(await place.call(number, secret, small(5))).status for number in range(6)]
        began = window_of(TOKENS, place.planes[0].clock.now_ns())
    dollars = standing_of(("postgres", lasting), Place(str(key.id), DOLLARS, 0))
    spans = [standing_of(("redis", quick), Place(str(key.id), TOKENS, began - back)) for back in (0, 1)]
    tokens = sum(one.spent for one in spans)
    assert statuses == [200] * 6
    assert dollars.spent == sum(one.charged.nano_usd or 0 for one in place.records if one.charged)
    assert tokens == sum(one.charged.tokens for one in place.records if one.charged)


async def test_gateway_that_stops_while_the_store_is_away_is_settled_by_the_next(
    tmp_path: Path, rd: Redis
) -> None:
    stores = stores_in(tmp_path, opener("redis", rd.fresh()), shared=True)
    key, secret = new_key(stores, budget_nano_usd=10**12)
    where, budget = ("redis", rd.address), Place(str(key.id), DOLLARS, 0)
    async with fleet([stores]) as place:
        await place.call(0, secret, small(5))
        rd.crash()
        try:
            await until(lambda: bool(place.shared[0].away))
            assert (await place.call(0, secret, small(5))).status == 200
            charged = sum(one.charged.nano_usd or 0 for one in place.records if one.charged is not None)
        except BaseException:
            rd.start()
            raise
    rd.start()
    before = standing_of(where, budget)
    assert before.spent < charged
    assert before.leased > 0
    async with fleet([stores]):
        await until(lambda: standing_of(where, budget).leased == 0)
        found = standing_of(where, budget)
    assert (found.spent, found.uncertain) == (charged, 0)
