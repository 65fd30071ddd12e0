"""Vendors' own SDKs as clients of pocket homes, so that nothing here is checked against itself.

The SDKs run in the test, some of them blocking; the homes run on an event loop of their own.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest

from freehold.pocket import FaultRule, PocketHome

T = TypeVar("T")
SECONDS_MAX = 20


class Background:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(SECONDS_MAX)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


@pytest.fixture(scope="session")
def background() -> Iterator[Background]:
    found = Background()
    yield found
    found.close()


class Far:
    """The far side of the wire: one pocket home, and where a client is to be pointed."""

    def __init__(self, home: PocketHome, url: str) -> None:
        self.home, self.url = home, url

    @property
    def asked(self) -> list[str]:
        return [f"{entry.method} {entry.path}" for entry in self.home.log.entries]

    @property
    def headers(self) -> dict[str, str]:
        return self.home.log.entries[-1].headers


@pytest.fixture
def far(background: Background) -> Iterator[Callable[..., Far]]:
    """far("anthropic", cut=FaultRule(...)) starts a home of that dialect with these faults."""
    started: list[PocketHome] = []

    def start(dialect: str, *, keys: tuple[str, ...] = (), **faults: FaultRule) -> Far:
        home = PocketHome(dialect, faults=faults, keys=keys)
        background.run(home.start())
        started.append(home)
        return Far(home, home.url)

    yield start
    for home in started:
        background.run(home.stop())
