"""What a pocket home answers with: the seam that every engine fits, and the table of engines."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from typing import Protocol, cast

import msgspec

from freehold.errors import InputError, nearest
from freehold.types.conversation import (
    Answer,
    Begin,
    Block,
    BlockStart,
    Conversation,
    Event,
    Finished,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolDelta,
    ToolUse,
    Usage,
    UsageReport,
)

ENGINES: dict[str, str] = {
    "scripted": "freehold.pocket.scripted:ScriptedEngine",
}


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """The engine takes its time before what it yields next."""

    seconds: float


Step = Event | Wait


class Engine(Protocol):
    """Events in the order of a stream: Begin, blocks, Finished, UsageReport, End; a Wait anywhere.

    `blocking`: a step may take long enough to be worth a thread.
    """

    blocking: bool

    def answer(self, conversation: Conversation, id: str) -> Iterator[Step]: ...


def engine(name: str) -> Engine:
    if name not in ENGINES:
        close = nearest(name, ENGINES)
        raise InputError(
            f"there is no engine {name!r}",
            why=f"engines are {', '.join(ENGINES)}" + (f"; the closest is {close!r}" if close else ""),
            fix="name one of them",
            code="pocket.unknown-engine",
        )
    module, _, attribute = ENGINES[name].partition(":")
    return cast("Engine", getattr(importlib.import_module(module), attribute)())


def collect(events: Iterable[Event], conversation: Conversation) -> Answer:
    """A stream of events, as the one answer they add up to."""
    answer = Answer(id="", model=conversation.model, blocks=(), finish="error")
    blocks: dict[int, Block] = {}
    usage = Usage()
    for event in events:
        match event:
            case Begin():
                answer = msgspec.structs.replace(answer, id=event.id, model=event.model)
            case BlockStart():
                blocks[event.index] = event.block
            case TextDelta() | ThinkingDelta() | ToolDelta():
                blocks[event.index] = _grown(blocks[event.index], event)
            case Finished():
                answer = msgspec.structs.replace(
                    answer, finish=event.finish, stop_sequence=event.stop_sequence
                )
            case UsageReport():
                usage = event.usage
    ordered = tuple(blocks[index] for index in sorted(blocks))
    return msgspec.structs.replace(answer, blocks=ordered, usage=usage)


def _grown(block: Block, delta: TextDelta | ThinkingDelta | ToolDelta) -> Block:
    match block, delta:
        case Text(), TextDelta():
            return msgspec.structs.replace(block, text=block.text + delta.text)
        case Thinking(), ThinkingDelta():
            signature = delta.signature or block.signature
            return msgspec.structs.replace(block, text=block.text + delta.text, signature=signature)
        case ToolUse(), ToolDelta():
            before = "" if block.input_json == "{}" else block.input_json
            return msgspec.structs.replace(block, input_json=before + delta.json)
    return block
