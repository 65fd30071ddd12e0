"""Gemini's stream as one JSON array, which is asked for without `alt=sse`: from homes of any dialect."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from freehold import wire
from freehold.pocket import FaultRule, PocketHome
from freehold.types.homes import Policy
from tests.gateway.running import Got, street

PATH = "/v1beta/models/chat:streamGenerateContent"
ASKED = {"contents": [{"role": "user", "parts": [{"text": "[pocket words tokens=12]"}]}]}


def chunks(got: Got) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = msgspec.json.decode(got.body)
    return found


def text(found: list[dict[str, Any]]) -> str:
    return "".join(
        part.get("text", "")
        for chunk in found
        for candidate in chunk.get("candidates", ())
        for part in candidate["content"]["parts"]
    )


@pytest.mark.parametrize("api", ["gemini", "openai", "anthropic", "bedrock-converse"])
async def test_array_is_answered_by_a_home_of_any_dialect(api: str) -> None:
    async with street((api,)) as place:
        got = await place.post(ASKED, PATH)
    found = chunks(got)
    assert got.headers["content-type"].startswith("application/json")
    assert len(text(found).split()) == 12
    assert found[-1]["candidates"][0]["finishReason"] == "STOP"


async def test_array_that_is_cut_is_continued_within_it() -> None:
    cut = {"cut": FaultRule(fault="cut_rst", after=5)}
    async with street(("gemini", "openai"), faults={0: cut}) as place:
        got = await place.post(ASKED, PATH)
        assert place.kept.calls[0].joined == "continued"
    assert len(text(chunks(got)).split()) == 12


@pytest.mark.parametrize("mode", ["error", "restart"])
async def test_array_that_cannot_go_on_ends_with_the_error_as_its_last_element(mode: str) -> None:
    cut = {"cut": FaultRule(fault="cut_rst", after=5)}
    policy = Policy(on_cut=mode)  # type: ignore[arg-type]
    async with street(("gemini", "gemini"), faults={0: cut}, policy=policy) as place:
        got = await place.post(ASKED, PATH, {"x-freehold-on-cut": "restart"})
    found = chunks(got)
    assert "broke off in the middle" in found[-1]["error"]["message"]
    assert all("finishReason" not in str(chunk) for chunk in found)


async def test_pocket_home_speaks_the_array_too() -> None:
    body = msgspec.json.encode(ASKED)
    async with (
        PocketHome("gemini").running() as url,
        await wire.request("POST", url + PATH, body=body) as response,
    ):
        got = Got(response.status, response.headers, await response.read())
    assert len(text(chunks(got)).split()) == 12
