from pathlib import Path

import httpx
import pytest

from freehold.clock import FakeClock, SystemClock
from freehold.errors import InputError
from freehold.gateway.keys import Caller, Key, KeyBook, KeyRing
from freehold.gateway.state.sqlite import SqliteState
from freehold.types.names import KeyId
from tests.gateway.running import ask
from tests.gateway.sharing import keyed, new_key, stores_in, until


def book(folder: Path, clock: FakeClock) -> tuple[KeyBook, KeyRing, SqliteState]:
    state = SqliteState(folder / "state.db", clock)
    return KeyBook(state, clock), KeyRing(clock), state


def test_key_is_found_by_its_secret_and_kept_only_as_a_hash(tmp_path: Path) -> None:
    keys, ring, state = book(tmp_path, FakeClock())
    key, secret = keys.create("joe", workloads=("chat",))
    ring.put(state.keys(-1)[1])
    found = ring.find(secret.encode())
    state.close()
    assert found is not None
    assert (found.id, found.scope) == (key.id, frozenset({"chat"}))
    assert all(secret.encode() not in path.read_bytes() for path in tmp_path.iterdir())


def test_revoked_key_is_not_found(tmp_path: Path) -> None:
    keys, ring, state = book(tmp_path, FakeClock())
    key, secret = keys.create("joe")
    ring.put(state.keys(-1)[1])
    version, _ = state.keys(-1)
    keys.revoke(key.id)
    ring.put(state.keys(version)[1])
    state.close()
    assert ring.find(secret.encode()) is None
    assert ring.ever_made


def test_expired_key_is_not_found(tmp_path: Path) -> None:
    clock = FakeClock()
    keys, ring, state = book(tmp_path, clock)
    _, secret = keys.create("joe", expires_ns=clock.now_ns() + 10**9)
    ring.put(state.keys(-1)[1])
    state.close()
    assert ring.find(secret.encode()) is not None
    clock.advance(1.0)
    assert ring.find(secret.encode()) is None


def test_rotated_key_keeps_its_old_secret_for_the_grace_period(tmp_path: Path) -> None:
    clock = FakeClock()
    keys, ring, state = book(tmp_path, clock)
    key, old = keys.create("joe", concurrency=3)
    _, new = keys.rotate(key.id, grace_s=60)
    ring.put(state.keys(-1)[1])
    state.close()
    caller = ring.find(new.encode())
    assert caller is not None
    assert ring.find(old.encode()) is caller  # one caller, so the two secrets share its limits
    clock.advance(60)
    assert ring.find(old.encode()) is None
    assert ring.find(new.encode()) is caller


def test_rotating_twice_forgets_the_first_secret(tmp_path: Path) -> None:
    keys, ring, state = book(tmp_path, FakeClock())
    key, first = keys.create("joe")
    ring.put(state.keys(-1)[1])
    keys.rotate(key.id, grace_s=60)
    keys.rotate(key.id, grace_s=60)
    ring.put(state.keys(-1)[1])
    state.close()
    assert ring.find(first.encode()) is None


def test_rotating_without_grace_ends_the_old_secret(tmp_path: Path) -> None:
    keys, ring, state = book(tmp_path, FakeClock())
    key, old = keys.create("joe")
    keys.rotate(key.id, grace_s=0)
    ring.put(state.keys(-1)[1])
    state.close()
    assert ring.find(old.encode()) is None


def test_revoked_key_is_not_rotated(tmp_path: Path) -> None:
    keys, _, state = book(tmp_path, FakeClock())
    key, _ = keys.create("joe")
    keys.revoke(key.id)
    with pytest.raises(InputError, match="is revoked"):
        keys.rotate(key.id, grace_s=60)
    state.close()


def test_changed_key_keeps_its_secret_and_what_is_not_named(tmp_path: Path) -> None:
    keys, ring, state = book(tmp_path, FakeClock())
    key, secret = keys.create("joe", concurrency=3, tokens_per_min=100)
    keys.change(key.id, {"concurrency": None, "tokens_per_min": 200})
    ring.put(state.keys(-1)[1])
    found = ring.find(secret.encode())
    state.close()
    assert found is not None
    assert [(meter.kind, meter.limit) for meter in found.meters] == [(2, 200)]


@pytest.mark.parametrize(
    "fields", [{"concurrency": 0}, {"id": "x"}, {"budget_nano_usd": 10**17}, {"tags": {"": "x"}}, {"x": 1},
               {"tokens_per_min": "many"}, {"name": ""}],
)  # fmt: skip
def test_key_that_makes_no_sense_is_not_made(tmp_path: Path, fields: dict[str, object]) -> None:
    keys, _, state = book(tmp_path, FakeClock())
    with pytest.raises(InputError, match="no key that can be made"):
        keys.create(**{"name": "joe", **fields})  # type: ignore[arg-type]
    assert keys.all() == []
    state.close()


def test_revoking_a_key_that_is_none_says_so(tmp_path: Path) -> None:
    keys, _, state = book(tmp_path, FakeClock())
    with pytest.raises(InputError, match="there is no key 'nobody'"):
        keys.revoke("nobody")
    state.close()


def test_key_that_only_a_cache_knew_is_forgotten(tmp_path: Path) -> None:
    keys, ring, state = book(tmp_path, FakeClock())
    kept, secret = keys.create("kept")
    _, gone = keys.create("gone")
    ring.put(state.keys(-1)[1])
    ring.forget_others({str(kept.id)})
    state.close()
    assert ring.find(secret.encode()) is not None
    assert ring.find(gone.encode()) is None


def test_file_of_keys_is_its_owners_alone(tmp_path: Path) -> None:
    SqliteState(tmp_path / "state.db").close()
    assert (tmp_path / "state.db").stat().st_mode & 0o077 == 0


def test_changed_key_keeps_what_this_process_has_of_its_limits() -> None:
    key = Key(id=KeyId("k"), name="n", created_ns=0, tokens_per_min=10)
    caller = Caller(key)
    (meter,) = caller.meters
    caller.become(Key(id=KeyId("k"), name="n", created_ns=0, tokens_per_min=20, concurrency=1))
    assert meter in caller.meters
    assert meter.limit == 20


async def test_call_without_a_key_is_answered_only_while_none_was_ever_made(tmp_path: Path) -> None:
    stores = stores_in(tmp_path)
    async with keyed(stores) as place:
        free = await place.post(ask())
        _, secret = new_key(stores)
        known = await place.post(ask(), headers={"authorization": f"Bearer {secret}"})
        await until(lambda: place.plane.keys is not None and bool(place.plane.keys.callers))
        without, wrong = await place.post(ask()), await place.post(ask(), headers={"x-api-key": "fh_no"})
    assert [one.status for one in (free, known, without, wrong)] == [200, 200, 401, 401]


async def test_key_made_a_moment_ago_is_known_at_once(tmp_path: Path) -> None:
    stores = stores_in(tmp_path)
    new_key(stores)
    async with keyed(stores) as place:
        _, secret = new_key(stores)
        got = await place.post(ask(), headers={"x-api-key": secret})
    assert got.status == 200


async def test_revoked_key_stops_working_on_a_kept_connection(tmp_path: Path) -> None:
    stores = stores_in(tmp_path)
    key, secret = new_key(stores)
    async with keyed(stores) as place:
        headers = {"x-api-key": secret}
        assert (await place.post(ask(), headers=headers)).status == 200
        state = stores.lasting()
        KeyBook(state).revoke(key.id)
        state.close()
        await until(lambda: place.plane.keys is not None and not place.plane.keys.callers)
        assert (await place.post(ask(), headers=headers)).status == 401


async def test_key_that_expires_stops_working_on_a_kept_connection(tmp_path: Path) -> None:
    stores, clock = stores_in(tmp_path), FakeClock(SystemClock().now_ns())
    _, secret = new_key(stores, expires_ns=clock.now_ns() + 10**9)
    async with keyed(stores, keys_clock=clock) as place:
        place.plane.clock = clock
        async with httpx.AsyncClient(headers={"x-api-key": secret}) as client:
            url = f"{place.url}/v1/chat/completions"
            before = (await client.post(url, json=ask())).status_code
            clock.advance(1.0)
            after = (await client.post(url, json=ask())).status_code
    assert (before, after) == (200, 401)


async def test_key_reaches_only_its_workloads(tmp_path: Path) -> None:
    stores = stores_in(tmp_path)
    _, secret = new_key(stores, workloads=("other",))
    async with keyed(stores) as place:
        got = await place.post(ask(), headers={"x-api-key": secret})
    assert got.status == 404
    assert "chat" not in got.error.partition("no workload is called 'chat'")[2]


async def test_callers_key_never_reaches_a_home(tmp_path: Path) -> None:
    stores = stores_in(tmp_path)
    _, secret = new_key(stores)
    async with keyed(stores) as place:
        await place.post(ask(), path=f"/v1/chat/completions?api-key={secret}")
        await place.post(ask(), headers={"x-api-key": secret})
        seen = list(place.homes[0].log.entries)
    assert len(seen) == 2
    assert all(secret not in str(one) for one in seen)


async def test_tags_of_a_key_are_in_its_calls_records(tmp_path: Path) -> None:
    stores = stores_in(tmp_path)
    _, secret = new_key(stores, tags={"team": "search"})
    async with keyed(stores) as place:
        await place.post(ask(), headers={"x-api-key": secret})
        (record,) = place.kept.calls
    assert record.tags == {"team": "search"}
    assert record.charged is None
