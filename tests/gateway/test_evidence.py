from __future__ import annotations

import pytest

from freehold.pocket import FaultRule
from tests.gateway.running import ask, street


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
