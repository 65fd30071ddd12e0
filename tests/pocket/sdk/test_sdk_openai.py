"""openai: chat completions, Responses, embeddings, models; OpenAI's clients and Azure's."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from freehold.pocket import FaultRule
from tests.pocket.sdk.both import ARGUMENTS, CITY, PDF, PNG, closed, each, every, value

TOOLS: list[Any] = [
    {"type": "function", "function": {"name": name, "description": "d", "parameters": CITY, "strict": True}}
    for name in ("get_weather", "get_time")
]
CLIENTS = {"sync": openai.OpenAI, "async": openai.AsyncOpenAI}
AZURE = {"sync": openai.AzureOpenAI, "async": openai.AsyncAzureOpenAI}


def user(content: Any) -> list[Any]:
    return [{"role": "user", "content": content}]


class City(BaseModel):
    city: str
    days: int


@pytest.fixture(params=["sync", "async"])
async def connect(
    request: pytest.FixtureRequest, far: Callable[..., Any]
) -> AsyncIterator[Callable[..., Any]]:
    """connect(fault=FaultRule(...)) -> a client of a home with that fault; .far is the home."""
    made: list[Any] = []

    def start(*, retries: int = 0, keys: tuple[str, ...] = (), **faults: FaultRule) -> Any:
        home = far("openai", keys=keys, **faults)
        client = CLIENTS[request.param](base_url=f"{home.url}/v1", api_key="k", max_retries=retries)
        client.far = home
        made.append(client)
        return client

    yield start
    for client in made:
        await closed(client)


async def test_chat_says_it_back_with_usage(connect: Callable[..., Any]) -> None:
    done = await value(connect().chat.completions.create(model="m", messages=user("hello there")))
    assert (done.choices[0].message.content, done.choices[0].finish_reason) == ("hello there", "stop")
    assert (done.usage.prompt_tokens, done.usage.completion_tokens, done.usage.total_tokens) == (2, 2, 4)
    assert done.id.startswith("chatcmpl-")
    assert done._request_id


async def test_chat_stream_ends_with_finish_and_usage(connect: Callable[..., Any]) -> None:
    chunks = await every(
        connect().chat.completions.create(
            model="m", messages=user("one two three"), stream=True, stream_options={"include_usage": True}
        )
    )
    assert (
        "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "one two three"
    )
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage.completion_tokens == 3


async def test_chat_calls_tools_in_parallel_and_reads_their_results(connect: Callable[..., Any]) -> None:
    client, messages = connect(), user("get_weather and get_time")
    done = await value(client.chat.completions.create(model="m", messages=messages, tools=TOOLS))
    calls = done.choices[0].message.tool_calls
    assert [call.function.name for call in calls] == ["get_weather", "get_time"]
    assert [json.loads(call.function.arguments) for call in calls] == [ARGUMENTS, ARGUMENTS]
    assert done.choices[0].finish_reason == "tool_calls"
    messages = [*messages, done.choices[0].message]
    messages += [{"role": "tool", "tool_call_id": call.id, "content": "18 C"} for call in calls]
    after = await value(client.chat.completions.create(model="m", messages=messages, tools=TOOLS))
    assert after.choices[0].message.content == "The tools said: 18 C; 18 C"


@pytest.mark.parametrize("fault", [{}, {"end": FaultRule(fault="arguments_at_end")}])
async def test_chat_streams_the_arguments_of_each_tool(
    connect: Callable[..., Any], fault: dict[str, Any]
) -> None:
    written: dict[int, str] = {}
    stream = connect(**fault).chat.completions.create(
        model="m", messages=user("get_weather get_time"), tools=TOOLS, stream=True
    )
    async for chunk in each(stream):
        for call in (chunk.choices[0].delta.tool_calls or []) if chunk.choices else []:
            written[call.index] = written.get(call.index, "") + (call.function.arguments or "")
    assert [json.loads(text) for text in written.values()] == [ARGUMENTS, ARGUMENTS]


async def test_chat_takes_images_and_files(connect: Callable[..., Any]) -> None:
    parts = [
        {"type": "text", "text": "what is it"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}},
    ]
    done = await value(connect().chat.completions.create(model="m", messages=user(parts)))
    assert done.choices[0].message.content == "what is it"
    assert done.usage.prompt_tokens > 100


async def test_chat_parses_a_structured_answer(connect: Callable[..., Any]) -> None:
    done = await value(
        connect().chat.completions.parse(model="m", messages=user("where?"), response_format=City)
    )
    assert done.choices[0].message.parsed == City(city="city", days=1)


async def test_chat_stops_at_a_stop_sequence_and_a_limit(connect: Callable[..., Any]) -> None:
    client = connect()
    done = await value(client.chat.completions.create(model="m", messages=user("one two"), stop=["two"]))
    assert (done.choices[0].message.content, done.choices[0].finish_reason) == ("one ", "stop")
    cut = await value(
        client.chat.completions.create(model="m", messages=user("one two"), max_completion_tokens=1)
    )
    assert (cut.choices[0].message.content, cut.choices[0].finish_reason) == ("one", "length")


async def test_chat_counts_reasoning_and_cached_tokens(connect: Callable[..., Any]) -> None:
    client, long = connect(), user("[pocket fixed text=yes] " + "word " * 1100)
    first = await value(client.chat.completions.create(model="m", messages=long, reasoning_effort="low"))
    again = await value(client.chat.completions.create(model="m", messages=long, reasoning_effort="low"))
    assert first.usage.completion_tokens_details.reasoning_tokens == 12
    assert first.usage.prompt_tokens_details.cached_tokens == 0
    assert again.usage.prompt_tokens_details.cached_tokens == again.usage.prompt_tokens


async def test_embeddings_are_the_same_in_both_encodings(connect: Callable[..., Any]) -> None:
    client = connect()
    packed = await value(client.embeddings.create(model="e", input=["a", "b"], dimensions=8))
    plain = await value(
        client.embeddings.create(model="e", input=["a", "b"], dimensions=8, encoding_format="float")
    )
    assert [row.embedding for row in packed.data] == [pytest.approx(row.embedding) for row in plain.data]
    assert packed.usage.total_tokens == 2


async def test_models_are_listed_and_named(connect: Callable[..., Any]) -> None:
    client = connect()
    assert [model.id async for model in each(client.models.list())] == ["pocket"]
    assert (await value(client.models.retrieve("m"))).id == "m"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (FaultRule(fault="expired_credentials"), openai.AuthenticationError),
        (FaultRule(fault="rate_limited"), openai.RateLimitError),
        (FaultRule(fault="server_error"), openai.InternalServerError),
        (FaultRule(fault="bad_gateway"), openai.InternalServerError),
        (FaultRule(fault="prompt_filtered"), openai.BadRequestError),
        (FaultRule(fault="reset_on_accept"), openai.APIConnectionError),
        (FaultRule(fault="short_body"), openai.APIConnectionError),
    ],
)
async def test_faults_are_the_errors_the_sdk_has_for_them(
    connect: Callable[..., Any], fault: FaultRule, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await value(connect(fault=fault).chat.completions.create(model="m", messages=user("hi")))


async def test_quota_and_filter_carry_the_codes_that_callers_look_for(connect: Callable[..., Any]) -> None:
    codes = []
    for name in ("rate_limited", "quota_exhausted", "prompt_filtered"):
        with pytest.raises(openai.APIStatusError) as caught:
            await value(
                connect(fault=FaultRule(fault=name)).chat.completions.create(model="m", messages=user("hi"))
            )
        codes.append(caught.value.code)
    assert codes == ["rate_limit_exceeded", "insufficient_quota", "content_filter"]


async def test_retry_waits_as_long_as_it_is_told_and_succeeds(connect: Callable[..., Any]) -> None:
    limited = FaultRule(fault="rate_limited", count=2, hint="milliseconds", retry_after_s=0.001)
    client = connect(retries=2, fault=limited)
    done = await value(client.chat.completions.create(model="m", messages=user("hi")))
    assert done.choices[0].message.content == "hi"
    assert [entry.fault for entry in client.far.home.log.entries] == ["fault", "fault", ""]


async def test_error_inside_a_stream_is_an_error(connect: Callable[..., Any]) -> None:
    client = connect(fault=FaultRule(fault="error_in_stream", after=1, message="too busy"))
    with pytest.raises(openai.APIError, match="too busy"):
        await every(client.chat.completions.create(model="m", messages=user("one two"), stream=True))


async def test_cut_stream_is_an_error_after_what_came(connect: Callable[..., Any]) -> None:
    client, seen = connect(fault=FaultRule(fault="cut_rst", after=2)), []
    with pytest.raises(Exception, match=r"."):
        async for chunk in each(
            client.chat.completions.create(model="m", messages=user("one two three"), stream=True)
        ):
            seen.append(chunk.choices[0].delta.content)
    assert seen == ["", "one", " two"]


async def test_wrong_key_is_refused_and_the_right_one_is_not(connect: Callable[..., Any]) -> None:
    with pytest.raises(openai.AuthenticationError):
        await value(connect(keys=("other",)).chat.completions.create(model="m", messages=user("hi")))
    await value(connect(keys=("k",)).chat.completions.create(model="m", messages=user("hi")))


async def test_responses_say_it_back_with_usage(connect: Callable[..., Any]) -> None:
    done = await value(connect().responses.create(model="m", input="hello there", instructions="be brief"))
    assert (done.output_text, done.status) == ("hello there", "completed")
    assert (done.usage.input_tokens, done.usage.output_tokens) == (4, 2)


async def test_responses_stream_is_numbered_and_completes(connect: Callable[..., Any]) -> None:
    events = await every(connect().responses.create(model="m", input="one two", stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[0].type == "response.created"
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "one two"
    assert events[-1].type == "response.completed"
    assert events[-1].response.output_text == "one two"


async def test_responses_call_tools_and_read_their_results(connect: Callable[..., Any]) -> None:
    client = connect()
    tools = [{"type": "function", **tool["function"]} for tool in TOOLS]
    done = await value(client.responses.create(model="m", input="get_weather get_time", tools=tools))
    assert [json.loads(item.arguments) for item in done.output] == [ARGUMENTS, ARGUMENTS]
    results = [
        {"type": "function_call_output", "call_id": item.call_id, "output": "18 C"} for item in done.output
    ]
    asked = [{"role": "user", "content": "get_weather get_time"}, *done.output, *results]
    after = await value(client.responses.create(model="m", input=asked, tools=tools))
    assert after.output_text == "The tools said: 18 C; 18 C"


async def test_responses_stream_the_arguments_of_tools(connect: Callable[..., Any]) -> None:
    tools = [{"type": "function", **TOOLS[0]["function"]}]
    events = await every(connect().responses.create(model="m", input="get_weather", tools=tools, stream=True))
    deltas = [event.delta for event in events if event.type == "response.function_call_arguments.delta"]
    (done,) = [event for event in events if event.type == "response.function_call_arguments.done"]
    assert json.loads("".join(deltas)) == json.loads(done.arguments) == ARGUMENTS


async def test_responses_show_reasoning_and_take_it_back(connect: Callable[..., Any]) -> None:
    client = connect()
    more: dict[str, Any] = {"reasoning": {"effort": "low", "summary": "auto"}, "store": False,
                            "include": ["reasoning.encrypted_content"]}  # fmt: skip
    done = await value(client.responses.create(model="m", input="why?", **more))
    assert [item.type for item in done.output] == ["reasoning", "message"]
    assert done.usage.output_tokens_details.reasoning_tokens == 12
    asked = [{"role": "user", "content": "why?"}, *done.output, {"role": "user", "content": "really?"}]
    after = await value(client.responses.create(model="m", input=asked, **more))
    assert after.output_text == "really?"


async def test_responses_parse_a_structured_answer(connect: Callable[..., Any]) -> None:
    done = await value(connect().responses.parse(model="m", input="where?", text_format=City))
    assert done.output_parsed == City(city="city", days=1)


async def test_responses_take_images_and_files(connect: Callable[..., Any]) -> None:
    parts = [
        {"type": "input_text", "text": "what is it"},
        {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"},
        {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"},
    ]
    done = await value(connect().responses.create(model="m", input=user(parts)))
    assert done.output_text == "what is it"


async def test_responses_quota_error_is_an_event_after_the_first(connect: Callable[..., Any]) -> None:
    fault = FaultRule(fault="error_in_stream", after=0, kind="quota_exhausted", message="no quota")
    events = await every(connect(fault=fault).responses.create(model="m", input="one two", stream=True))
    assert events[0].type == "response.created"
    assert events[-1].type == "response.failed"
    assert events[-1].response.error.message == "no quota"


async def test_responses_count_input_tokens(connect: Callable[..., Any]) -> None:
    counted = await value(connect().responses.input_tokens.count(model="m", input="one two three"))
    assert counted.input_tokens == 3


@pytest.fixture(params=["sync", "async"])
async def azure(request: pytest.FixtureRequest, far: Callable[..., Any]) -> AsyncIterator[Any]:
    home = far("openai", keys=("k",))
    client = AZURE[request.param](
        azure_endpoint=home.url, api_key="k", api_version="2024-10-21", max_retries=0
    )
    client.far = home
    yield client
    await closed(client)


async def test_azure_names_the_deployment_in_the_path(azure: Any) -> None:
    done = await value(azure.chat.completions.create(model="my-deployment", messages=user("hi there")))
    assert (done.model, done.choices[0].message.content) == ("my-deployment", "hi there")
    assert azure.far.asked == [
        "POST /openai/deployments/my-deployment/chat/completions?api-version=2024-10-21"
    ]


async def test_azure_streams_and_embeds(azure: Any) -> None:
    chunks = await every(azure.chat.completions.create(model="d", messages=user("one two"), stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "one two"
    assert len((await value(azure.embeddings.create(model="d", input="hi"))).data[0].embedding) == 64


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_azure_v1_paths_speak_chat_and_responses(kind: str, far: Callable[..., Any]) -> None:
    client = CLIENTS[kind](base_url=f"{far('openai').url}/openai/v1", api_key="k", max_retries=0)
    done = await value(client.chat.completions.create(model="d", messages=user("hi")))
    assert done.choices[0].message.content == "hi"
    assert (await value(client.responses.create(model="d", input="hi"))).output_text == "hi"
    await closed(client)


async def test_azure_limits_are_told_in_milliseconds_and_filters_in_detail(far: Callable[..., Any]) -> None:
    home = far(
        "openai",
        limited=FaultRule(fault="rate_limited", contains="fast", retry_after_s=2.5),
        filtered=FaultRule(fault="prompt_filtered"),
    )
    with openai.AzureOpenAI(
        azure_endpoint=home.url, api_key="k", api_version="2024-10-21", max_retries=0
    ) as client:
        with pytest.raises(openai.RateLimitError) as limited:
            client.chat.completions.create(model="d", messages=user("too fast"))
        assert limited.value.response.headers["retry-after-ms"] == "2500"
        with pytest.raises(openai.BadRequestError) as filtered:
            client.chat.completions.create(model="d", messages=user("bad"))
        assert filtered.value.code == "content_filter"
        assert filtered.value.body["innererror"]["content_filter_result"]["violence"]["filtered"]  # type: ignore[index]
