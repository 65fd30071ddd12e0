"""The contract of a store that gateway processes share. Every method may block, and raises StateAway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from freehold.errors import UnavailableError
from freehold.gateway.meters import Ask, Grant, Place
from freehold.types.names import KeyId


class StateAway(UnavailableError):  # what is the case, as in StoreAwayError's sense
    """The store does not answer now. What is known goes on being used; nothing is decided without it."""


class Key(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a caller's key; its secret is not."""

    id: KeyId
    name: str
    workloads: tuple[str, ...] = ()  # empty: all of them
    created_ns: int
    expires_ns: int | None = None
    revoked_ns: int | None = None
    rotated_ns: int | None = None
    requests_per_min: int | None = None
    tokens_per_min: int | None = None
    concurrency: int | None = None
    budget_nano_usd: int | None = None
    budget_per_day_nano_usd: int | None = None
    budget_per_month_nano_usd: int | None = None
    tags: dict[str, str] = {}


class KeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it is stored: the hash of its secret, and of the one before while that still works."""

    hash: bytes
    prior: bytes | None = None
    prior_until_ns: int = 0
    key: Key


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One window of one limit, as all processes together have it."""

    place: Place
    spent: int  # settled on real use
    leased: int  # lent to processes and not used yet
    uncertain: int  # may have been used by a process that is gone, so it is not given out again


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """What a process that is gone had of a window, as its own file tells."""

    place: Place
    used: int
    reserved: int  # for calls that were at work: nobody knows what became of them


class State(Protocol):
    """Implemented by `sqlite`, `postgres` and `redis`. One object is used by one thread at a time."""

    shared: bool  # do processes of other machines see it?

    def born(self) -> str:
        """A random name given to the store when it was made: one that was emptied has another."""
        ...

    def doubts(self) -> str:
        """Why a crash of the store might lose what it had answered; empty if nothing speaks for it."""
        ...

    def keys(self, since: int) -> tuple[int, list[KeyRow]]:
        """The version now, and the keys that changed after `since`. Keys are never removed."""
        ...

    def key(self, id: str) -> KeyRow | None: ...

    def put_key(self, row: KeyRow) -> None:
        """Add it, or replace the one of the same id."""
        ...

    def sync(self, owner: str, sequence: int, lease_s: float, asks: Sequence[Ask]) -> list[Grant]:
        """In one transaction: note what the owner has used, lend it more, and say that it lives.

        `sequence` grows with every call of an owner; an older one that comes late changes nothing.
        """
        ...

    def recover(self, owner: str, left: Sequence[Left]) -> None:
        """Settle what a process that is gone had, from its own file; again is harmless."""
        ...

    def forgive(self, key: str) -> int:
        """Give out again what was uncertain of a key. How many units that was, over all its limits."""
        ...

    def standings(self, places: Sequence[Place]) -> list[Standing]: ...

    def publish(self, kind: str, name: str, value: bytes, seconds: float) -> None:
        """News that others may gather for so long."""
        ...

    def gather(self, kind: str) -> Mapping[str, bytes]: ...

    def get_meta(self, name: str) -> str | None: ...

    def put_meta(self, name: str, value: str) -> None: ...

    def close(self) -> None: ...


class Opened(Protocol):
    """Opens the store: called in the process, and the thread, that will use it."""

    def __call__(self) -> State: ...
