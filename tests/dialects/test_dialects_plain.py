"""What is read in one typed step is what the general reader reads, or is left to it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.dialects import Target, codec, sse
from freehold.dialects.anthropic import plain as anthropic_plain
from freehold.dialects.anthropic import request as anthropic
from freehold.dialects.anthropic.answer import read_general as read_general_answer
from freehold.dialects.anthropic.answer import read_plain as read_plain_answer
from freehold.dialects.base import DialectError, Inbound
from freehold.dialects.bedrock import plain as bedrock_plain
from freehold.dialects.bedrock import request as bedrock
from freehold.dialects.eventstream import EventStreamReader
from freehold.dialects.openai import plain as openai_plain
from freehold.dialects.openai import request as openai
from freehold.types.conversation import Answer, Begin, BlockStart, Conversation, Text, TextDelta
from tests.dialects.matrix import recorded
from tests.dialects.strategies import answers, conversations, words

FORMS: dict[str, Any] = {
    "openai": (openai_plain.read_plain, openai.read_general, None),
    "anthropic": (anthropic_plain.read_plain, anthropic.read_general, None),
    "bedrock": (bedrock_plain.read_plain, bedrock.read_general, "m"),
}  # fmt: skip
forms = st.sampled_from(sorted(FORMS))
ODD = st.none() | st.booleans() | st.integers(-1, 2**54) | st.floats(0, 4) | words | st.just([]) | st.just({})
FIELDS = (
    "role", "content", "text", "type", "tool_calls", "tool_call_id", "id", "input", "is_error", "status",
    "cache_control", "model", "max_tokens", "temperature", "seed", "stop", "stream", "stream_options",
    "tools", "tool_choice", "system", "metadata", "toolConfig", "inferenceConfig", "toolUse", "arguments",
    "unheard",
)  # fmt: skip


def inbound(form: str) -> Inbound:
    return Inbound(dialect=form, operation="generate", model=FORMS[form][2])  # type: ignore[arg-type]


def body_of(form: str, conversation: Conversation) -> bytes:
    return codec(form).write_request(conversation, Target(api=form, model="m")).body


def read_both(form: str, body: bytes) -> tuple[Conversation | None, Conversation | None]:
    plain, general, _ = FORMS[form]
    try:
        return plain(inbound(form), body), general(inbound(form), body)
    except DialectError:
        return plain(inbound(form), body), None


def meant(conversation: Conversation | None) -> Any:
    """The schemas of tools are carried as they were written: compared by what they say."""
    return msgspec.json.decode(msgspec.json.encode(conversation))


def objects_in(value: Any) -> list[dict[str, Any]]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    found = [each for part in inner for each in objects_in(part)]
    return [value, *found] if isinstance(value, dict) else found


@given(answers(), st.booleans(), st.data())
def test_plain_answer_equals_the_general_one(said: Answer, bent: bool, data: st.DataObject) -> None:
    body = json.loads(codec("anthropic").write_answer(said, Conversation(model="m", turns=())))
    body["usage"].update(service_tier="standard", cache_creation={"ephemeral_5m_input_tokens": 0})
    body.update(container=None, stop_details=None)
    if bent:
        holder = data.draw(st.sampled_from(objects_in(body)))
        holder[data.draw(st.sampled_from(FIELDS + tuple(holder)))] = data.draw(ODD)
    wire = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    plain = read_plain_answer(wire)
    assert plain is not None or bent
    assert plain is None or plain == read_general_answer(wire)


@given(forms, conversations())
def test_plain_reading_equals_the_general_reading(form: str, said: Conversation) -> None:
    plain, general = read_both(form, body_of(form, said))
    assert general is not None
    assert plain is None or meant(plain) == meant(general)


@given(forms, conversations(), st.data())
def test_an_odd_field_is_read_alike_or_left_to_the_general_reader(
    form: str, said: Conversation, data: st.DataObject
) -> None:
    body = json.loads(body_of(form, said))
    for holder in data.draw(st.lists(st.sampled_from(objects_in(body)), min_size=1, max_size=3)):
        holder[data.draw(st.sampled_from(FIELDS + tuple(holder)))] = data.draw(ODD)
    plain, general = read_both(form, json.dumps(body).encode())
    assert plain is None or meant(plain) == meant(general)


@pytest.mark.parametrize("form", sorted(FORMS))
def test_a_usual_request_is_read_plainly(form: str) -> None:
    asked = recorded(form, "tools")
    assert asked is not None
    plain, general = read_both(form, body_of(form, asked.conversation))
    assert plain is not None
    assert meant(plain) == meant(general)


@pytest.mark.parametrize(
    "message",
    [
        {"role": "assistant", "content": "a", "refusal": None},
        {"role": "user", "content": "a", "tool_calls": None},
        {"role": "user", "content": "a", "name": "Ada"},
        {"role": "tool", "content": "a", "tool_call_id": "c_freehold-signed_gemini_YQ"},
    ],
)
def test_what_the_plain_reader_has_no_place_for_is_left_to_the_general_one(message: dict[str, Any]) -> None:
    plain, general = read_both("openai", json.dumps({"model": "m", "messages": [message]}).encode())
    assert plain is None
    assert general is not None


def test_the_developers_word_and_parallel_results_are_read_plainly() -> None:
    messages = [
        {"role": "developer", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": ""}]},
        {"role": "user", "content": ""},
        {"role": "assistant", "content": ""},
        {"role": "tool", "content": "a", "tool_call_id": "1"},
        {"role": "tool", "content": None, "tool_call_id": "2"},
        {"role": "system", "content": "b"},
        {"role": "assistant", "content": [{"type": "text", "text": ""}]},
    ]
    body = {"model": "m", "messages": messages, "parallel_tool_calls": False, "stop": "x", "max_tokens": 1}
    plain, general = read_both("openai", json.dumps(body).encode())
    assert plain is not None
    assert meant(plain) == meant(general)


@given(words, st.integers(0, 3))
def test_a_text_delta_is_written_as_the_form_says_it(text: str, at: int) -> None:
    said = {
        "openai": {"index": 0, "delta": {"content": text}, "logprobs": None, "finish_reason": None},
        "anthropic": {
            "type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text},
        },
        "bedrock": {"contentBlockIndex": 0, "delta": {"text": text}},
        "gemini": {
            "candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}],
            "modelVersion": '"text":""', "responseId": '"text":""',
        },
        "responses": {
            "type": "response.output_text.delta", "sequence_number": 4, "item_id": 'msg_"text":""_0',
            "output_index": 0, "content_index": 0, "delta": text, "logprobs": [],
        },
    }  # fmt: skip
    for form, expected in said.items():
        writer = codec(form).stream_writer(Conversation(model="m", turns=()))
        telling = '"content":""' if form == "openai" else '"text":""'
        writer.write(Begin(id=telling, model=telling))
        writer.write(BlockStart(index=at, block=Text(text="")))
        written = writer.write(TextDelta(index=at, text=text))
        wire = json.loads(
            EventStreamReader().feed(written)[0][1] if form == "bedrock" else sse.payload(written[:-2])
        )
        assert (wire["choices"][0] if form == "openai" else wire) == expected


@pytest.mark.parametrize("form", ["anthropic", "bedrock"])
def test_a_text_delta_of_a_block_that_was_not_opened_is_not_written(form: str) -> None:
    writer = codec(form).stream_writer(Conversation(model="m", turns=()))
    assert writer.write(TextDelta(index=7, text="a")) == b""
