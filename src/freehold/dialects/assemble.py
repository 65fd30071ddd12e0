"""A streamed answer as a whole one, and a whole one as a stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from freehold.dialects.fields import parse, raw
from freehold.dialects.usage import merged
from freehold.types.conversation import (
    Answer,
    Begin,
    Block,
    BlockEnd,
    BlockStart,
    End,
    Event,
    Finished,
    Opaque,
    StreamError,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolDelta,
    ToolUse,
    Usage,
    UsageReport,
)


class Collector:
    """Takes events; `answer` is what they add up to so far, `error` what ended them early."""

    def __init__(self) -> None:
        self._begin = Begin(id="", model="")
        self._blocks: dict[int, Block] = {}
        self._pieces: dict[int, list[str]] = {}
        self._signatures: dict[int, ThinkingDelta] = {}
        self._finished: Finished | None = None
        self._usage = Usage()
        self.error: StreamError | None = None

    def take(self, event: Event) -> None:
        match event:
            case TextDelta() | ThinkingDelta():
                self._pieces.setdefault(event.index, []).append(event.text)
                if isinstance(event, ThinkingDelta) and event.signature is not None:
                    self._signatures[event.index] = event
            case ToolDelta():
                self._pieces.setdefault(event.index, []).append(event.json)
            case BlockStart():
                self._blocks[event.index] = event.block
            case Begin():
                self._begin, self._usage = event, event.usage
            case Finished():
                self._finished = event
                self._usage = merged(self._usage, event.usage)
            case UsageReport():
                self._usage = merged(self._usage, event.usage)
            case StreamError():
                self.error = event

    @property
    def text(self) -> str:
        """What the answer has said so far."""
        return "".join(
            block.text + "".join(self._pieces.get(at, ()))
            for at, block in self._blocks.items()
            if isinstance(block, Text)
        )

    def answer(self) -> Answer:
        finished = self._finished or Finished(finish="error")
        return Answer(
            id=self._begin.id, model=self._begin.model, finish=finished.finish, usage=self._usage,
            blocks=tuple(self._whole(at, block) for at, block in self._blocks.items()),
            stop_sequence=finished.stop_sequence, dialect=self._begin.dialect,
            extra={**self._begin.extra, **finished.extra},
        )  # fmt: skip

    def _whole(self, at: int, block: Block) -> Block:
        said = "".join(self._pieces.get(at, ()))
        match block:
            case Text():
                return msgspec.structs.replace(block, text=block.text + said)
            case Thinking():
                signed = self._signatures.get(at)
                if signed is None:
                    return msgspec.structs.replace(block, text=block.text + said)
                origin = signed.origin or block.origin
                return msgspec.structs.replace(
                    block, text=block.text + said, signature=signed.signature, origin=origin
                )
            case ToolUse():
                return msgspec.structs.replace(block, input_json=block.input_json + said or "{}")
            case Opaque() if said:
                return msgspec.structs.replace(block, value=_with_input(block.value, said))
        return block


def _with_input(value: msgspec.Raw, said: str) -> msgspec.Raw:
    """A vendor's own tool call whose input came in fragments."""
    whole: Any = parse(bytes(value), answer=True)
    return raw({**whole, "input": msgspec.Raw(said.encode())}) if isinstance(whole, dict) else value


def collect(events: Iterable[Event]) -> Answer:
    collector = Collector()
    for event in events:
        collector.take(event)
    return collector.answer()


def replay(answer: Answer) -> Iterator[Event]:
    """The events of an answer that is already whole."""
    yield Begin(id=answer.id, model=answer.model, dialect=answer.dialect)
    for at, block in enumerate(answer.blocks):
        yield from _replay_block(at, block)
    yield Finished(finish=answer.finish, stop_sequence=answer.stop_sequence)
    yield UsageReport(usage=answer.usage)
    yield End()


def _replay_block(at: int, block: Block) -> Iterator[Event]:
    match block:
        case Text():
            yield BlockStart(index=at, block=msgspec.structs.replace(block, text=""))
            yield TextDelta(index=at, text=block.text)
        case Thinking() if block.redacted is None:
            yield BlockStart(index=at, block=msgspec.structs.replace(block, text="", signature=None))
            yield ThinkingDelta(index=at, text=block.text, signature=block.signature)
        case ToolUse():
            yield BlockStart(index=at, block=msgspec.structs.replace(block, input_json=""))
            yield ToolDelta(index=at, json=block.input_json)
        case _:
            yield BlockStart(index=at, block=block)
    yield BlockEnd(index=at)
