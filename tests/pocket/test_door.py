import asyncio

from freehold.clock import FakeClock
from freehold.pocket import FaultRule, PocketHome
from tests.pocket.talk import said, send, send_and_hang_up


async def test_door_shuts_and_opens_with_its_window() -> None:
    clock = FakeClock()
    home = PocketHome(clock=clock, faults={"down": FaultRule(fault="refuse", from_s=5, to_s=9)})
    heard = []
    async with home.running() as url:
        for seconds in (0, 5, 4):
            clock.advance(seconds)
            await home.settle()
            heard.append((await send(url, said("hi"))).broken)
    assert heard == ["", "ConnectionRefusedError", ""]


async def test_settle_says_how_long_until_the_next_change() -> None:
    clock = FakeClock()
    home = PocketHome(clock=clock, faults={"down": FaultRule(fault="refuse", from_s=5, to_s=9)})
    async with home.running():
        waits = []
        for seconds in (0, 5, 4):
            clock.advance(seconds)
            waits.append(await home.settle())
    assert waits == [5, 4, None]


async def test_shutting_breaks_off_what_is_being_answered() -> None:
    home = PocketHome(faults={"stall": FaultRule(fault="stall")})
    async with home.running() as url:
        waiting = asyncio.create_task(send(url, said("one two three", stream=True)))
        while not home.log.entries:
            await asyncio.sleep(0)
        await home.set_faults({"down": FaultRule(fault="refuse")})
        assert (await waiting).broken in ("ConnectionResetError", "ConnectionError")


async def test_stop_while_shut_gives_the_port_back() -> None:
    home = PocketHome(faults={"down": FaultRule(fault="refuse")})
    async with home.running() as url:
        port = int(url.rpartition(":")[2])
    async with PocketHome().running(port=port) as again:
        assert (await send(again, said("hi"))).status == 200


async def test_stop_lets_what_is_being_answered_finish() -> None:
    released = asyncio.Event()

    async def until_released(seconds: float) -> None:
        await released.wait()

    home = PocketHome(faults={"slow": FaultRule(fault="slow_headers", seconds=60)}, sleep=until_released)
    await home.start()
    waiting = asyncio.create_task(send_and_hang_up(home.url, said("hello")))
    while not home.log.entries:
        await asyncio.sleep(0)
    stopping = asyncio.create_task(home.stop())
    released.set()
    assert b"hello" in await waiting
    await stopping
