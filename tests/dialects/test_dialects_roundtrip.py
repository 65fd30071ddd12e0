"""Through the wire and back: what is read is what was written, whatever it is."""

from __future__ import annotations

import itertools
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.dialects import Target, codec, codec_for, route
from freehold.dialects.fitting import Fit, fit
from freehold.dialects.passthrough import same_form
from freehold.dialects.strict import violations
from freehold.types.conversation import (
    Answer,
    Begin,
    Conversation,
    End,
    Event,
    Finished,
    StreamError,
    TextDelta,
    Turn,
)
from tests.dialects import homes
from tests.dialects.matrix import meaning, recorded, target
from tests.dialects.strategies import answers, conversations, values, words
from tests.dialects.test_assemble import plain

# A place in each form where a vendor could put a new field, per path into the request.
PLACES: dict[str, list[list[Any]]] = {
    "openai": [[], ["messages", 1], ["messages", 3]],
    "responses": [[], ["input", 2, "content", 0]],
    "anthropic": [[], ["messages", 2], ["messages", 2, "content", 0]],
    "bedrock": [[], ["inferenceConfig"]],
    "gemini": [[], ["generationConfig"]],
}


@pytest.mark.parametrize("form", homes.FORMS)
@given(conversation=conversations())
def test_fitted_request_means_the_same_and_is_what_the_vendor_published(
    form: str, conversation: Conversation
) -> None:
    verdict = fit(conversation, target(form, "text"))
    assert isinstance(verdict, Fit)
    written = codec(form).write_request(verdict.conversation, target(form, "text"))
    inbound = route("POST", written.path)
    assert inbound is not None
    assert violations(inbound.dialect, inbound.surface, written.body) == []
    assert merged(codec_for(inbound).read_request(inbound, written.body)) == merged(verdict.conversation)


def merged(conversation: Conversation) -> Any:
    """The meaning; Converse and Gemini join neighbouring turns of one role, which says the same."""
    return meaning(conversation)


@pytest.mark.parametrize("form", homes.FORMS)
@given(answer=answers())
def test_whole_answer_survives_its_own_dialect(form: str, answer: Answer) -> None:
    side, asked = codec(form), recorded(form, "text")
    assert asked is not None
    read = side.read_answer(side.write_answer(answer, asked.conversation))
    assert plain(read) == plain(answer)


@pytest.mark.parametrize(("form", "place"), [(form, place) for form in PLACES for place in PLACES[form]])
@given(name=words, value=values.filter(lambda value: value is not None))
def test_unknown_field_of_a_request_survives(form: str, place: list[Any], name: str, value: Any) -> None:
    asked = recorded(form, "text")
    assert asked is not None
    body = json.loads(asked.body)
    holder = body
    for step in place:
        holder = holder[step]
    holder[f"x_{name}"] = value
    side = codec(form)
    read = side.read_request(asked.inbound, json.dumps(body).encode())
    again = json.loads(side.write_request(read, target(form, "text")).body)
    for step in place:
        again = again[step]
    assert again[f"x_{name}"] == value


@pytest.mark.parametrize("form", homes.FORMS)
@given(name=words, value=values.filter(lambda value: value is not None))
def test_unknown_field_of_an_answer_survives(form: str, name: str, value: Any) -> None:
    _, _, body = homes.answer(form, "text")
    given_body = {**json.loads(body), f"x_{name}": value}
    side, asked = codec(form), recorded(form, "text")
    assert asked is not None
    answer = side.read_answer(json.dumps(given_body).encode())
    assert json.loads(side.write_answer(answer, asked.conversation))[f"x_{name}"] == value


@given(st.lists(conversations(), min_size=1, max_size=1))
def test_converse_alternates_its_roles(given_conversations: list[Conversation]) -> None:
    conversation = given_conversations[0]
    doubled = msgspec.structs.replace(
        conversation, turns=tuple(turn for turn in conversation.turns for _ in range(2))
    )
    written = codec("bedrock").write_request(doubled, Target(api="bedrock", model="m"))
    roles = [message["role"] for message in json.loads(written.body)["messages"]]
    assert all(before != after for before, after in itertools.pairwise(roles))


def test_unknown_block_and_tool_are_carried_within_their_dialect() -> None:
    body = {
        "model": "m", "max_tokens": 9, "tools": [{"type": "web_search_20260101", "name": "web_search"}],
        "messages": [{"role": "user", "content": [{"type": "new_block", "deep": {"er": 1}}]}],
    }  # fmt: skip
    inbound = route("POST", "/v1/messages")
    assert inbound is not None
    read = codec("anthropic").read_request(inbound, json.dumps(body).encode())
    written = codec("anthropic").write_request(read, Target(api="anthropic", model="m"))
    assert json.loads(written.body)["messages"] == body["messages"]
    assert json.loads(written.body)["tools"] == body["tools"]


def test_turns_without_content_are_not_invented() -> None:
    conversation = Conversation(model="m", turns=(Turn(role="user", blocks=()),))
    assert (
        codec("bedrock").write_request(conversation, Target(api="bedrock", model="m")).body
        == b'{"messages":[]}'
    )


UNKNOWN = {
    "anthropic": b'event: new_event\ndata: {"type":"new_event","a":1}\n\n',
    "openai": b'data: {"id":"","choices":[],"prompt_filter_results":[{"a":1}]}\n\n',
    "responses": b'event: response.new\ndata: {"type":"response.new","a":1}\n\n',
    "bedrock": homes.frame("newEvent", {"a": 1}),
}


@pytest.mark.parametrize("form", UNKNOWN)
def test_unknown_event_of_a_stream_is_carried_within_its_dialect(form: str) -> None:
    side = codec(form)
    events = side.stream_reader().feed(UNKNOWN[form])
    assert [type(event).__name__ for event in events] == ["UnknownEvent"]
    written = side.stream_writer(Conversation(model="m", turns=())).write(events[0])
    assert side.stream_reader().feed(written) == events
    others = [other for other in homes.FORMS if codec(other).name != side.name and other != "vertex-claude"]
    for other in others:
        assert codec(other).stream_writer(Conversation(model="m", turns=())).write(events[0]) == b"" or (
            form == "anthropic" and other == "bedrock-invoke"
        )


def test_stream_as_a_json_array_is_read_as_any_other_and_never_passed_on() -> None:
    inbound = route("POST", "/v1beta/models/m:streamGenerateContent")
    assert inbound is not None
    body = b'{"contents":[{"role":"user","parts":[{"text":"to be"}]}]}'
    assert codec_for(inbound).read_request(inbound, body).model == "m"
    assert not same_form(inbound, "gemini")


@given(st.lists(st.text(min_size=1, max_size=9), max_size=5), st.booleans())
def test_stream_as_a_json_array_holds_the_chunks_of_the_other_form(texts: list[str], breaks: bool) -> None:
    inbound = route("POST", "/v1beta/models/m:streamGenerateContent")
    assert inbound is not None
    asked = Conversation(model="m", turns=())
    array, lines = codec_for(inbound).stream_writer(asked), codec("gemini").stream_writer(asked)
    ends = [StreamError(kind="cut", message="no")] if breaks else [Finished(finish="stop"), End()]
    events: list[Event] = [
        Begin(id="1", model="m"),
        *(TextDelta(index=0, text=text) for text in texts),
        *ends,
    ]
    chunks = json.loads(b"".join(array.write(event) for event in events))
    frames = b"".join(lines.write(event) for event in events).split(b"\n\n")
    assert chunks == [json.loads(frame[6:]) for frame in frames if frame]


@pytest.mark.parametrize(("api", "model", "pinned", "written"), [
    ("anthropic", "claude-opus-4-8", None, "2026-10-21"),
    ("anthropic", "claude-opus-4-8", "2023-06-01", "2023-06-01"),
    ("vertex-claude", "claude-opus-4-8", None, "2026-10-21"),
    ("bedrock-invoke", "us.anthropic.claude-opus-4-8", None, "2026-10-21"),
    ("bedrock-invoke", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", None, "bedrock-2023-05-31"),
])  # fmt: skip
def test_callers_version_goes_on_where_the_home_takes_it(
    api: str, model: str, pinned: str | None, written: str
) -> None:
    asked = recorded("anthropic", "text")
    assert asked is not None
    where = Target(api=api, model=model, api_version=pinned, options={"project": "p"})
    request = codec(api).write_request(asked.conversation, where)
    body = json.loads(request.body)
    assert (request.headers.get("anthropic-version") or body["anthropic_version"]) == written
    assert ("anthropic_version" in body) == (api != "anthropic")


def test_version_of_another_dialect_is_the_default_one() -> None:
    asked = recorded("openai", "text")
    assert asked is not None
    request = codec("anthropic").write_request(asked.conversation, Target(api="anthropic", model="m"))
    assert request.headers["anthropic-version"] == "2023-06-01"
