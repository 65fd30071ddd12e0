"""What one gateway process shares with the others: its stores opened, its keys read, its limits lent.

One store is usual. Where both PostgreSQL and Redis are named, keys and dollars are PostgreSQL's, and what
lasts a minute or less (calls, tokens, calls at once, news) is Redis's.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from freehold.clock import Clock
from freehold.gateway.allowance import Allowance
from freehold.gateway.keys import KeyRing, KeyRow
from freehold.gateway.leasing import Leasing, News
from freehold.gateway.meters import (
    CONCURRENCY,
    DOLLARS,
    DOLLARS_DAY,
    DOLLARS_MONTH,
    REQUESTS,
    TOKENS,
)
from freehold.gateway.state.base import Opened

CACHE_NAME: Final = "keys.cache"
CACHE_SECONDS: Final = 5.0  # at least between two writings of it
_QUICK: Final = frozenset({CONCURRENCY, REQUESTS, TOKENS})
_LASTING: Final = frozenset({DOLLARS, DOLLARS_DAY, DOLLARS_MONTH})


class Stores(msgspec.Struct, kw_only=True):
    """Where the shared state is."""

    lasting: Opened  # keys and dollars; and all the rest, where there is no other
    quick: Opened | None = None
    lease_s: float = 15.0
    ready_s: float = 10.0  # of a key's own rate that a process holds ready
    folder: Path  # of this machine: the journals, and the keys as they were last read
    shared: bool = False  # is it elsewhere, so that it can be away while we are not?
    gossips: bool = True  # is there more than one gateway?
    gateway: str = msgspec.field(default_factory=lambda: secrets.token_hex(4))  # whose processes these are


class Sharing:
    """Of one process."""

    def __init__(
        self, stores: Stores, *, loop: asyncio.AbstractEventLoop, clock: Clock, chance: random.Random,
    ) -> None:  # fmt: skip
        self._stores, self._loop, self._clock = stores, loop, clock
        self._chance, self.gateway = chance, stores.gateway
        self.ring = KeyRing(clock)
        self._changed: Callable[[list[KeyRow]], None] = self.ring.put
        self._cache = stores.folder / CACHE_NAME if stores.shared else None
        self._saving = False
        self._save_at = 0.0
        self.owner = secrets.token_hex(8)
        lasting = self._leasing(stores.lasting, keys=True)
        parts = [(_LASTING if stores.quick else _LASTING | _QUICK, lasting)]
        if stores.quick is not None:
            parts.append((_QUICK, self._leasing(stores.quick, keys=False)))
        self.allowance = Allowance(parts, clock.now_ns)
        if self._cache is not None:
            self.ring.put(_cached(self._cache))
            self.ring.read = bool(self.ring.rows)

    def _leasing(self, opened: Opened, *, keys: bool) -> Leasing:
        return Leasing(
            opened, loop=self._loop, clock=self._clock, owner=self.owner, name="a" if keys else "b",
            folder=self._stores.folder, lease_s=self._stores.lease_s,
            ready_s=self._stores.ready_s, chance=self._chance,
            keys=self._keys_read if keys else None,
        )  # fmt: skip

    def follow(
        self, changed: Callable[[list[KeyRow]], None], say: Callable[[str], None] = lambda words: None
    ) -> None:
        """Who is told of keys that changed, and of a store that went away or came back, from now on."""
        self._changed = changed
        for one in self.allowance.leasings:
            one.say = say
            if one.doubts:
                say(one.doubts)

    async def first(self, seconds: float) -> None:
        """Wait until the keys have been read once, or for so long: a store that is away must not keep us."""
        leasing = self.allowance.leasings[0]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while leasing.polled_at < 0 and leasing.away_since is None:
                    await leasing.after_round()

    def share(self, kind: str, tell: Callable[[], bytes | None], hear: Callable[..., None]) -> None:
        """Tell the other processes something small every second, and hear what they tell."""
        name = f"{self.gateway}.{self.owner}"
        self.allowance.leasings[-1].news.append(News(kind=kind, name=name, tell=tell, hear=hear))

    @property
    def away(self) -> list[str]:
        """Why what is shared does not answer; empty while it does."""
        return [one.away_why for one in self.allowance.leasings if one.away_since is not None]

    def gauges(self) -> dict[str, float]:
        parts = self.allowance.leasings
        return {
            "freehold_state_away": float(bool(self.away)),
            "freehold_state_rounds_total": float(sum(one.rounds for one in parts)),
            "freehold_state_failures_total": float(sum(one.failures for one in parts)),
            "freehold_calls_waiting": float(sum(len(one.waiting) for one in parts)),
            "freehold_charged_beyond_bound_total": float(self.allowance.beyond),
        }

    def _keys_read(self, rows: list[KeyRow], whole: bool) -> None:
        if whole:
            self.ring.forget_others({str(row.key.id) for row in rows})  # those that only the cache knew
        self._changed(rows)
        if rows and self._cache is not None:
            self._save(self._cache)

    def _save(self, path: Path) -> None:
        """Keep the keys (their hashes) on this machine, for a process that starts while the store is away."""
        if self._saving:
            return
        self._saving = True
        wait = max(0.0, self._save_at - self._loop.time())
        self._save_at = self._loop.time() + wait + CACHE_SECONDS

        def save() -> None:
            self._saving = False
            self._loop.run_in_executor(None, _write_cache, path, self.ring.rows)

        self._loop.call_later(wait, save)

    async def end(self) -> None:
        await self.allowance.end()


_rows = msgspec.msgpack.Decoder(list[KeyRow]).decode


def _cached(path: Path) -> list[KeyRow]:
    try:
        return _rows(path.read_bytes())
    except (OSError, msgspec.DecodeError):
        return []  # there is none, or it is of another version: then the store is waited for


def _write_cache(path: Path, rows: list[KeyRow]) -> None:
    own = path.with_name(f"{path.name}.{os.getpid()}")
    with contextlib.suppress(OSError):  # it only helps a start while the store is away
        handle = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "wb") as file:
            file.write(msgspec.msgpack.encode(rows))
        own.replace(path)
