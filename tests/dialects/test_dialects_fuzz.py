"""Whatever comes in, only a DialectError comes out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.dialects import DialectError, caller_key, codec, codec_for, route
from freehold.dialects.base import Codec
from freehold.dialects.carry import tag, tag_base64, tag_id, untag, untag_base64, untag_id
from freehold.dialects.passthrough import peek, splice
from freehold.dialects.side import embed_codec_for, read_count, read_counted, read_models
from freehold.dialects.strict import violations
from freehold.dialects.watching import Watcher
from freehold.types.conversation import End, StreamError
from tests.dialects import homes
from tests.dialects.homes import FORMS
from tests.dialects.matrix import recorded, target
from tests.dialects.sdks import FEATURES, STREAMED
from tests.dialects.strategies import values

DEEP = b"[" * 100_000


@st.composite
def bent(draw: st.DrawFn, body: bytes) -> bytes:
    """A body with one value somewhere replaced by another, or a field taken out."""
    root = json.loads(body)
    holder: Any = root
    for _ in range(draw(st.integers(0, 5))):
        inner = list(holder.values()) if isinstance(holder, dict) else list(holder)
        deeper = [each for each in inner if isinstance(each, dict | list) and each]
        if not deeper:
            break
        holder = draw(st.sampled_from(deeper))
    if isinstance(holder, dict):
        key: Any = draw(st.sampled_from(sorted(holder)))
    else:
        key = draw(st.integers(0, len(holder) - 1))
    if draw(st.booleans()):
        holder[key] = draw(values)
    else:
        del holder[key]
    return json.dumps(root).encode()


CODES = {
    "dialects.bad-request", "dialects.unreadable-answer", "dialects.cannot-express",
    "dialects.broken-event-stream", "dialects.event-too-large",
}  # fmt: skip


def read_or_refused(*readings: Callable[[], object]) -> bool:
    """Does each end with a value, or with an error that has a code of ours and says why?"""
    return all(_read_or_refused(read) for read in readings)


def _read_or_refused(read: Callable[[], object]) -> bool:
    try:
        read()
    except DialectError as refused:
        return refused.code in CODES and bool(refused.why)
    return True


def request_readings(form: str, feature: str, body: bytes) -> list[Callable[[], object]]:
    asked = recorded(form, feature)
    assert asked is not None
    inbound = asked.inbound
    embeds = embed_codec_for(inbound)
    return [
        lambda: codec_for(inbound).read_request(inbound, body),
        lambda: splice(peek(inbound, body), target(form, "text")),
        lambda: violations(inbound.dialect, inbound.surface, body),
        lambda: read_count(inbound, body),
        *([lambda: embeds.read(inbound, body)] if embeds is not None else []),
    ]


def stream_readings(side: Codec, body: bytes) -> list[Callable[[], object]]:
    return [lambda: events_of(side, body), lambda: watched(side, body)]


def events_of(side: Codec, body: bytes) -> None:
    """A stream that is over is ended by its finish, or by an error that is told."""
    reader = side.stream_reader()
    events = [*reader.feed(body), *reader.close()]
    assert any(isinstance(event, End | StreamError) for event in events)
    assert reader.close() == []


def watched(side: Codec, body: bytes) -> None:
    watcher = Watcher(side)
    assert len(watcher.feed(body).data + watcher.close().data) <= len(body) + 2  # a last blank line is ours


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=200)
@given(data=st.data())
def test_bent_request_is_read_or_refused(form: str, data: st.DataObject) -> None:
    feature = data.draw(st.sampled_from([each for each in FEATURES if recorded(form, each)]))
    asked = recorded(form, feature)
    assert asked is not None
    assert read_or_refused(*request_readings(form, feature, data.draw(bent(asked.body))))


@pytest.mark.parametrize("form", FORMS)
@given(body=st.binary(max_size=200) | values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_read_or_refused(form: str, body: bytes) -> None:
    side = codec(form)
    readings = [*request_readings(form, "text", body), *stream_readings(side, body)]
    assert read_or_refused(*readings, lambda: side.read_answer(body), lambda: read_models(side.name, body))
    assert form == "openai" or read_or_refused(lambda: read_counted(form, body))  # which has no such call
    assert side.outcome(429, {"retry-after": "soon"}, body).status == 429


@pytest.mark.parametrize("form", FORMS)
@given(data=st.data())
def test_bent_answer_is_read_or_refused(form: str, data: st.DataObject) -> None:
    feature = data.draw(st.sampled_from([each for each in FEATURES if each not in STREAMED]))
    body = data.draw(bent(homes.answer(form, feature)[2]))
    assert read_or_refused(lambda: codec(form).read_answer(body))
    assert codec(form).outcome(500, {}, body).status == 500


@pytest.mark.parametrize("form", FORMS)
@given(data=st.data())
def test_bent_stream_is_read_or_refused(form: str, data: st.DataObject) -> None:
    body = bytearray(homes.answer(form, data.draw(st.sampled_from(STREAMED)))[2])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    assert read_or_refused(*stream_readings(codec(form), bytes(body)))


@pytest.mark.parametrize("form", FORMS)
@given(data=st.data())
def test_bent_event_of_a_stream_is_read_or_refused(form: str, data: st.DataObject) -> None:
    if form.startswith("bedrock"):
        frame = homes.frame("contentBlockDelta", data.draw(values))
        frame += homes.frame("chunk", data.draw(values))
        assert read_or_refused(*stream_readings(codec(form), frame))
        return
    lines = homes.answer(form, "tool stream")[2].split(b"\n\n")
    at = data.draw(st.integers(0, max(len(lines) - 3, 0)))
    head, mark, body = lines[at].rpartition(b"data: ")
    lines[at] = head + mark + data.draw(bent(body))
    assert read_or_refused(*stream_readings(codec(form), b"\n\n".join(lines)))


@pytest.mark.parametrize("form", FORMS)
def test_deep_nesting_is_refused(form: str) -> None:
    asked = recorded(form, "text")
    assert asked is not None
    with pytest.raises(DialectError):
        codec(form).read_request(asked.inbound, DEEP)
    with pytest.raises(DialectError):
        codec(form).read_answer(DEEP)


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_target_and_key_are_taken_apart(method: str, path: str) -> None:
    found = route(method, path)
    assert found is None or found.dialect in FORMS
    assert "key=" not in caller_key({"authorization": method}, f"/x?key={len(path)}").target


@given(st.text(min_size=1, max_size=60))
def test_any_signature_comes_back_to_who_made_it(text: str) -> None:
    assert untag(text, "anthropic") == (text, "anthropic")
    assert untag(tag(text, "gemini", "anthropic"), "anthropic") == (text, "gemini")
    assert untag_base64(tag_base64(text, "bedrock", "gemini"), "gemini") == (text, "bedrock")
    assert untag_id(tag_id("call_1", text, "gemini")) == ("call_1", text, "gemini")
    assert untag_id(text) == (text, None, "")
