"""Several gateways, as processes: their budgets, while processes, stores and homes are killed."""

import asyncio
import os
import random
from pathlib import Path

import msgspec
import pytest

from freehold import wire
from freehold.clock import SystemClock
from freehold.gateway.keys import Key, KeyBook
from freehold.gateway.meters import CONCURRENCY, DOLLARS, TOKENS, Place, window_of
from freehold.gateway.state import open_state
from freehold.pocket import FaultRule, PocketHome
from tests.gateway.fleet import small
from tests.gateway.gateways import Gateway, charged, gateways, standing_of
from tests.gateway.running import Got, ask
from tests.gateway.servers import Postgres, Redis, Where

CALLERS = 64
CALL_SECONDS_MAX = 30.0


def new_key(where: Where, **limits: object) -> tuple[Key, str]:
    state = open_state(*where)
    made = KeyBook(state).create("joe", **limits)
    state.close()
    return made


def sqlite_of(folder: Path) -> tuple[str, Where]:
    """The setting, and the place."""
    path = str(folder / "shared.db")
    return f'file = "{path}"', ("sqlite", path)


async def test_worker_that_is_killed_gives_its_part_back(tmp_path: Path) -> None:
    setting, where = sqlite_of(tmp_path)
    key, secret = new_key(where, budget_nano_usd=10**9, concurrency=8)
    budget, slots = Place(str(key.id), DOLLARS, 0), Place(str(key.id), CONCURRENCY, 0)
    homes = [PocketHome("openai", name="a")]
    async with gateways(tmp_path, homes, 1, 2, setting, {}) as (one,):
        for number in range(12):
            assert (await one.call(secret, small(8, number))).status == 200
        slow = {**ask("[pocket words tokens=400 tokens_per_s=20]", stream=True), "max_tokens": 500}
        cut = [asyncio.create_task(one.call(secret, slow)) for _ in range(6)]
        async with asyncio.timeout(60):
            while b"calls_in_flight 6" not in (await one.admin("/metrics"))[1]:
                await asyncio.sleep(0.02)
        for pid in one.workers:
            os.kill(pid, 9)
        await asyncio.gather(*cut, return_exceptions=True)
        async with asyncio.timeout(60):
            while (found := standing_of(where, budget)).leased or standing_of(where, slots).leased:
                await asyncio.sleep(0.05)
        assert (await one.call(secret, small(8))).status == 200
        await one.stop()
        served = sum(entry.output_tokens for entry in homes[0].log.entries)
        after = standing_of(where, budget)
        _, nano = charged([one], str(key.id))
    assert found.uncertain > 0  # the six that were cut off: nobody knows what became of them
    assert (
        nano <= after.spent
    )  # of the last calls before the kill, records may be lost; what they cost is not
    assert served * 2_000 <= after.spent + after.uncertain <= 10**9
    assert after.leased == 0


async def test_keys_are_managed_over_http_and_told_in_metrics(tmp_path: Path) -> None:
    setting, where = sqlite_of(tmp_path)
    state = open_state(*where)
    state.close()
    homes, environment = [PocketHome("openai", name="a")], {"ADMIN_KEY": "the admin key"}
    setting += '\n[gateway]\nadmin_key = "env:ADMIN_KEY"'
    async with gateways(tmp_path, homes, 1, 2, setting, environment) as (one,):
        body = b'{"name": "joe", "budget_nano_usd": 5000000000, "tags": {"team": "x"}}'
        status, made = await one.admin("/keys", "POST", "the admin key", body)
        told = msgspec.json.decode(made)["data"]
        answered = await one.call(told["key"], small(8))
        refused = await one.admin("/keys", "POST", "wrong", body)
        _, metrics = await one.admin("/metrics")
        ready = await one.admin("/ready")
    assert (status, answered.status, refused[0], ready) == (201, 200, 401, (200, b"ready\n"))
    name = f'{{key="{told["id"]}",limit="budget"}}'
    assert f"freehold_key_limit{name} 5\n".encode() in metrics
    assert b"freehold_state_away 0\n" in metrics


async def test_keys_are_not_managed_from_another_sites_page(tmp_path: Path) -> None:
    setting, _ = sqlite_of(tmp_path)
    async with gateways(tmp_path, [PocketHome("openai", name="a")], 1, 1, setting, {}) as (one,):
        url = f"{one.running.admin_url}/keys"
        async with await wire.request("GET", url, headers={"origin": "https://evil.example"}) as reply:
            assert reply.status == 403


async def test_gateway_that_never_read_the_keys_is_not_ready(tmp_path: Path) -> None:
    environment = {"RD": "unix:///nowhere/redis.sock"}
    homes = [PocketHome("openai", name="a")]
    async with gateways(tmp_path, homes, 1, 1, 'redis = "env:RD"', environment) as (one,):
        ready, words = await one.admin("/ready")
        got = await one.call("fh_0000000000_somebody", small(8))
        _, metrics = await one.admin("/metrics")
    assert (ready, got.status) == (503, 503)
    assert b"the shared state is away (Redis: ConnectionError)" in words
    assert b"freehold_state_away 1\n" in metrics


@pytest.mark.slow
async def test_budget_over_eight_processes_is_never_passed_and_loses_no_unit(
    tmp_path: Path, where: Where
) -> None:
    limit, tokens = 12_000_000, 30_000
    kind, address = where
    setting = f'file = "{address}"' if kind == "sqlite" else f'{kind} = "env:STORE"'
    dollars_key, dollars = new_key(where, budget_nano_usd=limit)
    minute_key, minute = new_key(where, tokens_per_min=tokens)
    homes, seen = [PocketHome("openai", name="a")], set[int]()
    async with gateways(tmp_path, homes, 2, 4, setting, {"STORE": address}) as places:

        async def caller(number: int) -> None:
            """Half of them until there is no more, half so many times; where told to come back, they do."""
            status, turn = 0, 0
            secret, turns = (dollars, 10**6) if number % 2 else (minute, 30)
            while status != 402 and turn < turns:
                turn += 1
                got = await places[turn % 2].call(secret, small(5 + number % 7, turn))
                status = got.status
                seen.add(status)

        began = window_of(TOKENS, SystemClock().now_ns())
        await asyncio.gather(*(caller(number) for number in range(CALLERS)))
        ended = window_of(TOKENS, SystemClock().now_ns())
        for place in places:
            await place.stop()
        _, nano = charged(places, str(dollars_key.id))
        used, _ = charged(places, str(minute_key.id))
    spent = standing_of(where, Place(str(dollars_key.id), DOLLARS, 0))
    minutes = [
        standing_of(where, Place(str(minute_key.id), TOKENS, span)) for span in range(began, ended + 2)
    ]
    assert seen <= {200, 402, 429}
    assert (spent.spent, spent.leased, spent.uncertain) == (nano, 0, 0)
    assert limit - 1_500_000 < nano <= limit  # what is left is less than one more call may cost
    assert sum(one.spent for one in minutes) == used > 0
    assert all(one.spent <= tokens and one.leased == one.uncertain == 0 for one in minutes)


class Tally:
    """How the calls of one key ended."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.right = self.wrong = self.hung = self.broken = 0
        self.refused: dict[str, int] = {}  # code of the refusal
        self.notes: list[str] = []

    def judge(self, got: Got, stream: bool, right: str) -> None:
        if got.status != 200:
            code = str(msgspec.json.decode(got.body)["error"]["code"])
            self.refused[f"{got.status} {code}"] = self.refused.get(f"{got.status} {code}", 0) + 1
        elif got.text == right and (got.finished or not stream):
            self.right += 1
        elif stream and got.broken_off and right.startswith(got.text):
            self.broken += 1  # honest: it says so
            self.notes.append(got.body[-300:].decode())
        else:
            self.wrong += 1
            self.notes.append(got.body[-300:].decode("utf-8", "replace"))


async def trouble(pg: Postgres, rd: Redis, homes: list[PocketHome], chance: random.Random) -> None:
    """Redis, PostgreSQL, then both are killed and come back; homes die one at a time, all along."""

    async def home_kills() -> None:
        while True:
            for home in homes:
                await home.set_faults({"down": FaultRule(fault="refuse")})
                await asyncio.sleep(chance.uniform(0.3, 0.8))
                await home.set_faults({})
                await asyncio.sleep(chance.uniform(0.3, 0.8))

    kills = asyncio.create_task(home_kills())
    try:
        for servers in ([rd], [pg], [rd, pg]):
            await asyncio.sleep(4)
            for server in servers:
                server.crash()
            await asyncio.sleep(3)
            for server in servers:
                await asyncio.to_thread(server.start)
        await asyncio.sleep(4)
    finally:
        kills.cancel()
        await asyncio.gather(kills, return_exceptions=True)
        for home in homes:
            await home.set_faults({})


async def drive(places: list[Gateway], tallies: list[Tally], right: str, ended: asyncio.Event) -> None:
    async def caller(number: int) -> None:
        tally, turn = tallies[number % len(tallies)], number
        while not ended.is_set():
            turn += 1
            stream = turn % 2 == 0
            body = {**ask("[pocket words tokens=24]", stream=stream), "max_tokens": 40}
            try:
                async with asyncio.timeout(CALL_SECONDS_MAX):
                    got = await places[turn % len(places)].call(tally.secret, body)
            except TimeoutError:
                tally.hung += 1
                continue
            tally.judge(got, stream, right)
            if got.status != 200:
                await asyncio.sleep(0.05)  # as an SDK would, though sooner

    await asyncio.gather(*(caller(number) for number in range(CALLERS)))


@pytest.mark.slow
async def test_chaos_of_stores_and_homes_is_not_seen_by_callers(
    tmp_path: Path, pg: Postgres, rd: Redis
) -> None:
    lasting: Where = ("postgres", pg.fresh())
    rd.fresh()
    setting = 'postgres = "env:PG"\nredis = "env:RD"\nready = "20s"'
    limits: dict[str, dict[str, object]] = {
        "free": {}, "rich": {"budget_nano_usd": 10**12, "tokens_per_min": 10**8, "concurrency": 10_000},
        "poor": {"budget_nano_usd": 5_000_000}, "slots": {"concurrency": 4},
    }  # fmt: skip
    keys = {name: new_key(lasting, **some) for name, some in limits.items()}
    tallies = {name: Tally(secret) for name, (_, secret) in keys.items()}
    homes, ended = [PocketHome("openai", name="a"), PocketHome("openai", name="b")], asyncio.Event()
    environment = {"PG": lasting[1], "RD": rd.address}
    async with gateways(tmp_path, homes, 2, 4, setting, environment) as places:
        body = {**ask("[pocket words tokens=24]"), "max_tokens": 40}
        right = (await places[0].call(keys["free"][1], body)).text
        driving = asyncio.create_task(drive(places, list(tallies.values()), right, ended))
        await trouble(pg, rd, homes, random.Random(7))
        ended.set()
        await driving
        for place in places:
            await place.stop()
        for name in ("rich", "poor"):
            key = str(keys[name][0].id)
            found = standing_of(lasting, Place(key, DOLLARS, 0))
            _, nano = charged(places, key)
            assert found.spent == nano, name
            assert (found.leased, found.uncertain) == (0, 0), name
            assert found.spent <= limits[name]["budget_nano_usd"], name  # type: ignore[operator]
    told = {name: {**vars(one), "secret": "", "notes": one.notes[:3]} for name, one in tallies.items()}
    print(told)
    assert all(one.wrong == one.hung == 0 for one in tallies.values()), told
    assert tallies["free"].refused == tallies["rich"].refused == {}, told
    assert all(
        code.split()[0] in ("402", "429", "503") for one in tallies.values() for code in one.refused
    ), told
