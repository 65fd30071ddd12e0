"""Many pocket homes in one process: all of them listen, or none does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from urllib.parse import urlsplit

import msgspec

from freehold.errors import Problem, ProblemsError
from freehold.pocket.hosts import is_loopback
from freehold.pocket.server import PocketHome, neighbours
from freehold.types.homes import Home


class Address(msgspec.Struct, frozen=True, kw_only=True):
    host: str
    port: int


def addresses(homes: Iterable[Home], source: str = "freehold.toml") -> dict[str, Address]:
    """Where each home that has a loopback URL is to listen. Two homes at one address are a problem."""
    found: dict[str, Address] = {}
    taken: dict[Address, str] = {}
    wrong: list[Problem] = []
    for home in homes:
        address = _address(home.url or "")
        if home.api is None or address is None:
            continue
        if address in taken:
            wrong.append(_shared(home.id, taken[address], address))
        taken.setdefault(address, home.id)
        found[home.id] = address
    if wrong:
        raise ProblemsError(source, wrong)
    return found


def _address(url: str) -> Address | None:
    parts = urlsplit(url)
    if parts.hostname is None or not is_loopback(parts.hostname):
        return None
    return Address(host=parts.hostname, port=parts.port or 80)


def _shared(home: str, other: str, address: Address) -> Problem:
    return Problem(
        code="pocket.shared-address",
        what=f"homes {other!r} and {home!r} are both at {address.host}:{address.port}",
        why="each pocket home listens on a port of its own",
        fix=f"give homes.{home}.url another port",
        path=f"homes.{home}.url",
    )


@contextlib.asynccontextmanager
async def running(homes: Sequence[tuple[PocketHome, Address]]) -> AsyncIterator[None]:
    """Start every one, or stop those already started and raise."""
    started: list[PocketHome] = []
    neighbours([home for home, _ in homes])
    try:
        for home, address in homes:
            await home.start(address.host, address.port)
            started.append(home)
        yield
    finally:
        await asyncio.gather(*(home.stop() for home in started))
