"""Keys over HTTP, and only for whoever holds the admin key."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from freehold.clock import SystemClock
from freehold.gateway.desk import ADMIN_META, BODY_BYTES_MAX, KeyDesk, Visit
from freehold.gateway.keys import digest
from tests.gateway.sharing import new_key, stores_in


class Desk:
    def __init__(self, desk: KeyDesk) -> None:
        self._desk = desk

    async def ask(
        self, method: str, path: str, body: object = None, key: str = "the admin key"
    ) -> tuple[int, Any]:
        sent = b"" if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
        visit = Visit(method=method, path=path, authorization=f"Bearer {key}", body=sent)
        status, reply = await self._desk.answer(visit)
        told = msgspec.json.decode(reply)
        return status, told.get("data", told)


@asynccontextmanager
async def desk(folder: Path, admin: bytes | None = digest("the admin key")) -> AsyncIterator[Desk]:
    made = KeyDesk(stores_in(folder), SystemClock(), admin)
    try:
        yield Desk(made)
    finally:
        await made.close()


async def test_key_is_made_changed_rotated_and_revoked(tmp_path: Path) -> None:
    async with desk(tmp_path) as place:
        status, made = await place.ask("POST", "/keys", {"name": "joe", "tokens_per_min": 100})
        id = made["id"]
        _, changed = await place.ask("PATCH", f"/keys/{id}", {"tokens_per_min": None, "concurrency": 3})
        _, rotated = await place.ask("POST", f"/keys/{id}/rotate", {"grace_s": 60})
        _, revoked = await place.ask("POST", f"/keys/{id}/revoke")
        again, told = await place.ask("POST", f"/keys/{id}/rotate")
        _, listed = await place.ask("GET", "/keys")
    assert (status, made["key"].startswith(f"fh_{id}_")) == (201, True)
    assert [one["limit"] for one in changed["limits"]] == ["concurrency"]
    assert rotated["key"] != made["key"]
    assert (revoked["state"], again, told["code"]) == ("revoked", 409, "gateway.revoked-key")
    assert [one["id"] for one in listed] == [id]
    assert made["key"] not in str(listed) + str(revoked)


async def test_admin_key_that_a_command_made_is_taken(tmp_path: Path) -> None:
    state = stores_in(tmp_path).lasting()
    state.put_meta(ADMIN_META, digest("made by a command").hex())
    state.close()
    async with desk(tmp_path) as place:
        made, named = [
            (await place.ask("GET", "/keys", key=key))[0] for key in ("made by a command", "the admin key")
        ]
    assert (made, named) == (200, 200)


@pytest.mark.parametrize("key", ["", "wrong", "the admin key "[:-2]])
async def test_without_the_admin_key_nothing_is_told(tmp_path: Path, key: str) -> None:
    new_key(stores_in(tmp_path))
    async with desk(tmp_path) as place:
        status, told = await place.ask("GET", "/keys", key=key)
    assert (status, told["code"]) == (401, "gateway.admin-key")


async def test_where_no_admin_key_was_ever_made_none_is_right(tmp_path: Path) -> None:
    async with desk(tmp_path, admin=None) as place:
        assert (await place.ask("GET", "/keys", key=""))[0] == 401


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/keys", {"concurrency": 1}, 400), ("POST", "/keys", b"[]", 400),
        ("POST", "/keys", b"{", 400),
        ("POST", "/keys", {"name": "x", "id": "y"}, 400), ("GET", "/keys/none", None, 404),
        ("POST", "/keys/none/revoke", None, 404), ("DELETE", "/keys", None, 404),
        ("POST", "/keys", b" " * (BODY_BYTES_MAX + 1), 413), ("GET", "/keys/a/b/c", None, 404),
    ],
)  # fmt: skip
async def test_what_cannot_be_done_is_refused(
    tmp_path: Path, method: str, path: str, body: object, status: int
) -> None:
    async with desk(tmp_path) as place:
        assert (await place.ask(method, path, body))[0] == status


async def test_limits_of_keys_are_gauges(tmp_path: Path) -> None:
    key, _ = new_key(stores_in(tmp_path), budget_nano_usd=2_500_000_000, concurrency=4)
    made = KeyDesk(stores_in(tmp_path), SystemClock(), None)
    found = (await made.limits(0.0)).gauges
    await made.close()
    assert found[f'freehold_key_limit_left{{key="{key.id}",limit="budget"}}'] == 2.5
    assert found[f'freehold_key_limit{{key="{key.id}",limit="concurrency"}}'] == 4
