"""Every fault of a pocket home, streaming and not, early, mid and late: a right answer or an honest error."""

from __future__ import annotations

import asyncio

import pytest

from freehold.gateway.settings import TimeoutSettings
from freehold.pocket import FaultRule
from freehold.pocket.faults import FAULTS, LISTENING
from freehold.types.homes import Policy
from tests.gateway.running import CALM, QUICK, ask, street

WORDS = 24
ASKED = f"[pocket words tokens={WORDS}]"
DEADLINE_SECONDS = 10.0
# Faults that spoil nothing the caller may not see.
HARMLESS = {"arguments_at_end", "garbage_usage", "mistyped_usage", "wrong_model", "slow_drip", "slow_headers"}
# The home's answer, which is not shopped to another vendor: a filter is an answer.
ANSWERS = {"content_filter", "prompt_filtered"}
SILENT = {"stall", "silent"}  # seen by nothing but a limit that is passed
ALL = sorted({*FAULTS, *LISTENING})
APIS = ("openai", "anthropic", "bedrock-converse")


async def right_answer() -> str:
    async with street(("openai",)) as place:
        return (await place.post(ask(ASKED))).text


def waits(fault: str) -> TimeoutSettings:
    return QUICK if fault in SILENT else CALM


def rule(fault: str, after: int) -> FaultRule:
    return FaultRule(fault=fault, after=after, seconds=0.001, retry_after_s=0.01, bytes=64)  # type: ignore[arg-type]


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("fault", ALL)
async def test_fault_is_not_noticed_while_another_home_can_take_over(
    fault: str, stream: bool, api: str
) -> None:
    right = await right_answer()
    for after in (0, WORDS // 2, WORDS - 1):
        faults = {0: {"it": rule(fault, after)}}
        async with street((api, "openai", "anthropic"), faults=faults, timeouts=waits(fault)) as place:
            async with asyncio.timeout(DEADLINE_SECONDS):
                got = await place.post(ask(ASKED, stream=stream))
            if fault in ANSWERS:
                assert got.status == 400 or right.startswith(got.text)
                assert place.kept.calls[0].attempts == 1
                continue
            assert got.status == 200
            assert got.text == right
            assert got.finished or not stream


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("fault", ALL)
async def test_fault_of_the_only_home_is_told_as_an_error(fault: str, stream: bool) -> None:
    right = await right_answer()
    for after in (0, WORDS // 2, WORDS - 1):
        faults = {0: {"it": rule(fault, after)}}
        policy = Policy(on_cut="error")
        async with street(("openai",), faults=faults, policy=policy, timeouts=waits(fault)) as place:
            async with asyncio.timeout(DEADLINE_SECONDS):
                got = await place.post(ask(ASKED, stream=stream))
            if got.status == 200 and not got.broken_off if stream else got.status == 200:
                assert got.text == right or fault in ANSWERS
                assert got.finished or not stream
            elif got.status == 200:
                assert right.startswith(got.text)
                assert not got.finished
            else:
                assert got.error
