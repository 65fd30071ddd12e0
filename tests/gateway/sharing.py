"""The state that gateways share, for tests: processes in one loop, each with its own part of it."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from freehold.clock import Clock, SystemClock
from freehold.gateway.keys import Key, KeyBook, KeyRing
from freehold.gateway.sharing import Sharing, Stores
from freehold.gateway.state import State
from freehold.gateway.state.sqlite import SqliteState
from freehold.types.homes import Price
from tests.gateway.running import Street, street

# A dollar a million tokens in, two out.
PRICE = Price(
    input_nano_usd_per_mtok=10**9, output_nano_usd_per_mtok=2 * 10**9, cache_read_nano_usd_per_mtok=10**8,
    cache_write_nano_usd_per_mtok=1_250_000_000,
)  # fmt: skip


def stores_in(folder: Path, opened: Callable[[], State] | None = None, **options: Any) -> Stores:
    made = opened or (lambda: SqliteState(folder / "state.db"))
    return Stores(lasting=made, folder=folder, **options)


def new_key(stores: Stores, **limits: object) -> tuple[Key, str]:
    state = stores.lasting()
    try:
        return KeyBook(state).create("joe", **limits)
    finally:
        state.close()


def keys_for(folder: Path, *names: str) -> tuple[KeyRing, dict[str, str]]:
    """A ring with a key for each that nobody changes, and the secrets they were given."""
    state = SqliteState(folder / "state.db")
    book, ring = KeyBook(state), KeyRing(SystemClock())
    secrets = {name: book.create(name)[1] for name in names}
    ring.put(state.keys(-1)[1])
    state.close()
    return ring, secrets


@contextlib.asynccontextmanager
async def sharing(stores: Stores, clock: Clock | None = None) -> AsyncIterator[Sharing]:
    """One process's side of it."""
    made = Sharing(
        stores, loop=asyncio.get_running_loop(), clock=clock or SystemClock(), chance=random.Random(1)
    )
    await made.first(30)
    try:
        yield made
    finally:
        await made.end()


@contextlib.asynccontextmanager
async def keyed(
    stores: Stores, *apis: str, keys_clock: Clock | None = None, **options: object
) -> AsyncIterator[Street]:
    """A gateway over pocket homes whose keys are in `stores`. `keys_clock` tells limits their minute."""
    async with (
        sharing(stores, keys_clock) as shared,
        street(
            apis or ("openai",),
            keys=shared.ring,
            allowance=shared.allowance,
            price=PRICE,
            **options,  # type: ignore[arg-type]
        ) as place,
    ):
        shared.follow(place.plane.keys_changed)
        place.plane.keys_changed(shared.ring.rows)
        yield place


async def until(true: Callable[[], bool], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.005)
