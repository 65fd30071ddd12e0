"""anthropic: both API versions, and the clients for Bedrock, Vertex and Foundry."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import anthropic
import pytest
from pydantic import BaseModel

from freehold.pocket import FaultRule
from tests.pocket.sdk.both import ARGUMENTS, CITY, PDF, PNG, closed, each, every, value

TOOLS: list[Any] = [{"name": name, "input_schema": CITY} for name in ("get_weather", "get_time")]
OLDER = {"anthropic-version": "2023-06-01"}
Start = Callable[..., Any]


def user(content: Any) -> list[Any]:
    return [{"role": "user", "content": content}]


class City(BaseModel):
    city: str
    days: int


def plain(kind: Any, home: Any, retries: int) -> Any:
    return kind(base_url=home.url, api_key="k", max_retries=retries)


def older(kind: Any, home: Any, retries: int) -> Any:
    return kind(base_url=home.url, api_key="k", max_retries=retries, default_headers=OLDER)


def bedrock(kind: Any, home: Any, retries: int) -> Any:
    return kind(
        base_url=home.url, aws_access_key="k", aws_secret_key="s", aws_region="us-east-1", max_retries=retries
    )


def vertex(kind: Any, home: Any, retries: int) -> Any:
    return kind(
        base_url=f"{home.url}/v1", region="us-east5", project_id="p", access_token="k", max_retries=retries
    )


def foundry(kind: Any, home: Any, retries: int) -> Any:
    return kind(base_url=f"{home.url}/anthropic", api_key="k", max_retries=retries)


# name -> (dialect of the home, the two clients, how one is made, a model as it is named there)
SURFACES: dict[str, tuple[str, tuple[Any, Any], Callable[..., Any], str]] = {
    "plain": ("anthropic", (anthropic.Anthropic, anthropic.AsyncAnthropic), plain, "claude-x"),
    "older": ("anthropic", (anthropic.Anthropic, anthropic.AsyncAnthropic), older, "claude-x"),
    "bedrock": (
        "bedrock", (anthropic.AnthropicBedrock, anthropic.AsyncAnthropicBedrock), bedrock,
        "us.anthropic.claude-x-20260101-v1:0",
    ),
    "vertex": (
        "gemini", (anthropic.AnthropicVertex, anthropic.AsyncAnthropicVertex), vertex, "claude-x@20260101"
    ),
    "foundry": ("anthropic", (anthropic.AnthropicFoundry, anthropic.AsyncAnthropicFoundry), foundry, "dep"),
}  # fmt: skip


def client_of(surface: str, far: Start, *, asynchronous: bool, retries: int = 0, **more: Any) -> Any:
    dialect, kinds, make, model = SURFACES[surface]
    home = far(dialect, **more)
    client = make(kinds[asynchronous], home, retries)
    client.far, client.named = home, model
    return client


@pytest.fixture(params=["sync", "async"])
async def connect(request: pytest.FixtureRequest, far: Start) -> AsyncIterator[Start]:
    made: list[Any] = []

    def start(surface: str = "plain", **more: Any) -> Any:
        made.append(client_of(surface, far, asynchronous=request.param == "async", **more))
        return made[-1]

    yield start
    for client in made:
        await closed(client)


@pytest.fixture(params=list(SURFACES))
def client(request: pytest.FixtureRequest, connect: Start) -> Any:
    """A client of each surface, blocking and not."""
    return connect(request.param)


async def test_message_comes_back_with_usage(client: Any) -> None:
    done = await value(
        client.messages.create(
            model=client.named, max_tokens=50, messages=user("hello there"), system="be brief"
        )
    )
    assert [block.text for block in done.content] == ["hello there"]
    assert (done.stop_reason, done.usage.input_tokens, done.usage.output_tokens) == ("end_turn", 4, 2)
    assert done.type == "message"


async def test_stream_adds_up_to_a_message(client: Any) -> None:
    events = await every(
        client.messages.create(model=client.named, max_tokens=50, messages=user("one two"), stream=True)
    )
    assert [event.type for event in events] == [
        "message_start", "content_block_start", "content_block_delta", "content_block_delta",
        "content_block_stop", "message_delta", "message_stop",
    ]  # fmt: skip
    assert "".join(event.delta.text for event in events[2:4]) == "one two"
    assert events[-2].delta.stop_reason == "end_turn"
    assert events[-2].usage.output_tokens == 2


async def test_tools_are_called_in_parallel_and_their_results_read(client: Any) -> None:
    asked: dict[str, Any] = {"model": client.named, "max_tokens": 100, "tools": TOOLS}
    messages = user("get_weather get_time")
    done = await value(client.messages.create(messages=messages, **asked))
    assert [(block.name, block.input) for block in done.content] == [
        ("get_weather", ARGUMENTS), ("get_time", ARGUMENTS),
    ]  # fmt: skip
    assert done.stop_reason == "tool_use"
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": [{"type": "text", "text": "18 C"}]}
        for block in done.content
    ]
    messages = [*messages, {"role": "assistant", "content": done.content}, *user(results)]
    after = await value(client.messages.create(messages=messages, **asked))
    assert after.content[0].text == "The tools said: 18 C; 18 C"


async def test_thinking_is_signed_and_goes_back_as_it_came(client: Any) -> None:
    asked: dict[str, Any] = {"model": client.named, "max_tokens": 3000}
    asked["thinking"] = {"type": "enabled", "budget_tokens": 1024}
    done = await value(client.messages.create(messages=user("why?"), **asked))
    assert [block.type for block in done.content] == ["thinking", "text"]
    assert done.content[0].signature
    again = [*user("why?"), {"role": "assistant", "content": done.content}, *user("really?")]
    after = await value(client.messages.create(messages=again, **asked))
    assert after.content[-1].text == "really?"


async def test_thinking_that_was_changed_is_refused(connect: Start) -> None:
    client = connect()
    thinking = {"type": "thinking", "thinking": "I thought so", "signature": "c2lnbmVk"}
    messages = [*user("why?"), {"role": "assistant", "content": [thinking]}, *user("really?")]
    with pytest.raises(anthropic.BadRequestError, match="signature"):
        await value(client.messages.create(model="claude-x", max_tokens=10, messages=messages))


async def test_stream_helper_builds_thinking_and_tools(client: Any) -> None:
    async def last() -> Any:
        stream = client.messages.stream(
            model=client.named, max_tokens=3000, messages=user("get_weather"), tools=TOOLS,
            thinking={"type": "enabled", "budget_tokens": 1024},
        )  # fmt: skip
        if hasattr(stream, "__aenter__"):
            async with stream as entered:
                return await entered.get_final_message()
        with stream as entered:
            return entered.get_final_message()

    message = await last()
    assert [block.type for block in message.content] == ["thinking", "tool_use"]
    assert message.content[0].signature
    assert message.content[1].input == ARGUMENTS


async def test_images_and_documents_are_taken(client: Any) -> None:
    parts = [
        {"type": "text", "text": "what is it"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}},
    ]
    done = await value(client.messages.create(model=client.named, max_tokens=50, messages=user(parts)))
    assert done.content[0].text == "what is it"
    assert done.usage.input_tokens > 100


async def test_structured_answer_is_parsed(connect: Start) -> None:
    client = connect()
    done = await value(
        client.messages.parse(model="claude-x", max_tokens=50, messages=user("where?"), output_format=City)
    )
    assert done.parsed_output == City(city="city", days=1)


async def test_prefix_marked_for_the_cache_is_written_and_then_read(client: Any) -> None:
    system = [{"type": "text", "text": "a long system prompt", "cache_control": {"type": "ephemeral"}}]
    counts = []
    for _ in range(2):
        done = await value(
            client.messages.create(model=client.named, max_tokens=50, messages=user("hi"), system=system)
        )
        usage = done.usage
        counts.append((usage.input_tokens, usage.cache_creation_input_tokens, usage.cache_read_input_tokens))
    assert counts == [(1, 4, 0), (1, 0, 4)]


async def test_stop_sequence_and_limit_are_told_apart(connect: Start) -> None:
    client = connect()
    asked: dict[str, Any] = {"model": "claude-x", "messages": user("one two three")}
    stopped = await value(client.messages.create(max_tokens=50, stop_sequences=["two"], **asked))
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", "two")
    assert (await value(client.messages.create(max_tokens=1, **asked))).stop_reason == "max_tokens"


async def test_answer_begun_by_the_caller_is_continued(connect: Start) -> None:
    client = connect("older")
    question = "[pocket words tokens=20]"
    asked: dict[str, Any] = {"model": "claude-x", "max_tokens": 50}
    whole = (await value(client.messages.create(messages=user(question), **asked))).content[0].text
    begun = {"role": "assistant", "content": whole[:40].rstrip()}
    rest = await value(client.messages.create(messages=[*user(question), begun], **asked))
    assert begun["content"] + rest.content[0].text == whole


@pytest.mark.parametrize("surface", ["plain", "older", "vertex", "foundry"])
async def test_tokens_are_counted(connect: Start, surface: str) -> None:
    client = connect(surface)
    counted = await value(client.messages.count_tokens(model=client.named, messages=user("one two three")))
    assert counted.input_tokens == 3


async def test_models_are_listed(connect: Start) -> None:
    assert [model.id async for model in each(connect().models.list())] == ["pocket"]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (FaultRule(fault="expired_credentials"), anthropic.AuthenticationError),
        (FaultRule(fault="rate_limited"), anthropic.RateLimitError),
        (FaultRule(fault="overloaded"), anthropic.InternalServerError),
        (FaultRule(fault="server_error"), anthropic.InternalServerError),
        (FaultRule(fault="reset_on_accept"), anthropic.APIConnectionError),
        (FaultRule(fault="short_body"), anthropic.APIConnectionError),
    ],
)
async def test_faults_are_the_errors_the_sdk_has_for_them(
    connect: Start, fault: FaultRule, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await value(connect(fault=fault).messages.create(model="m", max_tokens=5, messages=user("hi")))


async def test_error_types_are_the_vendors_own(connect: Start) -> None:
    kinds = []
    for name in ("rate_limited", "overloaded", "expired_credentials"):
        with pytest.raises(anthropic.APIStatusError) as caught:
            await value(
                connect(fault=FaultRule(fault=name)).messages.create(
                    model="m", max_tokens=5, messages=user("hi")
                )
            )
        kinds.append(caught.value.body["error"]["type"])  # type: ignore[index,call-overload]
    assert kinds == ["rate_limit_error", "overloaded_error", "authentication_error"]


async def test_error_inside_a_stream_is_an_error(client: Any, background: Any) -> None:
    background.run(client.far.home.set_faults({"broken": FaultRule(fault="error_in_stream", message="busy")}))
    with pytest.raises(anthropic.APIStatusError, match="busy"):
        await every(
            client.messages.create(model=client.named, max_tokens=9, messages=user("one two"), stream=True)
        )


async def test_retry_succeeds_when_the_limit_is_over(connect: Start) -> None:
    limited = FaultRule(fault="rate_limited", count=2, hint="milliseconds", retry_after_s=0.001)
    client = connect(retries=2, fault=limited)
    done = await value(client.messages.create(model="m", max_tokens=5, messages=user("hi")))
    assert done.content[0].text == "hi"
    assert [entry.fault for entry in client.far.home.log.entries] == ["fault", "fault", ""]


@pytest.mark.parametrize("surface", list(SURFACES))
async def test_key_is_found_where_each_client_puts_it(connect: Start, surface: str) -> None:
    client = connect(surface, keys=("k",))
    await value(client.messages.create(model=client.named, max_tokens=5, messages=user("hi")))
    other = connect(surface, keys=("other",))
    with pytest.raises(anthropic.APIStatusError):
        await value(other.messages.create(model=other.named, max_tokens=5, messages=user("hi")))


@pytest.mark.parametrize(
    ("surface", "version"), [("plain", "2026-10-21"), ("older", "2023-06-01"), ("foundry", "2026-10-21")]
)
async def test_version_is_the_one_the_client_speaks(connect: Start, surface: str, version: str) -> None:
    client = connect(surface)
    await value(client.messages.create(model="m", max_tokens=5, messages=user("hi")))
    assert client.far.headers["anthropic-version"] == version


async def test_clouds_have_paths_of_their_own(connect: Start) -> None:
    paths = []
    for surface in ("bedrock", "vertex", "foundry"):
        client = connect(surface)
        await value(client.messages.create(model=client.named, max_tokens=5, messages=user("hi")))
        paths += client.far.asked
    assert paths == [
        "POST /model/us.anthropic.claude-x-20260101-v1:0/invoke",
        "POST /v1/projects/p/locations/us-east5/publishers/anthropic/models/claude-x@20260101:rawPredict",
        "POST /anthropic/v1/messages",
    ]
