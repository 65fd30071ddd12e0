"""What was said, in the convention's form of messages. Only where the settings ask for it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from freehold.dialects import DialectError, Inbound, codec_for
from freehold.gateway.telemetry import names
from freehold.gateway.telemetry.names import Name
from freehold.types.conversation import (
    Answer,
    Block,
    BlockStart,
    Event,
    Finished,
    Opaque,
    Text,
    TextDelta,
    Thinking,
    ToolDelta,
    ToolResult,
    ToolUse,
)

MESSAGES_CHARS_MAX: Final = 64 * 1024  # of one attribute; what is longer is left out whole, and said to be
TOO_LONG: Final = "too long for a span"


class Heard(NamedTuple):
    """One call's words, as they went over the wire in the caller's dialect."""

    inbound: Inbound
    request: bytes
    answer: bytes
    stream: bool

    @property
    def size(self) -> int:
        return len(self.request) + len(self.answer)


def messages_of(heard: Heard) -> dict[Name, str]:
    """The attributes; what cannot be read is left out."""
    found: dict[Name, str] = {}
    codec = codec_for(heard.inbound)
    try:
        asked = codec.read_request(heard.inbound, heard.request)
        system = [_part(block) for block in asked.system]
        if system:
            found[names.SYSTEM_INSTRUCTIONS] = _json(system)
        found[names.INPUT_MESSAGES] = _json(
            [{"role": turn.role, "parts": [_part(block) for block in turn.blocks]} for turn in asked.turns]
        )
        if heard.answer:
            blocks, finish = (
                _answer(codec.read_answer(heard.answer))
                if not heard.stream
                else _stream((*(reader := codec.stream_reader()).feed(heard.answer), *reader.close()))
            )
            message = {"role": "assistant", "parts": [_part(one) for one in blocks], "finish_reason": finish}
            found[names.OUTPUT_MESSAGES] = _json([message])
    except (DialectError, msgspec.MsgspecError, UnicodeError):
        pass  # the call went as it went; a span without its words is still a span
    return found


def _answer(answer: Answer) -> tuple[Sequence[Block], str]:
    return answer.blocks, answer.finish


def _stream(events: Iterable[Event]) -> tuple[Sequence[Block], str]:
    """A stream put together again; one that broke off ends as far as it came."""
    blocks: dict[int, Block] = {}
    finish = "error"
    for event in events:
        if isinstance(event, BlockStart):
            blocks[event.index] = event.block
        elif isinstance(event, TextDelta):
            block = blocks.get(event.index)
            said = block.text if isinstance(block, Text) else ""
            blocks[event.index] = Text(text=said + event.text)
        elif isinstance(event, ToolDelta):
            block = blocks.get(event.index)
            if isinstance(block, ToolUse):
                said = "" if block.input_json == "{}" else block.input_json
                blocks[event.index] = msgspec.structs.replace(block, input_json=said + event.json)
        elif isinstance(event, Finished):
            finish = event.finish
    return list(blocks.values()), finish


def _part(block: Block) -> dict[str, Any]:
    """Words, and what tools were asked and said; of anything else only that it was there."""
    match block:
        case Text():
            return {"type": "text", "content": block.text}
        case Thinking():
            return {"type": "reasoning", "content": block.text}
        case ToolUse():
            return {"type": "tool_call", "id": block.id, "name": block.name, "arguments": block.input_json}
        case ToolResult():
            said = "".join(one.text for one in block.content if isinstance(one, Text))
            return {"type": "tool_call_response", "id": block.tool_use_id, "response": said}
        case Opaque():
            return {"type": block.kind}
        case _:
            return {"type": type(block).__name__.lower()}


def _json(value: object) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= MESSAGES_CHARS_MAX else msgspec.json.encode(TOO_LONG).decode()
