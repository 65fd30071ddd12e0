from __future__ import annotations

import asyncio

import pytest

from freehold.pocket import FaultRule
from freehold.types.names import RecordId
from tests.gateway.running import Kept, ask, street


async def test_record_says_why_its_home_was_asked() -> None:
    async with street(("openai", "openai")) as place:
        await place.post(ask())
    assert place.kept.calls[0].why_home == "well, price not compared, by the file's order"


@pytest.mark.parametrize("homes", [1, 2])
async def test_record_after_a_failure_says_why_the_last_home_was_asked(homes: int) -> None:
    faults = {0: {"it": FaultRule(fault="status", status=500)}}
    async with street(("openai",) * homes, faults=faults) as place:
        await place.post(ask())
    assert place.kept.calls[0].attempts >= homes
    assert place.kept.calls[0].why_home == "well, price not compared, by the file's order"


class Slow(Kept):
    """Its disk takes records only when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.synced = asyncio.Event()
        self.waited: list[RecordId] = []

    async def durable(self, id: RecordId) -> None:
        self.waited.append(id)
        await self.synced.wait()


async def test_strict_ledger_answers_once_the_record_is_on_disk() -> None:
    kept = Slow()
    async with street(("openai",), kept=kept, strict=True) as place:
        answer = asyncio.create_task(place.post(ask()))
        while not kept.waited:
            await asyncio.sleep(0)
        assert [call.id for call in kept.calls] == kept.waited
        assert not answer.done()
        kept.synced.set()
        assert (await answer).status == 200
    assert len(kept.calls) == 1


async def test_answer_waits_for_no_disk_otherwise() -> None:
    kept = Slow()
    async with street(("openai",), kept=kept) as place:
        assert (await place.post(ask())).status == 200
    assert kept.waited == []
