"""Self-hosted engines are asked for their load in the background, where the estate says they tell it.

`options.metrics = "/metrics"` at a home says so. An engine that does not answer is not asked to fail: what it
said before grows old, and then nothing is known of it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from freehold import wire
from freehold.gateway.engines import TEXT_BYTES_MAX, engine_of
from freehold.gateway.headroom import Headroom

ANSWER_SECONDS_MAX: Final = 2.0
AT_ONCE_MAX: Final = 32


class Target(NamedTuple):
    url: str
    headroom: Headroom
    tls: ssl.SSLContext | None = None


class Scraper:
    """Asks every target, again and again, until it is closed."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._targets: tuple[Target, ...] = ()
        self._every_seconds = 1.0
        self._task: asyncio.Task[None] | None = None

    def aim(self, targets: Sequence[Target], every_seconds: float) -> None:
        """Ask these from now on; no targets, no work."""
        self._targets, self._every_seconds = tuple(targets), every_seconds
        if self._targets and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())
        elif not self._targets:
            self.close()

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        turns = asyncio.Semaphore(AT_ONCE_MAX)
        while True:
            await asyncio.gather(*(self._ask(target, turns) for target in self._targets))
            await asyncio.sleep(self._every_seconds)

    async def _ask(self, target: Target, turns: asyncio.Semaphore) -> None:
        async with turns:
            try:
                async with asyncio.timeout(ANSWER_SECONDS_MAX):
                    text = await _page(target)
            except (OSError, TimeoutError, wire.WireError):
                return  # what it said before grows old by itself
        found = engine_of(text, target.headroom.engine)
        if found is not None:
            target.headroom.scraped(found, self._now())


async def _page(target: Target) -> str:
    response = await wire.request("GET", target.url, tls=target.tls)
    async with response:
        body = await response.read()
    return body[:TEXT_BYTES_MAX].decode("utf-8", "replace") if response.status == 200 else ""
