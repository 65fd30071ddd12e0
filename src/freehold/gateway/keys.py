"""Callers' keys: made once, kept only as a hash, looked up in memory, changed in the shared state.

The data plane never touches the state: a thread reads it when it has changed. With no key ever made, a
gateway on loopback answers everybody on this machine.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from typing import Final

import msgspec

from freehold.clock import Clock, SystemClock
from freehold.errors import InputError
from freehold.gateway.meters import (
    CONCURRENCY,
    DOLLARS,
    DOLLARS_DAY,
    DOLLARS_MONTH,
    REQUESTS,
    TOKENS,
    UNITS_MAX,
)
from freehold.gateway.slices import Meter
from freehold.gateway.state.base import Key, KeyRow, State
from freehold.types.names import KeyId

__all__ = ["Caller", "Key", "KeyBook", "KeyRing", "KeyRow", "digest", "limits_of"]

KEY_PREFIX: Final = "fh_"
SECRET_BYTES: Final = 32
ID_BYTES: Final = 5
NAME_LENGTH_MAX: Final = 200
TAGS_MAX: Final = 20
TAG_LENGTH_MAX: Final = 100
_CHANGING: Final = frozenset(Key.__struct_fields__) - {"id", "created_ns", "revoked_ns", "rotated_ns"}


def digest(secret: str | bytes) -> bytes:
    """A key has 256 random bits, so one round of SHA-256 is enough to keep it from being found."""
    return hashlib.sha256(secret.encode() if isinstance(secret, str) else secret).digest()


def limits_of(key: Key) -> list[tuple[int, int]]:
    """The limits that a key has, by kind."""
    found = (
        (CONCURRENCY, key.concurrency), (REQUESTS, key.requests_per_min), (TOKENS, key.tokens_per_min),
        (DOLLARS, key.budget_nano_usd), (DOLLARS_DAY, key.budget_per_day_nano_usd),
        (DOLLARS_MONTH, key.budget_per_month_nano_usd),
    )  # fmt: skip
    return [(kind, limit) for kind, limit in found if limit is not None]


class KeyBook:
    """Makes and changes keys: what the key commands and the admin API do."""

    def __init__(self, state: State, clock: Clock | None = None) -> None:
        self._state, self._clock = state, clock or SystemClock()

    def create(self, name: str, **limits: object) -> tuple[Key, str]:
        """A new key, and its secret, which is shown once and kept nowhere. `limits`: fields of `Key`."""
        id = KeyId(secrets.token_hex(ID_BYTES))
        key = _checked(Key(id=id, name=name, created_ns=self._clock.now_ns()), {"name": name, **limits})
        secret = _secret(id)
        self._state.put_key(KeyRow(hash=digest(secret), key=key))
        return key, secret

    def revoke(self, id: str) -> Key:
        """The key as it then is. Revoking twice changes nothing."""
        row = self.row(id)
        if row.key.revoked_ns is not None:
            return row.key
        key = msgspec.structs.replace(row.key, revoked_ns=self._clock.now_ns())
        self._state.put_key(msgspec.structs.replace(row, key=key, prior=None, prior_until_ns=0))
        return key

    def rotate(self, id: str, grace_s: float) -> tuple[Key, str]:
        """A new secret for the same key; the one it had works for `grace_s` more."""
        row = self.row(id)
        if row.key.revoked_ns is not None:
            raise InputError(
                f"the key {id!r} is revoked", why="a revoked key stays so", fix="make a new key",
                code="gateway.revoked-key",
            )  # fmt: skip
        now_ns, secret = self._clock.now_ns(), _secret(row.key.id)
        key = msgspec.structs.replace(row.key, rotated_ns=now_ns)
        prior = row.hash if grace_s > 0 else None
        until_ns = now_ns + round(grace_s * 1e9) if prior is not None else 0
        self._state.put_key(KeyRow(hash=digest(secret), prior=prior, prior_until_ns=until_ns, key=key))
        return key, secret

    def change(self, id: str, changes: dict[str, object]) -> Key:
        """Other limits, scope, name or tags for a key; None takes a limit away."""
        row = self.row(id)
        key = _checked(row.key, changes)
        self._state.put_key(msgspec.structs.replace(row, key=key))
        return key

    def row(self, id: str) -> KeyRow:
        row = self._state.key(id)
        if row is None:
            raise InputError(
                f"there is no key {id!r}", why="the state has none of that id", fix="see freehold key list",
                code="gateway.unknown-key",
            )  # fmt: skip
        return row

    def all(self) -> list[Key]:
        return sorted((row.key for row in self._state.keys(-1)[1]), key=lambda key: (key.created_ns, key.id))


def _secret(id: str) -> str:
    return f"{KEY_PREFIX}{id}_{secrets.token_urlsafe(SECRET_BYTES)}"


def _checked(key: Key, changes: dict[str, object]) -> Key:
    """The key with these fields changed, if all of them may be and make sense."""
    unknown = sorted(set(changes) - _CHANGING)
    problem = f"a key has no field {unknown[0]!r} that can be set" if unknown else ""
    try:
        made = msgspec.convert({**msgspec.to_builtins(key), **changes}, Key)
    except msgspec.ValidationError as error:
        made, problem = key, str(error)
    if not problem:
        problem = _what_is_wrong(made)
    if problem:
        raise InputError(
            "this is no key that can be made", why=problem, fix="see docs/reference/keys.md",
            code="gateway.bad-key-fields",
        )  # fmt: skip
    return made


def _what_is_wrong(key: Key) -> str:
    if not 0 < len(key.name) <= NAME_LENGTH_MAX:
        return f"a name has 1 to {NAME_LENGTH_MAX} characters"
    if any(not 0 < limit <= UNITS_MAX for _, limit in limits_of(key)):
        return "a limit is a number above nothing, and a budget at most 9 million dollars"
    if len(key.tags) > TAGS_MAX or any(
        not 0 < len(text) <= TAG_LENGTH_MAX for pair in key.tags.items() for text in pair
    ):
        return (
            f"a key has at most {TAGS_MAX} tags, and their names and values 1 to {TAG_LENGTH_MAX} characters"
        )
    return ""


class Caller:
    """A key at work in this process: what it may do, and the part of its limits that this process has."""

    __slots__ = ("expires_ns", "id", "in_flight", "meters", "name", "only_counts", "scope", "tags")

    def __init__(self, key: Key | None) -> None:
        self.id = key.id if key is not None else None
        self.in_flight = 0
        self.meters: tuple[Meter, ...] = ()
        self.only_counts = True  # its limits count calls, and not what they use
        self.expires_ns: int | None = None
        self.scope: frozenset[str] | None = None
        self.tags: dict[str, str] = {}
        self.name = ""
        if key is not None:
            self.become(key)

    def become(self, key: Key) -> None:
        """The key was changed; what this process has of its limits stays."""
        self.name, self.tags, self.expires_ns = key.name, key.tags, key.expires_ns
        self.scope = frozenset(key.workloads) if key.workloads else None
        known = {meter.kind: meter for meter in self.meters}
        made = []
        for kind, limit in limits_of(key):
            meter = known.get(kind) or Meter(str(key.id), kind, limit)
            meter.limit = limit
            made.append(meter)
        self.meters = tuple(made)
        self.only_counts = all(meter.kind in (CONCURRENCY, REQUESTS) for meter in made)


class KeyRing:
    """Every valid key by its hash, in memory; changed from the loop only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.callers: dict[bytes, Caller] = {}
        self._rows: dict[str, KeyRow] = {}
        self._by_id: dict[str, Caller] = {}
        self._priors: dict[bytes, int] = {}  # hashes that work until then
        self.read = False  # were keys ever read? Until then nobody can be told that a key is none
        self.stale = False  # the state does not answer, so a key may have been made that is not here

    @property
    def ever_made(self) -> bool:
        return bool(self._rows) or not self.read

    @property
    def rows(self) -> list[KeyRow]:
        return list(self._rows.values())

    def put(self, rows: Iterable[KeyRow]) -> None:
        """Keys that are new or changed."""
        self.read = True
        for row in rows:
            before = self._rows.get(row.key.id)
            if before is not None:
                self._forget(before)
            self._rows[row.key.id] = row
            if row.key.revoked_ns is not None:
                continue
            caller = self._by_id.get(row.key.id)
            if caller is None:
                caller = self._by_id[row.key.id] = Caller(row.key)
            else:
                caller.become(row.key)
            self.callers[row.hash] = caller
            if row.prior is not None:
                self.callers[row.prior] = caller
                self._priors[row.prior] = row.prior_until_ns

    def forget_others(self, ids: set[str]) -> None:
        """There are no keys but these, which are about to be put."""
        self.read = False
        for id in [id for id in self._rows if id not in ids]:
            self._forget(self._rows.pop(id))
            self._by_id.pop(id, None)

    def _forget(self, row: KeyRow) -> None:
        for hash_ in (row.hash, row.prior):
            if hash_ is not None:
                self.callers.pop(hash_, None)
                self._priors.pop(hash_, None)

    def find(self, secret: bytes) -> Caller | None:
        hash_ = hashlib.sha256(secret).digest()
        caller = self.callers.get(hash_)
        if caller is None:
            return None
        if caller.expires_ns is not None and self._clock.now_ns() >= caller.expires_ns:
            return None
        if self._priors and self._clock.now_ns() >= self._priors.get(hash_, 2**63):
            return None
        return caller

    def caller_of(self, id: str) -> Caller | None:
        return self._by_id.get(id)
