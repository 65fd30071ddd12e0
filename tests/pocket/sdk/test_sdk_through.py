"""Any vendor's SDK, unchanged: directly to a home of its own, and through the data plane to homes of all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from freehold.estate.model import Estate
from freehold.pocket import PocketHome
from freehold.types.homes import Home, Workload
from freehold.types.names import HomeId, ModelId, WorkloadId
from tests.pocket.sdk.both import ARGUMENTS
from tests.pocket.sdk.conftest import Background
from tests.pocket.sdk.speakers import SPEAKERS, Speaker

# api of the home -> the pocket home that serves it
HOMES = {
    "openai": "openai", "azure-openai": "openai", "responses": "responses", "anthropic": "anthropic",
    "foundry-anthropic": "anthropic", "vertex-claude": "gemini", "bedrock-converse": "bedrock",
    "bedrock-invoke": "bedrock", "gemini": "gemini", "vertex-gemini": "gemini",
}  # fmt: skip
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
        pytest.importorskip("freehold.gateway.plane")
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
        from freehold.gateway.plane import Plane
        from freehold.gateway.settings import GatewaySettings
        from tests.gateway.running import Kept

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
