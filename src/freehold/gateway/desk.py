"""Keys over HTTP, for whoever holds the admin key: made, listed, changed, rotated, revoked, forgiven.

GET   /keys              every key, and where its limits stand
POST  /keys              {"name": ..., fields of a key}: 201, with its secret, this once
GET   /keys/ID           one key
PATCH /keys/ID           {fields to change}; null takes a limit away
POST  /keys/ID/rotate    {"grace_s": 86400}: a new secret, this once
POST  /keys/ID/revoke
POST  /keys/ID/forgive   what is uncertain of it is given out again
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from typing import Any, Final

import msgspec

from freehold.clock import Clock
from freehold.errors import FreeholdError, InputError
from freehold.gateway.exposition import Snapshot, series
from freehold.gateway.keys import Key, KeyBook
from freehold.gateway.meters import COUNTS_DOLLARS, NAMES
from freehold.gateway.metrics import SERIES_MAX
from freehold.gateway.sharing import Stores
from freehold.gateway.standing import account, accounts
from freehold.gateway.state.base import State

ADMIN_META: Final = "admin"  # where the state keeps the hash of the admin key that a command made
BODY_BYTES_MAX: Final = 64 * 1024
GRACE_SECONDS: Final = 86_400.0
LIMITS_FRESH_SECONDS: Final = 5.0
_STATUS: Final = {"gateway.unknown-key": 404, "gateway.revoked-key": 409, "gateway.state-away": 503}


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """A request, as the process that has the admin port passes it on."""

    method: str
    path: str
    authorization: str = ""
    body: bytes = b""


class _Rotation(msgspec.Struct):
    grace_s: float = GRACE_SECONDS


class KeyDesk:
    """In a gateway process. Everything that asks the state is asked in a thread, one thing at a time."""

    def __init__(self, stores: Stores, clock: Clock, admin: bytes | None) -> None:
        self._stores, self._clock, self._admin = stores, clock, admin
        self._states: list[State] = []
        self._turn = asyncio.Lock()
        self._limits: tuple[float, Snapshot] | None = None

    async def answer(self, visit: Visit) -> tuple[int, bytes]:
        """A status and a JSON body."""
        async with self._turn:
            return await asyncio.to_thread(self._answer, visit)

    async def limits(self, now: float) -> Snapshot:
        """Where the limits of all keys stand, as gauges; read at most every few seconds."""
        async with self._turn:
            if self._limits is None or now - self._limits[0] > LIMITS_FRESH_SECONDS:
                self._limits = (now, await asyncio.to_thread(self._measure))
            return self._limits[1]

    async def close(self) -> None:
        async with self._turn:
            states, self._states = self._states, []
            for state in states:
                await asyncio.to_thread(state.close)

    # --- in the thread ---

    def _opened(self) -> list[State]:
        if not self._states:
            made = [self._stores.lasting()]
            if self._stores.quick is not None:
                made.append(self._stores.quick())
            self._states = made
        return self._states

    def _answer(self, visit: Visit) -> tuple[int, bytes]:
        try:
            states = self._opened()
            if not self._may(states[0], visit.authorization):
                return _told(
                    401, "gateway.admin-key", "send the admin key as a bearer token",
                    "freehold key admin makes one, or [gateway] admin_key names one",
                )  # fmt: skip
            if len(visit.body) > BODY_BYTES_MAX:
                return _told(413, "gateway.bad-key-fields", "the body is too large", "send less")
            return self._serve(states, visit)
        except FreeholdError as error:
            return _told(_STATUS.get(error.code, 400), error.code, f"{error.what}: {error.why}", error.fix)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return _told(400, "gateway.bad-key-fields", str(error), "send a JSON object")

    def _may(self, state: State, authorization: str) -> bool:
        scheme, _, given = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return False
        digest = hashlib.sha256(given.strip().encode()).digest()
        made = state.get_meta(ADMIN_META)
        known = [one for one in (self._admin, bytes.fromhex(made) if made else None) if one is not None]
        right = False
        for one in known:
            right |= hmac.compare_digest(digest, one)  # each of them, so that the time tells nothing
        return right

    def _serve(self, states: list[State], visit: Visit) -> tuple[int, bytes]:
        book, now_ns = KeyBook(states[0], self._clock), self._clock.now_ns()
        match (visit.method, visit.path.strip("/").split("/")):
            case ("GET", ["keys"]):
                return _json(200, "keys/1", [one.as_data() for one in accounts(states, now_ns)])
            case ("POST", ["keys"]):
                return _secret(201, *book.create(**_named(_fields(visit.body))))
            case ("GET", ["keys", id]):
                return _json(200, "key/1", account(states, id, now_ns).as_data())
            case ("PATCH", ["keys", id]):
                book.change(id, _fields(visit.body))
                return _json(200, "key/1", account(states, id, now_ns).as_data())
            case ("POST", ["keys", id, "rotate"]):
                wish = msgspec.json.decode(visit.body or b"{}", type=_Rotation)
                return _secret(200, *book.rotate(id, wish.grace_s))
            case ("POST", ["keys", id, "revoke"]):
                book.revoke(id)
                return _json(200, "key/1", account(states, id, now_ns).as_data())
            case ("POST", ["keys", id, "forgive"]):
                book.row(id)
                units = sum(state.forgive(id) for state in states)
                return _json(200, "key-forgiven/1", {"id": id, "units": units})
        return _told(404, "gateway.no-such-path", "there is nothing at this path", "see GET /keys")

    def _measure(self) -> Snapshot:
        gauges: dict[str, float] = {}
        try:
            found = accounts(self._opened(), self._clock.now_ns())
        except FreeholdError:  # it is away, which freehold_state_away says
            return Snapshot(counters={}, gauges={})
        for one in found:
            if one.state != "valid" or len(gauges) >= SERIES_MAX:
                continue
            for limit in one.limits:
                scale = 1e9 if NAMES.index(limit.limit) in COUNTS_DOLLARS else 1
                labels = {"key": str(one.key.id), "limit": limit.limit}
                for name in ("of", "spent", "left", "leased", "uncertain"):
                    gauge = "freehold_key_limit" if name == "of" else f"freehold_key_limit_{name}"
                    gauges[series(gauge, **labels)] = getattr(limit, name) / scale
        return Snapshot(counters={}, gauges=gauges)


def _fields(body: bytes) -> dict[str, Any]:
    return msgspec.json.decode(body, type=dict[str, Any])


def _named(fields: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(fields.get("name"), str):
        raise InputError(
            "this is no key that can be made", why="it has no name", fix="send a name",
            code="gateway.bad-key-fields",
        )  # fmt: skip
    return fields


def _secret(status: int, key: Key, secret: str) -> tuple[int, bytes]:
    return _json(status, "key/1", {**msgspec.to_builtins(key), "key": secret})


def _json(status: int, schema: str, data: object) -> tuple[int, bytes]:
    return status, msgspec.json.encode({"schema": f"freehold.{schema}", "data": data})


def _told(status: int, code: str, what: str, fix: str) -> tuple[int, bytes]:
    return status, msgspec.json.encode({"code": code, "what": what, "fix": fix})
