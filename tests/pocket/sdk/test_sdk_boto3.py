"""boto3: the four operations of bedrock-runtime that generate, and the one that counts."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError, ReadTimeoutError

from freehold.pocket import FaultRule
from tests.pocket.sdk.both import ARGUMENTS, CITY, PDF, PNG

MODEL = "us.anthropic.claude-x-20260101-v1:0"
TOOLS = {
    "tools": [
        {"toolSpec": {"name": name, "inputSchema": {"json": CITY}}} for name in ("get_weather", "get_time")
    ]
}
Start = Callable[..., Any]


def user(*blocks: Any) -> list[Any]:
    return [{"role": "user", "content": [{"text": one} if isinstance(one, str) else one for one in blocks]}]


@pytest.fixture
def connect(far: Start) -> Iterator[Start]:
    made: list[Any] = []

    def start(*, attempts: int = 1, keys: tuple[str, ...] = (), **faults: FaultRule) -> Any:
        home = far("bedrock", keys=keys, **faults)
        client = boto3.client(
            "bedrock-runtime",
            endpoint_url=home.url,
            region_name="us-east-1",
            aws_access_key_id="AKIDEXAMPLE",
            aws_secret_access_key="secret",
            config=Config(retries={"total_max_attempts": attempts, "mode": "standard"}, read_timeout=5),
        )
        client.far = home
        made.append(client)
        return client

    yield start
    for client in made:
        client.close()


def drained(stream: Any) -> list[Any]:
    """Every event; a stream that breaks is closed all the same."""
    try:
        return list(stream)
    finally:
        stream.close()


def joined(events: list[Any]) -> str:
    deltas = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]
    return "".join(delta.get("text", "") for delta in deltas)


def test_converse_says_it_back_with_usage(connect: Start) -> None:
    done = connect().converse(modelId=MODEL, messages=user("hello there"), system=[{"text": "be brief"}])
    assert done["output"]["message"] == {"role": "assistant", "content": [{"text": "hello there"}]}
    assert done["stopReason"] == "end_turn"
    assert {name: done["usage"][name] for name in ("inputTokens", "outputTokens", "totalTokens")} == {
        "inputTokens": 4, "outputTokens": 2, "totalTokens": 6,
    }  # fmt: skip
    assert done["ResponseMetadata"]["RequestId"]


def test_converse_stream_ends_with_stop_and_then_metadata(connect: Start) -> None:
    events = list(connect().converse_stream(modelId=MODEL, messages=user("one two"))["stream"])
    assert joined(events) == "one two"
    names = [next(iter(event)) for event in events]
    assert names[0] == "messageStart"
    assert names[-2:] == ["messageStop", "metadata"]
    assert events[-1]["metadata"]["usage"]["outputTokens"] == 2


def test_converse_calls_tools_and_reads_their_results(connect: Start) -> None:
    client, messages = connect(), user("get_weather get_time")
    done = client.converse(modelId=MODEL, messages=messages, toolConfig=TOOLS)
    calls = [block["toolUse"] for block in done["output"]["message"]["content"]]
    assert [(call["name"], call["input"]) for call in calls] == [
        ("get_weather", ARGUMENTS), ("get_time", ARGUMENTS),
    ]  # fmt: skip
    assert done["stopReason"] == "tool_use"
    results = [
        {"toolResult": {"toolUseId": call["toolUseId"], "content": [{"json": {"degrees": 18}}]}}
        for call in calls
    ]
    messages = [*messages, done["output"]["message"], *user(*results)]
    after = client.converse(modelId=MODEL, messages=messages, toolConfig=TOOLS)
    assert "18" in after["output"]["message"]["content"][0]["text"]


def test_converse_stream_sends_arguments_in_fragments(connect: Start) -> None:
    stream = connect().converse_stream(modelId=MODEL, messages=user("get_weather"), toolConfig=TOOLS)
    events = list(stream["stream"])
    start = next(event["contentBlockStart"] for event in events if "contentBlockStart" in event)
    assert start["start"]["toolUse"]["name"] == "get_weather"
    deltas = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]
    assert len(deltas) > 1
    assert json.loads("".join(delta["toolUse"]["input"] for delta in deltas)) == ARGUMENTS


def test_converse_takes_images_and_documents(connect: Start) -> None:
    image = {"image": {"format": "png", "source": {"bytes": base64.b64decode(PNG)}}}
    paper = {"document": {"format": "pdf", "name": "a", "source": {"bytes": base64.b64decode(PDF)}}}
    done = connect().converse(modelId=MODEL, messages=user("what is it", image, paper))
    assert done["output"]["message"]["content"][0]["text"] == "what is it"
    assert done["usage"]["inputTokens"] > 100


@pytest.mark.parametrize("streamed", [False, True])
def test_converse_signs_its_thinking_and_takes_it_back(connect: Start, streamed: bool) -> None:
    client, more = connect(), {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    asked: dict[str, Any] = {"modelId": MODEL, "additionalModelRequestFields": more}
    if streamed:
        events = drained(client.converse_stream(messages=user("why?"), **asked)["stream"])
        deltas = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]
        parts = [delta["reasoningContent"] for delta in deltas if "reasoningContent" in delta]
        text = "".join(part.get("text", "") for part in parts)
        (signature,) = [part["signature"] for part in parts if "signature" in part]
        thought = {"reasoningContent": {"reasoningText": {"text": text, "signature": signature}}}
    else:
        done = client.converse(messages=user("why?"), **asked)
        thought = done["output"]["message"]["content"][0]
    answered = {"role": "assistant", "content": [thought, {"text": "so"}]}
    after = client.converse(messages=[*user("why?"), answered, *user("really?")], **asked)
    assert after["output"]["message"]["content"][-1]["text"] == "really?"


def test_converse_gives_a_structured_answer(connect: Start) -> None:
    shape = {"jsonSchema": {"schema": json.dumps(CITY), "name": "city"}}
    done = connect().converse(
        modelId=MODEL, messages=user("where?"),
        outputConfig={"textFormat": {"type": "json_schema", "structure": shape}},
    )  # fmt: skip
    assert json.loads(done["output"]["message"]["content"][0]["text"]) == ARGUMENTS


def test_converse_stops_at_a_stop_sequence_and_a_limit(connect: Start) -> None:
    client = connect()
    reasons = [
        client.converse(modelId=MODEL, messages=user("one two three"), inferenceConfig=config)["stopReason"]
        for config in ({"stopSequences": ["two"]}, {"maxTokens": 1})
    ]
    assert reasons == ["stop_sequence", "max_tokens"]


def test_converse_writes_a_cache_point_and_then_reads_it(connect: Start) -> None:
    client = connect()
    system = [{"text": "a long system prompt"}, {"cachePoint": {"type": "default"}}]
    usages = [client.converse(modelId=MODEL, messages=user("hi"), system=system)["usage"] for _ in range(2)]
    names = ("inputTokens", "cacheWriteInputTokens", "cacheReadInputTokens")
    assert [tuple(one[name] for name in names) for one in usages] == [(1, 4, 0), (1, 0, 4)]


def invoke(text: str, **more: Any) -> str:
    messages = [{"role": "user", "content": text}]
    return json.dumps(
        {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 50, "messages": messages, **more}
    )


def test_invoke_answers_in_the_models_own_form(connect: Start) -> None:
    done = connect().invoke_model(modelId=MODEL, body=invoke("hello there"))
    answer = json.loads(done["body"].read())
    assert answer["content"] == [{"type": "text", "text": "hello there"}]
    assert answer["usage"]["output_tokens"] == 2


def test_invoke_stream_carries_the_models_own_events(connect: Start) -> None:
    tools = [{"name": "get_weather", "input_schema": CITY}]
    stream = connect().invoke_model_with_response_stream(
        modelId=MODEL, body=invoke("get_weather", tools=tools)
    )
    events = [json.loads(event["chunk"]["bytes"]) for event in stream["body"]]
    assert [events[0]["type"], events[-1]["type"]] == ["message_start", "message_stop"]
    written = "".join(
        event["delta"]["partial_json"] for event in events if event["type"] == "content_block_delta"
    )
    assert json.loads(written) == ARGUMENTS


def test_tokens_are_counted_for_converse_and_for_invoke(connect: Start) -> None:
    client = connect()
    asked: tuple[dict[str, Any], ...] = (
        {"converse": {"messages": user("one two three")}},
        {"invokeModel": {"body": invoke("one two three").encode()}},
    )
    assert [client.count_tokens(modelId=MODEL, input=one)["inputTokens"] for one in asked] == [3, 3]


@pytest.mark.parametrize(
    ("fault", "code", "status"),
    [
        ("rate_limited", "ThrottlingException", 429),
        ("unavailable", "ServiceUnavailableException", 503),
        ("server_error", "InternalServerException", 500),
        ("quota_exhausted", "ServiceQuotaExceededException", 400),
    ],
)
def test_faults_are_the_exceptions_of_the_service(connect: Start, fault: Any, code: str, status: int) -> None:
    client = connect(fault=FaultRule(fault=fault))
    with pytest.raises(ClientError) as caught:
        client.converse(modelId=MODEL, messages=user("hi"))
    assert type(caught.value) is getattr(client.exceptions, code)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_expired_credentials_are_named_so(connect: Start) -> None:
    client = connect(fault=FaultRule(fault="expired_credentials"))
    with pytest.raises(ClientError) as caught:
        client.converse(modelId=MODEL, messages=user("hi"))
    assert caught.value.response["Error"]["Code"] == "ExpiredTokenException"


def test_bad_checksum_is_found_by_the_client(connect: Start) -> None:
    client = connect(fault=FaultRule(fault="bad_crc", after=1))
    with pytest.raises(Exception, match=r"[Cc]hecksum"):
        drained(client.converse_stream(modelId=MODEL, messages=user("one two three"))["stream"])


def test_error_inside_a_stream_is_an_exception_of_the_stream(connect: Start) -> None:
    client = connect(fault=FaultRule(fault="error_in_stream", kind="rate_limited", message="too fast"))
    with pytest.raises(EventStreamError, match=r"throttlingException.*too fast"):
        drained(client.converse_stream(modelId=MODEL, messages=user("one two three"))["stream"])


def test_filtered_answer_says_so(connect: Start) -> None:
    client = connect(fault=FaultRule(fault="content_filter"))
    assert client.converse(modelId=MODEL, messages=user("one two"))["stopReason"] == "content_filtered"


def test_retry_goes_on_until_it_is_answered(connect: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)
    client = connect(attempts=3, fault=FaultRule(fault="rate_limited", count=2))
    done = client.converse(modelId=MODEL, messages=user("hi"))
    assert done["ResponseMetadata"]["RetryAttempts"] == 2


def test_signed_request_is_known_by_its_access_key(connect: Start) -> None:
    connect(keys=("AKIDEXAMPLE",)).converse(modelId=MODEL, messages=user("hi"))
    with pytest.raises(ClientError):
        connect(keys=("other",)).converse(modelId=MODEL, messages=user("hi"))


def test_cut_stream_is_an_error(connect: Start) -> None:
    client = connect(fault=FaultRule(fault="cut_rst", after=1))
    with pytest.raises(Exception, match=r".") as caught:
        drained(client.converse_stream(modelId=MODEL, messages=user("one two three"))["stream"])
    assert not isinstance(caught.value, ReadTimeoutError)
