import asyncio

from freehold import wire
from freehold.gateway.amounts import NEAR, Amount
from freehold.gateway.headroom import Headroom
from freehold.gateway.scraping import Scraper, Target

BUSY = b'vllm:num_requests_waiting{engine="0"} 3\nvllm:kv_cache_usage_perc{engine="0"} 0.8\n'


class Engine:
    """Answers with a page, so many times."""

    def __init__(self, page: bytes, status: int = 200) -> None:
        self.page, self.status, self.asked = page, status, 0

    async def handle(self, request: wire.Request) -> wire.Reply:
        self.asked += 1
        return wire.Reply(status=self.status, body=self.page)


async def asked_twice(engine: Engine, headroom: Headroom) -> None:
    server = await wire.serve(engine.handle, "127.0.0.1", 0)
    scraper = Scraper(lambda: 1.0)
    scraper.aim([Target(f"http://127.0.0.1:{wire.port_of(server)}/metrics", headroom)], 0.001)
    async with asyncio.timeout(5):
        while engine.asked < 3:
            await asyncio.sleep(0.001)
    scraper.close()
    server.close()
    await server.wait_closed()


async def test_engine_that_has_a_queue_twice_is_tight() -> None:
    headroom = Headroom("p", 0.0)
    await asked_twice(Engine(BUSY), headroom)
    assert headroom.grade_of(Amount(1, 1), 1.0) == NEAR
    assert headroom.snapshot(1.0).known_by == "metrics"


async def test_page_of_something_else_and_errors_say_nothing() -> None:
    for engine in (Engine(b"<html>"), Engine(BUSY, status=500)):
        headroom = Headroom("p", 0.0)
        await asked_twice(engine, headroom)
        assert headroom.engine is None


async def test_engine_that_is_gone_is_let_be() -> None:
    headroom = Headroom("p", 0.0)
    server = await wire.serve(Engine(BUSY).handle, "127.0.0.1", 0)
    port = wire.port_of(server)
    server.close()
    await server.wait_closed()
    scraper = Scraper(lambda: 1.0)
    scraper.aim([Target(f"http://127.0.0.1:{port}/metrics", headroom)], 0.001)
    await asyncio.sleep(0.02)
    scraper.aim([], 1.0)
    assert headroom.engine is None
