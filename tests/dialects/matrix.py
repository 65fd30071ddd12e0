"""Every inbound dialect x every outbound one x every feature: what becomes of it, tried on recorded bytes."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from freehold.dialects import Failure, Target, codec, codec_for, route
from freehold.dialects.assemble import Collector, replay
from freehold.dialects.base import Codec, Inbound
from freehold.dialects.fitting import Fit, LeaveOut, Refuse, fit
from freehold.dialects.strict import violations
from freehold.types.conversation import (
    Answer,
    Conversation,
    Document,
    Image,
    Text,
    Thinking,
    Tool,
    ToolResult,
    ToolUse,
)
from tests.dialects import homes
from tests.dialects.sdks import STREAMED

VECTORS = Path(__file__).resolve().parent.parent / "vectors" / "dialects"
# What is asked for on each side: the inbound surface's recorded SDK, the outbound api and a model of it.
INBOUND = homes.FORMS
MODELS = {
    "openai": "gpt-4.1", "responses": "gpt-5.4", "anthropic": "claude-sonnet-4-6",
    "vertex-claude": "claude-sonnet-4-6", "bedrock": "us.anthropic.claude-sonnet-4-6-v1:0",
    "bedrock-invoke": "us.anthropic.claude-sonnet-4-6-v1:0", "gemini": "gemini-2.5-flash",
}  # fmt: skip
THINKING_MODELS = {**MODELS, "openai": "gpt-5.4"}


class Cell(NamedTuple):
    verdict: str  # exact, adapted, refused, unsaid
    notes: tuple[str, ...] = ()


class Recorded(NamedTuple):
    inbound: Inbound
    body: bytes
    conversation: Conversation


@cache
def recorded(surface: str, feature: str) -> Recorded | None:
    """What the surface's SDK sent; None where its API has no word for the feature."""
    path = VECTORS / "requests" / surface / f"{feature.replace(' ', '-')}.http"
    if not path.exists():
        return None
    head, _, body = path.read_bytes().partition(b"\n\n")
    first, *lines = head.decode().split("\n")
    method, _, target = first.partition(" ")
    headers = dict(line.split(": ", 1) for line in lines)
    inbound = route(method, target, headers)
    assert inbound is not None, target
    return Recorded(inbound, body, codec_for(inbound).read_request(inbound, body))


def target(outbound: str, feature: str) -> Target:
    models = THINKING_MODELS if feature == "thinking" else MODELS
    return Target(api=outbound, model=models[outbound], options={"project": "p", "location": "global"})


def cell(inbound: str, outbound: str, feature: str) -> Cell:
    asked = recorded(inbound, feature)
    if asked is None:
        return Cell("unsaid")
    verdict = fit(asked.conversation, target(outbound, feature))
    if isinstance(verdict, LeaveOut | Refuse):
        return Cell("refused", (verdict.reason,))
    assert isinstance(verdict, Fit)
    check_request(verdict.conversation, outbound, feature)
    near = codec_for(asked.inbound)
    notes = [*verdict.notes, *answer_notes(near, outbound, feature, asked.conversation)]
    if near is codec(outbound):
        return Cell("exact")  # bytes pass through
    return Cell("adapted" if notes else "exact", tuple(notes))


def check_request(conversation: Conversation, outbound: str, feature: str) -> None:
    """What is sent is right by the vendor's own published model, and means what was asked."""
    written = codec(outbound).write_request(conversation, target(outbound, feature))
    inbound = route("POST", written.path, written.headers)
    assert inbound is not None, written.path
    assert violations(inbound.dialect, inbound.surface, written.body) == []
    read = codec_for(inbound).read_request(inbound, written.body)
    assert meaning(read) == meaning(conversation)
    assert read.stream == conversation.stream


def meaning(conversation: Conversation) -> Any:
    """What a request says, without ids and spelling."""
    said: list[Any] = [
        ("system", "".join(block.text for block in conversation.system if isinstance(block, Text)))
    ]
    for turn in conversation.turns:
        for block in turn.blocks:
            match block:
                case Text():
                    said.append((turn.role, block.text))
                case Image():
                    said.append((turn.role, "image", block.media_type, block.data_base64))
                case Document():
                    said.append((turn.role, "document", block.media_type, block.data_base64))
                case ToolUse():
                    said.append((turn.role, "call", block.name, json.loads(block.input_json)))
                case ToolResult():
                    texts = [part.text for part in block.content if isinstance(part, Text)]
                    said.append((turn.role, "result", texts, block.is_error))
    tools = [(tool.name, tool.description) for tool in conversation.tools if isinstance(tool, Tool)]
    form = conversation.output_format
    schema = json.loads(bytes(form.schema)) if form is not None and form.schema is not None else None
    return said, tools, schema, conversation.max_tokens, conversation.stop, conversation.temperature


def home_answer(outbound: str, feature: str) -> Answer:
    """What a home of this form says, read by our codec."""
    far = codec(outbound)
    _, _, body = homes.answer(outbound, feature)
    return read_stream(far, body) if feature in STREAMED else far.read_answer(body)


def read_stream(side: Codec, body: bytes) -> Answer:
    reader, collector = side.stream_reader(), Collector()
    for event in [*reader.feed(body), *reader.close()]:
        collector.take(event)
    assert collector.error is None, collector.error
    return collector.answer()


def told(near: Codec, answer: Answer, conversation: Conversation, feature: str) -> bytes:
    """The answer as the caller gets it."""
    if feature not in STREAMED:
        return near.write_answer(answer, conversation)
    writer = near.stream_writer(conversation)
    return b"".join(writer.write(event) for event in replay(answer))


def answer_notes(near: Codec, outbound: str, feature: str, conversation: Conversation) -> list[str]:
    if feature == "error":
        return error_notes(near, outbound)
    answer = home_answer(outbound, feature)
    assert shown(answer) == expected(outbound, feature)
    wire = told(near, answer, conversation, feature)
    back = read_stream(near, wire) if feature in STREAMED else near.read_answer(wire)
    return differences(answer, back)


def error_notes(near: Codec, outbound: str) -> list[str]:
    status, _, body = homes.answer(outbound, "error")
    outcome = codec(outbound).outcome(status, {}, body)
    assert (outcome.kind, outcome.action) == ("rate_limited", "next_home")
    failure = Failure(status=429, kind=outcome.kind, what="no home answered", why=outcome.message)
    reply = near.write_error(failure)
    again = near.outcome(reply.status, reply.headers, reply.body)
    assert (reply.status, again.kind) == (429, "rate_limited")
    assert outcome.message in again.message
    return []


def shown(answer: Answer) -> dict[str, Any]:
    """What an answer shows, whatever its dialect."""
    usage = answer.usage
    tokens_in = (usage.fresh or 0) + (usage.cache_read or 0) + (usage.cache_write or 0)
    return {
        "text": "".join(block.text for block in answer.blocks if isinstance(block, Text)),
        "thinking": "".join(block.text for block in answer.blocks if isinstance(block, Thinking)),
        "tools": [(block.name, json.loads(block.input_json)) for block in answer.blocks
                  if isinstance(block, ToolUse)],
        "finish": answer.finish, "tokens": (tokens_in, usage.cache_read or 0, usage.output),
    }  # fmt: skip


def expected(outbound: str, feature: str) -> dict[str, Any]:
    said = homes.Said(feature)
    finish = "tool_use" if said.cities else "stop"
    if said.stopped and outbound not in ("openai", "responses", "gemini"):
        finish = "stop_sequence"
    return {
        "text": said.text, "thinking": said.thought,
        "tools": [("weather", {"city": city}) for city in said.cities],
        "finish": finish, "tokens": (homes.TOTAL_IN, said.cached, homes.OUT),
    }  # fmt: skip


def differences(given: Answer, back: Answer) -> list[str]:
    """What the caller's dialect could not tell."""
    before, after = shown(given), shown(back)
    notes = []
    if before["finish"] != after["finish"]:
        notes.append(f"the finish {before['finish']} is told as {after['finish']}")
        after["finish"] = before["finish"]
    if signatures(given, Thinking) and not signatures(back, Thinking):
        notes.append("a thought is told as reasoning_content, without its signature")
    else:
        assert signatures(given, Thinking) == signatures(back, Thinking)
    assert signatures(given, ToolUse) == signatures(back, ToolUse)
    assert before == after
    return notes


def signatures(answer: Answer, kind: type[Thinking | ToolUse]) -> list[tuple[str, str]]:
    """Every signature and who signed: it has to come back to them."""
    signed = [block for block in answer.blocks if isinstance(block, kind)]
    return [(block.signature, block.origin) for block in signed if block.signature is not None]
