"""The vendors' own SDKs read what we write: every dialect's answers, told in every other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from freehold.dialects import codec, codec_for
from tests.dialects import homes, sdks
from tests.dialects.matrix import cell, error_notes, expected, home_answer, recorded, told

SURFACE = {
    "openai": "openai", "responses": "responses", "anthropic": "anthropic", "vertex-claude": "vertex claude",
    "bedrock": "bedrock", "bedrock-invoke": "bedrock invoke", "gemini": "gemini",
}  # fmt: skip
# How each SDK spells an end that is no plain stop.
FINISHES = {
    "openai": {"stop": "stop", "tool_use": "tool_calls", "stop_sequence": "stop"},
    "responses": dict.fromkeys(("stop", "tool_use", "stop_sequence"), "completed"),
    "gemini": dict.fromkeys(("stop", "tool_use", "stop_sequence"), "STOP"),
}
PLAIN = {"stop": "end_turn", "tool_use": "tool_use", "stop_sequence": "stop_sequence"}
LIMITED = {"openai": "RateLimitError", "responses": "RateLimitError", "gemini": "RESOURCE_EXHAUSTED",
           "bedrock": "ThrottlingException"}  # fmt: skip


@pytest.fixture(scope="module")
def wire() -> Iterator[sdks.Wire]:
    with sdks.wire() as made:
        yield made


@pytest.mark.parametrize("outbound", homes.FORMS)
@pytest.mark.parametrize("inbound", homes.FORMS)
def test_the_callers_sdk_reads_what_the_home_said(wire: sdks.Wire, inbound: str, outbound: str) -> None:
    near = codec(inbound)
    for feature in sdks.FEATURES:
        asked = recorded(inbound, feature)
        if feature == "error" or asked is None or cell(inbound, outbound, feature).verdict == "refused":
            continue
        body = told(near, home_answer(outbound, feature), asked.conversation, feature)
        streamed = feature in sdks.STREAMED
        kind = near.stream_writer(asked.conversation).content_type if streamed else near.answer_type
        wire.reply = (200, kind, body)
        read = sdks.ASK[SURFACE[inbound]](wire.url, feature)
        check(read, inbound, outbound, feature)


def check(read: sdks.Read, inbound: str, outbound: str, feature: str) -> None:
    want = expected(outbound, feature)
    assert (read.text, read.thinking) == (want["text"], want["thinking"]), feature
    assert read.tools == want["tools"], feature
    assert (read.tokens_in, read.cached, read.tokens_out) == want["tokens"], feature
    assert read.finish == FINISHES.get(inbound, PLAIN)[want["finish"]], feature


@pytest.mark.parametrize("inbound", homes.FORMS)
def test_the_callers_sdk_raises_its_own_error(wire: sdks.Wire, inbound: str) -> None:
    from freehold.dialects import Failure

    near = codec(inbound)
    failure = Failure(status=429, kind="rate_limited", what="every home is at its limit", retry_after_ms=1)
    reply = near.write_error(failure)
    wire.reply = (reply.status, reply.headers["content-type"], reply.body)
    read = sdks.ASK[SURFACE[inbound]](wire.url, "text")
    assert read.status == 429
    assert read.error == LIMITED.get(inbound, "RateLimitError") or inbound.startswith("bedrock")


@pytest.mark.parametrize("surface", ["azure", "anthropic 2023-06-01", "foundry"])
def test_the_other_clients_are_recognised_and_answered(wire: sdks.Wire, surface: str) -> None:
    asked = recorded(surface.replace(" ", "-"), "text")
    assert asked is not None
    near = codec_for(asked.inbound)
    wire.reply = (
        200,
        near.answer_type,
        told(near, home_answer("gemini", "text"), asked.conversation, "text"),
    )
    assert sdks.ASK[surface](wire.url, "text").text == homes.TEXT


@pytest.mark.parametrize("outbound", homes.FORMS)
def test_a_homes_limit_is_told_as_the_callers_own(outbound: str) -> None:
    for inbound in homes.FORMS:
        assert error_notes(codec(inbound), outbound) == []


def test_every_sdk_puts_the_callers_key_where_it_is_found(wire: sdks.Wire) -> None:
    from freehold.dialects import caller_key

    for ask in sdks.ASK.values():
        wire.reply = (400, "application/json", b"{}")
        ask(wire.url, "text")
        assert wire.sent is not None
        assert caller_key(wire.sent.headers, wire.sent.target).key == "fh-key"
