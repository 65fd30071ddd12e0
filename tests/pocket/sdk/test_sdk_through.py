"""Any vendor's SDK, unchanged: directly to a home of its own, and through the data plane to homes of all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from freehold.estate.model import Estate
from freehold.gateway.plane import Plane
from freehold.gateway.settings import GatewaySettings
from freehold.gateway.story import REASK
from freehold.pocket import FaultRule, PocketHome, ScriptedEngine
from freehold.pocket.script import AnswerRule
from freehold.types.homes import Home, Policy, Workload
from freehold.types.names import HomeId, ModelId, WorkloadId
from tests.gateway.running import Kept, street
from tests.pocket.sdk.both import ARGUMENTS
from tests.pocket.sdk.conftest import Background
from tests.pocket.sdk.speakers import SPEAKERS, Claude, Speaker

# api of the home -> the pocket home that serves it
HOMES = {
    "openai": "openai", "azure-openai": "openai", "responses": "responses", "anthropic": "anthropic",
    "foundry-anthropic": "anthropic", "vertex-claude": "gemini", "bedrock-converse": "bedrock",
    "bedrock-invoke": "bedrock", "gemini": "gemini", "vertex-gemini": "gemini",
}  # fmt: skip
PLAIN = ("openai", "azure-openai", "responses")  # there this model is none that reasons, and is not asked to
WORKLOAD = "chat"
OPTIONS = {"project": "p", "location": "us-east5", "api_version": "2024-10-21"}


class Addresses:
    """Homes, gateways and clients, each made when it is first asked for."""

    def __init__(self, background: Background) -> None:
        self._background = background
        self._found: dict[str, str] = {}
        self._stops: list[Any] = []
        self._speakers: dict[tuple[str, str], Speaker] = {}

    def speaker(self, name: str, through: str) -> Speaker:
        if (name, through) not in self._speakers:
            named = SPEAKERS[name]
            url = self.direct(named.dialect) if through == "direct" else self.gateway(through)
            self._speakers[name, through] = named.make(url, WORKLOAD)
        return self._speakers[name, through]

    def direct(self, dialect: str) -> str:
        return self._once(f"direct {dialect}", self._home, dialect)

    def gateway(self, api: str) -> str:
        return self._once(f"gateway {api}", self._plane, api)

    def _once(self, name: str, start: Any, *arguments: str) -> str:
        if name not in self._found:
            self._found[name] = self._background.run(start(*arguments))
        return self._found[name]

    async def _home(self, dialect: str) -> str:
        home = PocketHome(dialect)
        await home.start()
        self._stops.append(home.stop)
        return home.url

    async def _plane(self, api: str) -> str:
        options = OPTIONS if api != "foundry-anthropic" else {}
        home = Home(
            id=HomeId(api), vendor="v", operator="o", region="us-east5", api=api, model=ModelId("claude-x"),
            url=await self._home(HOMES[api]), options=options,
        )  # fmt: skip
        chat = Workload(id=WorkloadId(WORKLOAD), homes=(home.id,))
        estate = Estate(homes={home.id: home}, workloads={chat.id: chat})
        plane = Plane(estate, GatewaySettings(), Kept(), {home.id: "any"})
        server = await plane.serve("127.0.0.1", 0)

        async def stop() -> None:
            server.close()
            await plane.drain(0.5)
            plane.close()
            await asyncio.sleep(0)

        self._stops.append(stop)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        for speaker in self._speakers.values():
            speaker.close()
        for stop in reversed(self._stops):
            self._background.run(stop())


@pytest.fixture(scope="module")
def addresses(background: Background) -> Iterator[Addresses]:
    found = Addresses(background)
    yield found
    found.close()


def pairs() -> list[Any]:
    """Every client with every home; the two thirds of them that only repeat what the others show are slow."""
    found = []
    for row, name in enumerate(SPEAKERS):
        found.append(pytest.param((name, "direct"), id=f"{name}-direct"))
        for column, api in enumerate(HOMES):
            marks = () if (row + column) % 3 == 0 else (pytest.mark.slow,)
            found.append(pytest.param((name, api), id=f"{name}-{api}", marks=marks))
    return found


@pytest.fixture(params=pairs())
def speaker(request: pytest.FixtureRequest, addresses: Addresses) -> Speaker:
    """A client, directly at a home of its own or through the data plane to a home of some api."""
    name, through = request.param
    return addresses.speaker(name, through)


def test_text_is_said_back_and_counted_once(speaker: Speaker) -> None:
    heard = speaker.say("hello out there")
    assert (heard.text, heard.tokens) == ("hello out there", (3, 3))


def test_stream_is_the_same_text(speaker: Speaker) -> None:
    assert speaker.stream("hello out there") == "hello out there"


def test_tools_are_called_in_parallel_with_their_arguments(speaker: Speaker) -> None:
    assert speaker.call("get_weather and get_time") == [("get_weather", ARGUMENTS), ("get_time", ARGUMENTS)]


def test_streamed_arguments_add_up_to_the_same_calls(speaker: Speaker) -> None:
    calls = speaker.call_streamed("get_weather and get_time")
    assert calls == [("get_weather", ARGUMENTS), ("get_time", ARGUMENTS)]


def test_tool_results_come_back_to_the_model(speaker: Speaker) -> None:
    assert "18 degrees" in speaker.after_tools("get_weather please", "18 degrees")


def test_image_arrives_with_the_words_beside_it(speaker: Speaker) -> None:
    heard = speaker.look("what is it")
    assert heard.text == "what is it"
    assert heard.tokens[0] > 80  # the image is counted, so it came


def test_structured_answer_has_the_shape_asked_for(speaker: Speaker) -> None:
    assert speaker.fill("where?") == ARGUMENTS


@pytest.mark.parametrize("api", ["direct", *HOMES])
def test_signed_thinking_goes_back_to_the_home_that_signed_it(addresses: Addresses, api: str) -> None:
    claude = addresses.speaker("anthropic", api)
    assert isinstance(claude, Claude)
    kinds, said = claude.think_again("why is that", "really so?")
    assert kinds == (["text"] if api in PLAIN else ["thinking", "text"])
    assert said == "really so?"  # the home checks its signature before it answers


WORDS = "[pocket words tokens=40]"
OUTAGES = {
    "refuses": FaultRule(fault="refuse"),
    "is limited": FaultRule(fault="rate_limited"),
    "is broken": FaultRule(fault="server_error"),
    "is cut before content": FaultRule(fault="cut_rst", after=0),
    "is cut in the middle": FaultRule(fault="cut_rst", after=15),
    "ends without its end": FaultRule(fault="no_terminal"),
    "fails inside a 200": FaultRule(fault="error_in_stream", after=5),
}


@pytest.mark.parametrize("outage", list(OUTAGES))
async def test_stream_is_whole_for_the_sdk_when_the_first_home(outage: str) -> None:
    async with street(("openai", "openai"), faults={0: {"outage": OUTAGES[outage]}}) as place:
        client = openai.AsyncOpenAI(base_url=f"{place.url}/v1", api_key="k", max_retries=0)
        messages: Any = [{"role": "user", "content": WORDS}]
        whole = await client.chat.completions.create(model="claude-pocket", messages=messages)
        said = ""
        async for chunk in await client.chat.completions.create(
            model="claude-pocket", messages=messages, stream=True
        ):
            said += chunk.choices[0].delta.content or "" if chunk.choices else ""
        await client.close()
    assert said == whole.choices[0].message.content
    assert len(said.split()) == 40


@pytest.mark.parametrize("name", list(SPEAKERS))
@pytest.mark.parametrize("on_cut", ["continue", "reask"])
async def test_every_sdk_reads_over_the_mark_of_a_joined_stream(name: str, on_cut: str) -> None:
    said = ScriptedEngine((AnswerRule(contains=REASK[:40], kind="fixed", text="are blue."),))
    cut = {"cut": FaultRule(fault="cut_fin", after=7)}
    policy = Policy(on_cut=on_cut)  # type: ignore[arg-type]
    async with street(("openai", "openai"), faults={0: cut}, policy=policy, engines={1: said}) as place:
        speaker = SPEAKERS[name].make(place.url, WORKLOAD)
        heard = await asyncio.to_thread(
            speaker.stream, '[pocket fixed text="One fish is red. Two fish are blue."]'
        )
        speaker.close()
        assert place.kept.calls[0].joined
    assert heard == "One fish is red. Two fish are blue."
