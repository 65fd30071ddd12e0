import asyncio
from pathlib import Path

import httpx
import pytest

from freehold.clock import FakeClock
from freehold.errors import InputError
from freehold.gateway.keys import Caller, Key, KeyFile, KeyRing
from freehold.types.names import KeyId
from tests.gateway.running import ask, street


def ring(folder: Path, clock: FakeClock) -> tuple[KeyFile, KeyRing]:
    file = KeyFile(folder / "keys.db", clock)
    return file, KeyRing(file, clock)


def test_key_is_found_by_its_secret_and_kept_only_as_a_hash(tmp_path: Path) -> None:
    file, keys = ring(tmp_path, FakeClock())
    key, secret = file.create("joe", workloads=("chat",))
    keys.load()
    found = keys.find(secret.encode())
    assert found is not None
    assert (found.id, found.scope) == (key.id, frozenset({"chat"}))
    assert all(secret.encode() not in path.read_bytes() for path in tmp_path.iterdir())


def test_revoked_key_is_not_found(tmp_path: Path) -> None:
    file, keys = ring(tmp_path, FakeClock())
    key, secret = file.create("joe")
    file.revoke(key.id)
    keys.load()
    assert keys.find(secret.encode()) is None
    assert keys.ever_made


def test_expired_key_is_not_found(tmp_path: Path) -> None:
    clock = FakeClock()
    file, keys = ring(tmp_path, clock)
    _, secret = file.create("joe", expires_ns=clock.now_ns() + 10**9)
    keys.load()
    assert keys.find(secret.encode()) is not None
    clock.advance(1.0)
    assert keys.find(secret.encode()) is None


def test_revoking_a_key_that_is_none_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no key 'nobody'"):
        KeyFile(tmp_path / "keys.db").revoke("nobody")


def test_file_of_keys_is_its_owners_alone(tmp_path: Path) -> None:
    KeyFile(tmp_path / "keys.db")
    assert (tmp_path / "keys.db").stat().st_mode & 0o077 == 0


def limited(**limits: int) -> Caller:
    return Caller(Key(id=KeyId("k"), name="n", created_ns=0, **limits))  # type: ignore[arg-type]


def test_rate_lets_a_minutes_calls_go_and_says_when_the_next_may() -> None:
    caller = limited(requests_per_min=2)
    assert [caller.take(0.0), caller.take(0.0)] == [None, None]
    assert caller.take(0.0) == pytest.approx(30.0)
    assert caller.take(30.0) is None


def test_processes_share_a_limit_and_never_pass_it() -> None:
    key = Key(id=KeyId("k"), name="n", created_ns=0, requests_per_min=10)
    callers = [Caller(key, share=4) for _ in range(4)]
    assert sum(caller.take(0.0) is None for caller in callers for _ in range(10)) <= 10


def test_changed_key_keeps_what_it_had_used() -> None:
    before, after = limited(requests_per_min=2), limited(requests_per_min=2)
    before.take(0.0)
    before.in_flight = 1
    after.adopt(before)
    assert (after.in_flight, after.take(0.0), after.take(0.0) is None) == (1, None, False)


async def test_call_without_a_key_is_answered_only_while_none_was_ever_made(tmp_path: Path) -> None:
    file, keys = ring(tmp_path, FakeClock())
    keys.load()
    async with street(("openai",), keys=keys) as place:
        free = await place.post(ask())
        _, secret = file.create("joe")
        place.plane.keys_changed(file.all())
        without, wrong = await place.post(ask()), await place.post(ask(), headers={"x-api-key": "fh_no"})
        known = await place.post(ask(), headers={"authorization": f"Bearer {secret}"})
    assert [one.status for one in (free, without, wrong, known)] == [200, 401, 401, 200]


async def test_revoked_key_stops_working_on_a_kept_connection(tmp_path: Path) -> None:
    file, keys = ring(tmp_path, FakeClock())
    key, secret = file.create("joe")
    keys.load()
    async with street(("openai",), keys=keys) as place:
        headers = {"x-api-key": secret}
        assert (await place.post(ask(), headers=headers)).status == 200
        file.revoke(key.id)
        place.plane.keys_changed(file.all())
        assert (await place.post(ask(), headers=headers)).status == 401


async def test_key_that_expires_stops_working_on_a_kept_connection(tmp_path: Path) -> None:
    clock = FakeClock()
    file, keys = ring(tmp_path, clock)
    _, secret = file.create("joe", expires_ns=clock.now_ns() + 10**9)
    keys.load()
    async with street(("openai",), keys=keys) as place:
        place.plane.clock = clock
        async with httpx.AsyncClient(headers={"x-api-key": secret}) as client:
            url = f"{place.url}/v1/chat/completions"
            before = (await client.post(url, json=ask())).status_code
            clock.advance(1.0)
            after = (await client.post(url, json=ask())).status_code
        assert len(place.plane.heads) == 1  # the head is known, and nothing is believed of it
    assert (before, after) == (200, 401)


async def test_key_reaches_only_its_workloads(tmp_path: Path) -> None:
    file, keys = ring(tmp_path, FakeClock())
    _, secret = file.create("joe", workloads=("other",))
    keys.load()
    async with street(("openai",), keys=keys) as place:
        got = await place.post(ask(), headers={"x-api-key": secret})
    assert got.status == 404
    assert "chat" not in got.error.partition("no workload is called 'chat'")[2]


async def test_key_over_its_rate_is_told_when_to_come_back(tmp_path: Path) -> None:
    file, keys = ring(tmp_path, FakeClock())
    _, secret = file.create("joe", requests_per_min=1)
    keys.load()
    async with street(("openai",), keys=keys) as place:
        await place.post(ask(), headers={"x-api-key": secret})
        got = await place.post(ask(), headers={"x-api-key": secret})
    assert (got.status, got.headers["x-should-retry"]) == (429, "true")
    assert int(got.headers["retry-after-ms"]) > 50_000


async def test_key_with_as_many_calls_at_work_as_it_may_waits_for_one_to_end(tmp_path: Path) -> None:
    file, keys = ring(tmp_path, FakeClock())
    _, secret = file.create("joe", concurrency=1)
    keys.load()
    slow, headers = ask("[pocket words tokens=40 tokens_per_s=100]", stream=True), {"x-api-key": secret}
    async with street(("openai",), keys=keys) as place:
        first = asyncio.create_task(place.post(slow, headers=headers))
        while not place.plane.in_flight:
            await asyncio.sleep(0.001)
        second = await place.post(ask(), headers=headers)
        await first
        third = await place.post(ask(), headers=headers)
    assert (second.status, third.status) == (429, 200)
    assert second.headers["x-should-retry"] == "true"


async def test_callers_key_never_reaches_a_home(tmp_path: Path) -> None:
    file, keys = ring(tmp_path, FakeClock())
    _, secret = file.create("joe")
    keys.load()
    async with street(("openai",), keys=keys) as place:
        await place.post(ask(), path=f"/v1/chat/completions?api-key={secret}")
        await place.post(ask(), headers={"x-api-key": secret})
        seen = list(place.homes[0].log.entries)
    assert len(seen) == 2
    assert all(secret not in str(one) for one in seen)
