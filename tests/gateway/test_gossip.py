"""What processes tell each other of homes and pools."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from freehold.gateway.gossip import gossip
from freehold.gateway.health import CONSECUTIVE_MAX, Health
from tests.gateway.running import Street, street
from tests.gateway.sharing import sharing, stores_in, until


@asynccontextmanager
async def two(folder: Path) -> AsyncIterator[tuple[Street, Street]]:
    """Two gateways with homes of the same names, that hear of each other."""
    stores = stores_in(folder), stores_in(folder)
    async with (
        sharing(stores[0]) as here, sharing(stores[1]) as there, street(("openai",)) as near,
        street(("openai",)) as far,
    ):  # fmt: skip
        gossip(here, near.plane)
        gossip(there, far.plane)
        yield near, far


async def test_home_that_fails_elsewhere_is_watched_here_and_not_closed(tmp_path: Path) -> None:
    async with two(tmp_path) as (near, far):
        now = far.plane.now()
        there = next(iter(far.plane.lives.values())).health
        here = next(iter(near.plane.lives.values())).health
        there.failed(now, 30.0)
        await until(lambda: here.warned_until > near.plane.now() + 20)
        assert here.state == "closed"
        here.failed(near.plane.now())
        assert here.state == "cooling"


async def test_what_another_gateway_sent_through_a_pool_is_gone_here(tmp_path: Path) -> None:
    async with two(tmp_path) as (near, far):
        pools = [place.plane.traffic.capacity.pools for place in (near, far)]
        (ours,), (theirs,) = (list(one.values()) for one in pools)
        now = near.plane.now()
        ours.configure(600.0, None, now)
        await asyncio.sleep(0)
        level = ours.buckets["requests"].level
        theirs.sent += 1
        await until(lambda: bool(ours._peers))  # it has heard of the other, and where that began
        theirs.sent += 100
        await until(lambda: ours.buckets["requests"].level < level - 50)
        assert level - 102 <= ours.buckets["requests"].level


def test_warned_home_that_answers_stays_open() -> None:
    health = Health(random.Random(1))
    health.warned(100.0)
    health.succeeded(1.0)
    assert health.state == "closed"


def test_warning_of_another_gateway_passes_in_time() -> None:
    health = Health(random.Random(1))
    health.warned(10.0)
    for _ in range(CONSECUTIVE_MAX - 1):
        health.failed(20.0)
    assert health.state == "closed"
