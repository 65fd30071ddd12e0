"""Streams taken up by another home in words, or begun again: through real homes, as callers see it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec
import pytest

from freehold.dialects import codec
from freehold.gateway.story import REASK
from freehold.pocket import FaultRule, ScriptedEngine
from freehold.pocket.script import AnswerRule
from freehold.types.conversation import TextDelta
from freehold.types.homes import Policy
from tests.gateway.running import Got, Street, ask, street

SAYS = "One fish is red. Two fish are blue, and old."
ASKED = f'[pocket fixed text="{SAYS}"]'
CUT = {"cut": FaultRule(fault="cut_fin", after=7)}  # after: "One fish is red. Two fish are"
OPTED_IN = {"x-freehold-on-cut": "restart"}
REASKED = Policy(on_cut="reask")
RESTART = Policy(on_cut="restart")


def answers(text: str) -> ScriptedEngine:
    """Says this when it is asked to go on, as a model might that begins its last sentence anew."""
    return ScriptedEngine((AnswerRule(contains=REASK[:40], kind="fixed", text=text),))


async def test_reasked_stream_is_joined_at_the_last_sentence_and_marked() -> None:
    engines = {1: answers("Two fish are blue, and old.")}
    async with street(("openai", "openai"), faults={0: CUT}, policy=REASKED, engines=engines) as place:
        got = await place.post(ask(ASKED, stream=True))
        (record,) = place.kept.calls
    assert (got.text, got.finished) == (SAYS, True)
    assert got.body.count(b": x-freehold-joined: reasked\n\n") == 1
    assert (record.joined, record.rescued, record.outcome, record.attempts) == ("reasked", True, "ok", 2)


async def test_reasked_home_is_told_what_was_said_and_to_go_on() -> None:
    async with street(("openai", "anthropic"), faults={0: CUT}, policy=REASKED) as place:
        await place.post(ask(ASKED, stream=True))
        sent = msgspec.json.decode(place.homes[1].log.entries[0].body)
    assert [turn["role"] for turn in sent["messages"]] == ["user", "assistant", "user"]
    assert "One fish is red. Two fish are" in str(sent["messages"][1])
    assert REASK in str(sent["messages"][2])


@pytest.mark.parametrize("api", ["openai", "anthropic", "bedrock-converse", "gemini", "responses"])
async def test_reasked_stream_may_be_taken_up_by_a_home_of_any_dialect(api: str) -> None:
    engines = {1: answers("Two fish are blue, and old.")}
    async with street(("openai", api), faults={0: CUT}, policy=REASKED, engines=engines) as place:
        got = await place.post(ask(ASKED, stream=True))
    assert (got.text, got.finished) == (SAYS, True)


async def test_reasked_stream_that_is_cut_again_is_asked_on_from_there() -> None:
    again = FaultRule(fault="cut_rst", after=4)  # "Two fish are blue,", of which "blue," is new
    engines = {1: answers("Two fish are blue, and old."), 2: answers(" and old.")}
    faults = {0: CUT, 1: {"again": again}}
    async with street(("openai",) * 3, faults=faults, policy=REASKED, engines=engines) as place:
        got = await place.post(ask(ASKED, stream=True))
    assert (got.text, got.finished) == (SAYS, True)


async def test_half_sent_tool_call_is_not_asked_on() -> None:
    wanted = {"type": "object", "properties": {"city": {"type": "string"}, "day": {"type": "string"}}}
    tool = {"type": "function", "function": {"name": "look", "parameters": wanted}}
    asked = {**ask("[pocket tools]", stream=True), "tools": [tool]}
    async with street(("openai", "openai"), faults={0: {"cut": FaultRule(fault="cut_fin", after=1)}},
                      policy=REASKED) as place:  # fmt: skip
        got = await place.post(asked)
        (record,) = place.kept.calls
    assert got.broken_off
    assert not got.finished
    assert (record.outcome, record.error) == ("failed", "gateway.stream-cut")


async def test_restarted_stream_says_where_it_begins_again_and_is_whole_from_there() -> None:
    async with street(("openai", "anthropic"), faults={0: CUT}, policy=RESTART) as place:
        got = await place.post(ask(ASKED, stream=True), headers=OPTED_IN)
        (record,) = place.kept.calls
    before, mark, after = got.body.partition(b"event: freehold.restart\n")
    assert mark
    assert SAYS.startswith(Got(200, got.headers, before).text)
    rest = Got(200, got.headers, after.partition(b"\n\n")[2])
    assert (rest.text, rest.finished) == (SAYS, True)
    assert (record.joined, record.outcome) == ("restarted", "ok")


async def test_stream_is_not_restarted_for_a_caller_that_did_not_ask() -> None:
    async with street(("openai", "openai"), faults={0: CUT}, policy=RESTART) as place:
        got = await place.post(ask(ASKED, stream=True))
        asked = [len(home.log.entries) for home in place.homes]
    assert got.broken_off
    assert not got.finished
    assert "x-freehold-on-cut: restart" in str(got.chunks[-1])
    assert asked == [1, 0]


async def test_asking_for_a_restart_gives_none_where_the_policy_does_not() -> None:
    async with street(("openai", "openai"), faults={0: CUT}, policy=Policy(on_cut="error")) as place:
        got = await place.post(ask(ASKED, stream=True), headers=OPTED_IN)
    assert got.broken_off
    assert b"freehold.restart" not in got.body


@pytest.mark.parametrize("policy", [REASKED, RESTART], ids=["reask", "restart"])
async def test_stream_that_no_other_home_takes_up_ends_with_an_error(policy: Policy) -> None:
    faults = {0: CUT, 1: {"down": FaultRule(fault="refuse")}}
    async with street(("openai", "openai"), faults=faults, policy=policy) as place:
        await place.homes[0].set_faults({"cut": FaultRule(fault="cut_fin", after=7, count=1),
                                         "then": FaultRule(fault="server_error")})  # fmt: skip
        got = await place.post(ask(ASKED, stream=True), headers=OPTED_IN)
    assert got.broken_off
    assert not got.finished


async def test_restarted_stream_of_every_dialect_is_whole_after_its_mark() -> None:
    for path, name, body in PLAIN:
        async with street(("openai", "openai"), faults={0: CUT}, policy=RESTART) as place:
            got = await place.post(body, path, headers=OPTED_IN)
        text = text_of(name, got.body)
        assert text.endswith(SAYS), (name, text)
        assert len(text) > len(SAYS), name


PLAIN = (
    ("/v1/messages", "anthropic",
     {"model": "chat", "max_tokens": 99, "stream": True, "messages": [{"role": "user", "content": ASKED}]}),
    ("/v1/responses", "responses", {"model": "chat", "stream": True, "input": ASKED}),
    ("/model/chat/converse-stream", "bedrock",
     {"messages": [{"role": "user", "content": [{"text": ASKED}]}]}),
    ("/v1beta/models/chat:streamGenerateContent?alt=sse", "gemini",
     {"contents": [{"role": "user", "parts": [{"text": ASKED}]}]}),
)  # fmt: skip


def text_of(name: str, body: bytes) -> str:
    reader = codec(name).stream_reader()
    events = [*reader.feed(body), *reader.close()]
    return "".join(event.text for event in events if isinstance(event, TextDelta))


@pytest.mark.parametrize(("path", "name", "body"), PLAIN, ids=[row[1] for row in PLAIN])
async def test_trailer_says_how_the_stream_was_joined_in_every_dialect(
    path: str, name: str, body: Mapping[str, object]
) -> None:
    async with street(("openai", "openai"), faults={0: CUT}, policy=Policy(on_cut="continue")) as place:
        heard = await raw(place, path, body)
    assert heard.endswith(b"\r\n0\r\nx-freehold-joined: continued\r\n\r\n")


async def test_stream_that_was_not_cut_has_no_trailer() -> None:
    async with street(("openai",)) as place:
        heard = await raw(place, "/v1/chat/completions", ask(ASKED, stream=True))
    assert heard.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")


async def raw(place: Street, path: str, body: object) -> bytes:
    """The response as it is on the wire."""
    data = msgspec.json.encode(body)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(place.url.rpartition(":")[2]))
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-length: {len(data)}"
    writer.write(head.encode() + b"\r\n\r\n" + data)
    heard = await reader.read()
    writer.close()
    return heard
