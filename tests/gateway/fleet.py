"""Several gateways before one pocket home, sharing a store: each process's part in this loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import msgspec

from freehold import wire
from freehold.gateway.plane import Plane
from freehold.gateway.settings import GatewaySettings, TimeoutSettings
from freehold.gateway.sharing import Sharing, Stores
from freehold.pocket import PocketHome
from freehold.types.homes import Policy
from freehold.types.names import HomeId
from freehold.types.records import CallRecord
from tests.gateway.running import Got, Kept, ask, estate_of
from tests.gateway.sharing import PRICE, sharing


class Fleet:
    def __init__(self, home: PocketHome, planes: list[Plane], shared: list[Sharing], urls: list[str],
                 kept: Kept) -> None:  # fmt: skip
        self.home, self.planes, self.shared, self.urls, self.kept = home, planes, shared, urls, kept

    async def call(self, number: int, secret: str, body: object) -> Got:
        """By the process whose turn it is."""
        url = self.urls[number % len(self.urls)] + "/v1/chat/completions"
        headers = {"x-api-key": secret}
        async with await wire.request("POST", url, body=msgspec.json.encode(body), headers=headers) as reply:
            return Got(reply.status, reply.headers, await reply.read())

    @property
    def records(self) -> list[CallRecord]:
        return self.kept.calls


@contextlib.asynccontextmanager
async def fleet(stores: Sequence[Stores]) -> AsyncIterator[Fleet]:
    """One process for each of `stores`: the same store as each of them opens it."""
    home, kept = PocketHome("openai", name="home0"), Kept()
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(home.running())
        estate = estate_of([home], ["openai"], Policy(), price=PRICE)
        planes, urls, parts = [], [], []
        for one in stores:
            shared = await stack.enter_async_context(sharing(one))
            plane = Plane(
                estate, GatewaySettings(timeouts=TimeoutSettings()), kept, {HomeId("home0"): "any"},
                keys=shared.ring, allowance=shared.allowance,
            )  # fmt: skip
            shared.follow(plane.keys_changed)
            server = await plane.serve("127.0.0.1", 0)
            urls.append(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            planes.append(plane)
            parts.append(shared)
            stack.push_async_callback(_stop, plane, server)
        yield Fleet(home, planes, parts, urls, kept)


async def _stop(plane: Plane, server: asyncio.Server) -> None:
    server.close()
    await plane.drain(5)
    plane.close()


def small(tokens: int, number: int = 0) -> dict[str, object]:
    """A call whose answer is so long; every other one is a stream."""
    return {**ask(f"[pocket words tokens={tokens}]", stream=bool(number % 2)), "max_tokens": tokens + 10}
