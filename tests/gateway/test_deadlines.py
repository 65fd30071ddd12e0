import asyncio

from freehold.gateway.deadlines import NEVER, Deadlines


class Waiter:
    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.told = asyncio.Event()

    def expired(self) -> None:
        self.deadline = NEVER
        self.told.set()


async def test_what_is_late_is_told_and_what_is_not_is_left_alone() -> None:
    loop = asyncio.get_running_loop()
    deadlines = Deadlines(loop, 0.01)
    late, never = Waiter(loop.time() + 0.01), Waiter(NEVER)
    deadlines.add(late)
    deadlines.add(never)
    async with asyncio.timeout(2):
        await late.told.wait()
    assert not never.told.is_set()
    deadlines.close()


async def test_deadline_that_was_moved_is_kept() -> None:
    loop = asyncio.get_running_loop()
    deadlines = Deadlines(loop, 0.005)
    moved, other = Waiter(loop.time() + 0.005), Waiter(loop.time() + 0.05)
    deadlines.add(moved)
    deadlines.add(other)
    moved.deadline = loop.time() + 60
    async with asyncio.timeout(2):
        await other.told.wait()
    assert not moved.told.is_set()
    deadlines.close()


async def test_shorter_wait_is_seen_once_it_is_allowed() -> None:
    loop = asyncio.get_running_loop()
    deadlines = Deadlines(loop, 60.0)
    one = Waiter(loop.time() + 0.01)
    deadlines.add(one)
    deadlines.allow(0.01)
    async with asyncio.timeout(2):
        await one.told.wait()
    assert one.deadline == NEVER
    deadlines.close()


async def test_what_was_taken_away_is_not_told() -> None:
    deadlines = Deadlines(asyncio.get_running_loop(), 0.005)
    one = Waiter(0.0)
    deadlines.add(one)
    deadlines.discard(one)
    await asyncio.sleep(0.02)
    assert not one.told.is_set()
    deadlines.close()
