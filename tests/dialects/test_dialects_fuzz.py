"""Whatever comes in, only a DialectError comes out."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.dialects import DialectError, caller_key, codec, codec_for, route
from freehold.dialects.base import Codec
from freehold.dialects.carry import untag, untag_base64, untag_id
from freehold.dialects.passthrough import peek, splice
from freehold.dialects.side import embed_codec_for, read_count, read_counted, read_models
from freehold.dialects.strict import violations
from freehold.dialects.watching import Watcher
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


def try_request(form: str, feature: str, body: bytes) -> None:
    asked = recorded(form, feature)
    assert asked is not None
    inbound = asked.inbound
    with contextlib.suppress(DialectError):
        codec_for(inbound).read_request(inbound, body)
    with contextlib.suppress(DialectError):
        splice(peek(inbound, body), target(form, "text"))
    with contextlib.suppress(DialectError):
        violations(inbound.dialect, inbound.surface, body)
    with contextlib.suppress(DialectError):
        read_count(inbound, body)
    if (embeds := embed_codec_for(inbound)) is not None:
        with contextlib.suppress(DialectError):
            embeds.read(inbound, body)


def try_stream(side: Codec, body: bytes) -> None:
    for reader in (side.stream_reader(), Watcher(side)):
        with contextlib.suppress(DialectError):
            reader.feed(body)
            reader.close()


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=200)
@given(data=st.data())
def test_bent_request_is_read_or_refused(form: str, data: st.DataObject) -> None:
    feature = data.draw(st.sampled_from([each for each in FEATURES if recorded(form, each)]))
    asked = recorded(form, feature)
    assert asked is not None
    try_request(form, feature, data.draw(bent(asked.body)))


@pytest.mark.parametrize("form", FORMS)
@given(body=st.binary(max_size=200) | values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_read_or_refused(form: str, body: bytes) -> None:
    try_request(form, "text", body)
    side = codec(form)
    for read in (
        side.read_answer,
        lambda given: read_counted(form, given),
        lambda given: read_models(side.name, given),
    ):
        with contextlib.suppress(DialectError, KeyError if form == "openai" else DialectError):
            read(body)
    try_stream(side, body)
    assert side.outcome(429, {"retry-after": "soon"}, body).status == 429


@pytest.mark.parametrize("form", FORMS)
@given(data=st.data())
def test_bent_answer_is_read_or_refused(form: str, data: st.DataObject) -> None:
    feature = data.draw(st.sampled_from([each for each in FEATURES if each not in STREAMED]))
    body = data.draw(bent(homes.answer(form, feature)[2]))
    with contextlib.suppress(DialectError):
        codec(form).read_answer(body)
    codec(form).outcome(500, {}, body)


@pytest.mark.parametrize("form", FORMS)
@given(data=st.data())
def test_bent_stream_is_read_or_refused(form: str, data: st.DataObject) -> None:
    body = bytearray(homes.answer(form, data.draw(st.sampled_from(STREAMED)))[2])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    try_stream(codec(form), bytes(body))


@pytest.mark.parametrize("form", FORMS)
@given(data=st.data())
def test_bent_event_of_a_stream_is_read_or_refused(form: str, data: st.DataObject) -> None:
    if form.startswith("bedrock"):
        frame = homes.frame("contentBlockDelta", data.draw(values))
        try_stream(codec(form), frame + homes.frame("chunk", data.draw(values)))
        return
    lines = homes.answer(form, "tool stream")[2].split(b"\n\n")
    at = data.draw(st.integers(0, max(len(lines) - 3, 0)))
    head, mark, body = lines[at].rpartition(b"data: ")
    lines[at] = head + mark + data.draw(bent(body))
    try_stream(codec(form), b"\n\n".join(lines))


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
    route(method, path)
    assert "key=" not in caller_key({"authorization": method}, f"/x?key={len(path)}").target


@given(st.text(max_size=60))
def test_any_signature_is_untagged(text: str) -> None:
    untag(text, "anthropic"), untag_base64(text, "gemini"), untag_id(text)
