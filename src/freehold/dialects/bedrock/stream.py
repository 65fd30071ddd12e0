"""ConverseStream, read and written.

Text blocks are not opened by an event of their own, and the usage comes in `metadata` after `messageStop`.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from freehold.dialects import carry, eventstream
from freehold.dialects.bedrock.answer import FINISH_IN, FINISH_OUT, read_reason, read_usage, write_usage
from freehold.dialects.bedrock.blocks import NAME
from freehold.dialects.bedrock.errors import read_exception, write_exception
from freehold.dialects.bedrock.wire import BlockEvent, Reasoning, UseDelta, WireDelta, decode_event
from freehold.dialects.fields import Fields, encode, fault
from freehold.dialects.usage import merged
from freehold.types.conversation import (
    Begin,
    Block,
    BlockEnd,
    BlockStart,
    End,
    Event,
    Extra,
    Finished,
    StreamError,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolDelta,
    ToolUse,
    UnknownEvent,
    Usage,
    UsageReport,
)

_TEXT: Final = b'{"contentBlockIndex":%d,"delta":{"text":'


class Reader:
    def __init__(self) -> None:
        self._frames = eventstream.EventStreamReader()
        self._open: set[int] = set()
        self._failed = self._closed = False
        self.ended = False

    def feed(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        for headers, payload in self._frames.feed(data):
            if headers.get(":message-type", "event") != "event":
                self._failed = True
                events.append(read_exception(headers, payload))
            else:
                self._event(headers.get(":event-type", ""), payload, events)
        return events

    def close(self) -> list[Event]:
        if self._failed or self._closed:
            return []
        self._closed = True
        if self.ended and not self._frames.partial:
            return [End()]
        return [StreamError(kind="cut", message="the stream ended without messageStop")]

    def _event(self, name: str, payload: bytes, events: list[Event]) -> None:
        match name:
            case "contentBlockDelta":
                self._delta(_block(payload), payload, events)
            case "contentBlockStart":
                block = _block(payload)
                if block.start is not None and block.start.toolUse is not None:
                    self._start(block.contentBlockIndex, _use(block.start.toolUse), events)
                else:
                    events.append(UnknownEvent(origin=NAME, name=name, value=msgspec.Raw(payload)))
            case "contentBlockStop":
                at = _block(payload).contentBlockIndex
                if at in self._open:
                    self._open.discard(at)
                    events.append(BlockEnd(index=at))
            case "messageStart":
                fields = Fields.of(payload, answer=True)
                fields.any("role")
                events.append(Begin(id="", model="", dialect=NAME, extra=_known(fields)))
            case "messageStop":
                self._stop(Fields.of(payload, answer=True), events)
            case "metadata":
                fields = Fields.of(payload, answer=True)
                usage = read_usage(fields.object("usage"))
                events.append(UsageReport(usage=usage, extra=_known(fields)))
                if self.ended and not self._closed:
                    self._closed = True
                    events.append(End())
            case _:
                events.append(UnknownEvent(origin=NAME, name=name, value=msgspec.Raw(payload)))

    def _start(self, at: int, block: Block, events: list[Event]) -> None:
        self._open.add(at)
        events.append(BlockStart(index=at, block=block))

    def _delta(self, block: BlockEvent, payload: bytes, events: list[Event]) -> None:
        at, delta = block.contentBlockIndex, block.delta or WireDelta()
        if delta.text is not None:
            if at not in self._open:
                self._start(at, Text(text=""), events)
            events.append(TextDelta(index=at, text=delta.text))
        elif delta.toolUse is not None:
            events.append(ToolDelta(index=at, json=delta.toolUse.input))
        elif (thought := delta.reasoningContent) is not None:
            self._thought(at, thought, events)
        else:
            events.append(UnknownEvent(origin=NAME, name="contentBlockDelta", value=msgspec.Raw(payload)))

    def _thought(self, at: int, thought: Reasoning, events: list[Event]) -> None:
        if thought.redactedContent is not None:
            data, origin = carry.untag_base64(thought.redactedContent, NAME)
            self._start(at, Thinking(redacted=data, origin=origin), events)
            return
        signature, origin = carry.untag(thought.signature or "", NAME)
        if at not in self._open:
            self._start(at, Thinking(origin=origin), events)
        events.append(
            ThinkingDelta(index=at, text=thought.text or "", signature=signature or None, origin=origin)
        )

    def _stop(self, fields: Fields, events: list[Event]) -> None:
        self.ended = True
        reason = fields.maybe("stopReason")
        extra = {**read_reason(reason), **_known(fields)}
        events.append(Finished(finish=FINISH_IN.get(reason or "", "error"), extra=extra))


def _known(fields: Fields) -> Extra:
    fields.any("p")  # padding that Bedrock adds to every event
    return fields.extra()


def _block(payload: bytes) -> BlockEvent:
    try:
        return decode_event(payload)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise fault(f"an event of the stream: {error}", answer=True) from error


def _use(use: UseDelta) -> ToolUse:
    id, signature, origin = carry.untag_id(use.toolUseId)
    return ToolUse(id=id, name=use.name, input_json="", signature=signature, origin=origin)


class Writer:
    content_type = eventstream.CONTENT_TYPE

    def __init__(self) -> None:
        self._own = False
        self._usage = Usage()
        self._report: Extra = {}
        self._blocks: dict[int, tuple[int, Block]] = {}
        self._before: dict[int, bytes] = {}  # a delta of each, up to its text

    def write(self, event: Event) -> bytes:
        match event:
            case TextDelta():
                return self._text(event)
            case ToolDelta():
                return self._delta(event.index, {"toolUse": {"input": event.json}})
            case ThinkingDelta():
                return self._thought(event)
            case BlockStart():
                return self._start(event)
            case BlockEnd() if event.index in self._blocks:
                return _write("contentBlockStop", contentBlockIndex=self._blocks[event.index][0])
            case Begin():
                self._own, self._usage = event.dialect == NAME, event.usage
                return _write("messageStart", role="assistant", **(event.extra if self._own else {}))
            case Finished():
                self._usage = merged(self._usage, event.usage)
                extra = event.extra if self._own else {}
                return _write("messageStop", **{"stopReason": FINISH_OUT[event.finish], **extra})
            case UsageReport():
                self._usage = merged(self._usage, event.usage)
                self._report = event.extra if self._own else {}
                return b""
            case End():
                usage = write_usage(self._usage, own=self._own)
                return _write("metadata", **{"usage": usage, "metrics": {"latencyMs": 0}, **self._report})
            case StreamError():
                return write_exception(event)
            case UnknownEvent() if event.origin == NAME:
                return eventstream.write_event(event.name, bytes(event.value))
            case _:
                return b""

    def _text(self, event: TextDelta) -> bytes:
        """Most of a stream is this one event: written without building what it says."""
        before = self._before.get(event.index)
        if before is None:
            return b""
        return eventstream.write_event("contentBlockDelta", before + encode(event.text) + b"}}")

    def _start(self, event: BlockStart) -> bytes:
        block = event.block
        if not isinstance(block, Text | Thinking | ToolUse):
            return b""
        at = len(self._blocks)
        self._blocks[event.index] = (at, block)
        self._before[event.index] = _TEXT % at
        if isinstance(block, ToolUse):
            id = carry.tag_id(block.id, block.signature, block.origin)
            start = {"toolUse": {"toolUseId": id, "name": block.name}}
            opened = _write("contentBlockStart", contentBlockIndex=at, start=start)
            given = (
                self._delta(event.index, {"toolUse": {"input": block.input_json}})
                if block.input_json
                else b""
            )
            return opened + given
        if isinstance(block, Text):
            return self._delta(event.index, {"text": block.text}) if block.text else b""
        if block.redacted is not None:
            data = carry.tag_base64(block.redacted, block.origin, NAME)
            return self._delta(event.index, {"reasoningContent": {"redactedContent": data}})
        return self._delta(event.index, {"reasoningContent": {"text": block.text}}) if block.text else b""

    def _thought(self, event: ThinkingDelta) -> bytes:
        said = b""
        if event.text:
            said = self._delta(event.index, {"reasoningContent": {"text": event.text}})
        if event.signature is not None and event.index in self._blocks:
            block = self._blocks[event.index][1]
            origin = event.origin or (block.origin if isinstance(block, Thinking) else "")
            signature = carry.tag(event.signature, origin, NAME)
            said += self._delta(event.index, {"reasoningContent": {"signature": signature}})
        return said

    def _delta(self, index: int, delta: dict[str, Any]) -> bytes:
        if index not in self._blocks:
            return b""
        return _write("contentBlockDelta", contentBlockIndex=self._blocks[index][0], delta=delta)


def _write(name: str, **body: Any) -> bytes:
    return eventstream.write_event(name, encode(body))
