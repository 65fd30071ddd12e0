"""google-genai: the Gemini API and Vertex AI."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from google import genai
from google.genai import errors, types
from google.oauth2.credentials import Credentials
from pydantic import BaseModel

from freehold.pocket import FaultRule
from tests.pocket.sdk.both import ARGUMENTS, CITY, PDF, PNG, every, value

MODEL = "gemini-x"
TOOL = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(name=name, parameters_json_schema=CITY)
        for name in ("get_weather", "get_time")
    ]
)
OFF = types.AutomaticFunctionCallingConfig(disable=True)
Start = Callable[..., Any]


class City(BaseModel):
    city: str
    days: int


def gemini(home: Any, options: types.HttpOptions) -> genai.Client:
    return genai.Client(api_key="k", http_options=options)


def vertex(home: Any, options: types.HttpOptions) -> genai.Client:
    token = Credentials(token="k")  # type: ignore[no-untyped-call]
    return genai.Client(
        vertexai=True, project="p", location="us-central1", credentials=token, http_options=options
    )


@pytest.fixture(params=["sync", "async"])
async def connect(request: pytest.FixtureRequest, far: Start) -> AsyncIterator[Start]:
    """connect(vertex) -> the models of a client; blocking or not."""
    made: list[genai.Client] = []

    def start(make: Any = gemini, *, attempts: int = 1, **more: Any) -> Any:
        home = far("gemini", **more)
        retry = types.HttpRetryOptions(attempts=attempts, initial_delay=0.001, jitter=0.0)
        client = make(home, types.HttpOptions(base_url=home.url, retry_options=retry))
        made.append(client)
        models = client.aio.models if request.param == "async" else client.models
        return models, home

    yield start
    for client in made:
        await client.aio.aclose()
        client.close()


@pytest.fixture(params=[gemini, vertex])
def models(request: pytest.FixtureRequest, connect: Start) -> Any:
    return connect(request.param)[0]


async def test_content_comes_back_with_usage(models: Any) -> None:
    config = types.GenerateContentConfig(system_instruction="be brief")
    done = await value(models.generate_content(model=MODEL, contents="hello there", config=config))
    assert done.text == "hello there"
    assert done.candidates[0].finish_reason == "STOP"
    usage = done.usage_metadata
    assert (usage.prompt_token_count, usage.candidates_token_count, usage.total_token_count) == (4, 2, 6)


async def test_stream_is_partial_answers_and_a_finish(models: Any) -> None:
    chunks = await every(models.generate_content_stream(model=MODEL, contents="one two"))
    assert "".join(chunk.text or "" for chunk in chunks) == "one two"
    assert chunks[-1].candidates[0].finish_reason == "STOP"
    assert chunks[-1].usage_metadata.candidates_token_count == 2


@pytest.mark.parametrize("streamed", [False, True])
async def test_tools_are_called_and_their_results_read(models: Any, streamed: bool) -> None:
    config = types.GenerateContentConfig(tools=[TOOL], automatic_function_calling=OFF)
    asked = types.Content(role="user", parts=[types.Part(text="get_weather get_time")])
    if streamed:
        chunks = await every(models.generate_content_stream(model=MODEL, contents=[asked], config=config))
        parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts or []]
    else:
        done = await value(models.generate_content(model=MODEL, contents=[asked], config=config))
        parts = done.candidates[0].content.parts
    parts = [part for part in parts if part.function_call]
    assert [(part.function_call.name, part.function_call.args) for part in parts] == [
        ("get_weather", ARGUMENTS), ("get_time", ARGUMENTS),
    ]  # fmt: skip
    results = [
        types.Part.from_function_response(name=part.function_call.name, response={"result": "18 C"})
        for part in parts
    ]
    contents = [asked, types.Content(role="model", parts=parts), types.Content(role="user", parts=results)]
    after = await value(models.generate_content(model=MODEL, contents=contents, config=config))
    assert "18 C" in after.text


async def test_functions_are_called_by_the_sdk_itself(models: Any) -> None:
    def get_weather(city: str) -> str:
        """The weather in a city."""
        return f"rain in {city}"

    config = types.GenerateContentConfig(tools=[get_weather])
    done = await value(models.generate_content(model=MODEL, contents="get_weather please", config=config))
    assert "rain in city" in done.text


async def test_call_without_its_signature_is_refused(connect: Start) -> None:
    models, _ = connect()
    call = types.Part(function_call=types.FunctionCall(name="get_weather", args=ARGUMENTS))
    result = types.Part.from_function_response(name="get_weather", response={"result": "18 C"})
    contents = [
        types.Content(role="user", parts=[types.Part(text="hi")]),
        types.Content(role="model", parts=[call]),
        types.Content(role="user", parts=[result]),
    ]
    with pytest.raises(errors.ClientError, match="thought_signature"):
        await value(models.generate_content(model=MODEL, contents=contents))


async def test_images_and_documents_are_taken(models: Any) -> None:
    contents = [
        "what is it",
        types.Part.from_bytes(data=base64.b64decode(PNG), mime_type="image/png"),
        types.Part.from_bytes(data=base64.b64decode(PDF), mime_type="application/pdf"),
    ]
    done = await value(models.generate_content(model=MODEL, contents=contents))
    assert done.text == "what is it"
    assert done.usage_metadata.prompt_token_count > 100


async def test_thoughts_are_apart_from_the_answer_and_counted(models: Any) -> None:
    thinking = types.ThinkingConfig(include_thoughts=True)
    config = types.GenerateContentConfig(thinking_config=thinking)
    done = await value(models.generate_content(model=MODEL, contents="why?", config=config))
    assert [bool(part.thought) for part in done.candidates[0].content.parts] == [True, False]
    assert done.text == "why?"
    assert done.usage_metadata.thoughts_token_count == 12


async def test_structured_answer_is_parsed(models: Any) -> None:
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=City)
    done = await value(models.generate_content(model=MODEL, contents="where?", config=config))
    assert done.parsed == City(city="city", days=1)


async def test_stop_sequence_and_limit_end_an_answer(connect: Start) -> None:
    models, _ = connect()
    ends = []
    for config in ({"stop_sequences": ["two"]}, {"max_output_tokens": 1}):
        done = await value(models.generate_content(model=MODEL, contents="one two three", config=config))
        ends.append((done.text, done.candidates[0].finish_reason))
    assert ends == [("one ", "STOP"), ("one", "MAX_TOKENS")]


async def test_cached_tokens_are_part_of_the_prompt(connect: Start) -> None:
    models, _ = connect()
    usages = []
    for _ in range(2):
        contents = "[pocket fixed text=yes] " + "word " * 1100
        usages.append((await value(models.generate_content(model=MODEL, contents=contents))).usage_metadata)
    assert not usages[0].cached_content_token_count
    assert usages[1].cached_content_token_count == usages[1].prompt_token_count


async def test_tokens_are_counted(models: Any) -> None:
    assert (await value(models.count_tokens(model=MODEL, contents="one two three"))).total_tokens == 3


async def test_embeddings_are_one_for_each_content(models: Any) -> None:
    config = types.EmbedContentConfig(output_dimensionality=8)
    done = await value(models.embed_content(model="text-embedding-x", contents=["a", "b"], config=config))
    assert [len(one.values) for one in done.embeddings] == [8, 8]


async def test_models_are_listed_and_named(connect: Start) -> None:
    models, _ = connect()
    assert [model.name for model in await every(models.list())] == ["models/pocket"]
    assert (await value(models.get(model=MODEL))).name == f"models/{MODEL}"


@pytest.mark.parametrize(
    ("fault", "status"),
    [("rate_limited", "RESOURCE_EXHAUSTED"), ("expired_credentials", "UNAUTHENTICATED"),
     ("unavailable", "UNAVAILABLE"), ("server_error", "INTERNAL")],
)  # fmt: skip
async def test_faults_are_errors_with_the_vendors_status(connect: Start, fault: Any, status: str) -> None:
    models, _ = connect(fault=FaultRule(fault=fault))
    with pytest.raises(errors.APIError) as caught:
        await value(models.generate_content(model=MODEL, contents="hi"))
    assert caught.value.status == status


async def test_limit_says_when_to_come_back_among_its_details(connect: Start) -> None:
    models, _ = connect(fault=FaultRule(fault="rate_limited", retry_after_s=7))
    with pytest.raises(errors.ClientError) as caught:
        await value(models.generate_content(model=MODEL, contents="hi"))
    details = caught.value.details["error"]["details"]
    assert {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"} in details


async def test_filtered_answer_says_so(models: Any, connect: Start) -> None:
    filtered, _ = connect(fault=FaultRule(fault="content_filter"))
    done = await value(filtered.generate_content(model=MODEL, contents="one two"))
    assert done.candidates[0].finish_reason == "SAFETY"


async def test_retry_succeeds_when_the_limit_is_over(connect: Start) -> None:
    models, home = connect(attempts=3, fault=FaultRule(fault="unavailable", count=2))
    assert (await value(models.generate_content(model=MODEL, contents="hi"))).text == "hi"
    assert [entry.fault for entry in home.home.log.entries] == ["fault", "fault", ""]


async def test_key_is_found_where_the_client_puts_it(connect: Start) -> None:
    for make in (gemini, vertex):
        models, _ = connect(make, keys=("k",))
        await value(models.generate_content(model=MODEL, contents="hi"))
        models, _ = connect(make, keys=("other",))
        with pytest.raises(errors.ClientError):
            await value(models.generate_content(model=MODEL, contents="hi"))
