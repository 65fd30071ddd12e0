"""A streamed message of Anthropic's, read and written.

The events are the same on every surface; only what carries them differs (server-sent events, or chunks of an
event stream on Bedrock), so `Events` and `Frames` work on one event at a time and know no framing.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from freehold.dialects import carry, sse
from freehold.dialects.anthropic.answer import FINISH_IN, FINISH_OUT, read_reason, read_usage, write_usage
from freehold.dialects.anthropic.blocks import NAME, read_block, write_block
from freehold.dialects.anthropic.errors import STATUS_OF, TYPE_OF
from freehold.dialects.anthropic.wire import WireDelta, WireEvent, decode_event
from freehold.dialects.fields import Fields, encode, fault, given, raw
from freehold.dialects.usage import merged
from freehold.types.conversation import (
    Begin,
    Block,
    BlockEnd,
    BlockStart,
    End,
    Event,
    Finished,
    Ping,
    StreamError,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolDelta,
    ToolResult,
    ToolUse,
    UnknownEvent,
    Usage,
    UsageReport,
)

_TEXT: Final = b'{"type":"content_block_delta","index":%d,"delta":{"type":"text_delta","text":'


class Events:
    """One event of the wire in, neutral events out."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._failed = self._closed = self._begun = False
        self.ended = False

    def take(self, payload: bytes, events: list[Event], frame: bytes = b"") -> None:
        try:
            event = decode_event(payload)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise fault(f"an event of the stream: {error}", answer=True) from error
        delta = event.delta
        if delta is not None and event.type == "content_block_delta":  # nearly all of a stream
            text = delta.text
            if text is not None and delta.type == "text_delta":
                events.append(TextDelta(index=event.index, text=text))
            else:
                events.append(self._delta(event.index, delta, payload))
            return
        match event.type:
            case "content_block_start" if (content := given(event.content_block)) is not None:
                events.append(BlockStart(index=event.index, block=self._block(content)))
            case "content_block_stop":
                events.append(BlockEnd(index=event.index))
            case "message_start" if (message := given(event.message)) is not None:
                self._begin(message, events)
            case "message_delta":
                events.append(self._message_delta(event, payload))
            case "message_stop":
                self._closed = self.ended
                if self.ended:
                    events.append(End())
            case "ping":
                events.append(Ping())
            case "error":
                self._failed = True
                events.append(read_stream_error(given(event.error)))
            case _:
                name = event.type or sse.name(frame)
                events.append(UnknownEvent(origin=NAME, name=name, value=msgspec.Raw(payload)))

    def close(self) -> list[Event]:
        if self._failed or self._closed:
            return []
        if self.ended:
            self._closed = True
            return [End()]
        self._failed = True
        return [StreamError(kind="cut", message="the stream ended without a stop reason")]

    def _delta(self, index: int, delta: WireDelta, payload: bytes) -> Event:
        match delta.type:
            case "input_json_delta" if delta.partial_json is not None:
                return ToolDelta(index=index, json=delta.partial_json)
            case "thinking_delta" if delta.thinking is not None:
                return ThinkingDelta(index=index, text=delta.thinking)
            case "signature_delta" if delta.signature is not None:
                signature, origin = carry.untag(delta.signature, self._origin)
                return ThinkingDelta(index=index, signature=signature, origin=origin)
        return UnknownEvent(origin=NAME, name="content_block_delta", value=msgspec.Raw(payload))

    def _block(self, content: bytes) -> Block:
        block = read_block(Fields.of(content, answer=True), self._origin, [])
        if isinstance(block, ToolUse):
            given = "" if block.input_json == "{}" else block.input_json
            return msgspec.structs.replace(block, input_json=given)
        if isinstance(block, Thinking) and not block.signature and block.redacted is None:
            return msgspec.structs.replace(block, signature=None)
        return block

    def _begin(self, message: bytes, events: list[Event]) -> None:
        if self._begun:
            return  # a server that begins twice still gives one answer
        self._begun = True
        fields = Fields.of(message, answer=True)
        id, model = fields.maybe("id") or "", fields.maybe("model") or ""
        usage = read_usage(fields.object("usage"))
        for name in ("type", "role", "content", "stop_reason", "stop_sequence"):
            fields.any(name)
        events.append(Begin(id=id, model=model, usage=usage, dialect=NAME, extra=fields.extra()))

    def _message_delta(self, event: WireEvent, payload: bytes) -> Event:
        spent = given(event.usage)
        usage = read_usage(Fields.of(spent, answer=True)) if spent is not None else Usage()
        delta = event.delta
        if delta is None or delta.stop_reason is None:
            return UsageReport(usage=usage)
        self.ended = True
        fields = Fields.of(payload, answer=True)
        rest = fields.required("delta")
        rest.any("stop_reason"), rest.any("stop_sequence")
        for name in ("type", "usage", "delta"):
            fields.any(name)
        extra = {**read_reason(delta.stop_reason), **rest.extra()}
        if fields.left:
            extra["event"] = raw(fields.left)
        finish = FINISH_IN.get(delta.stop_reason, "error")
        return Finished(finish=finish, stop_sequence=delta.stop_sequence, usage=usage, extra=extra)


def read_stream_error(error: bytes | None) -> StreamError:
    fields = Fields.of(error if error is not None else b"{}", answer=True)
    kind = fields.maybe("type") or "api_error"
    return StreamError(kind=kind, message=fields.maybe("message") or "", status=STATUS_OF.get(kind))


class SseReader:
    """Messages over server-sent events."""

    def __init__(self, origin: str = NAME) -> None:
        self._frames = sse.SseReader()
        self._events = Events(origin)

    @property
    def ended(self) -> bool:
        return self._events.ended

    def feed(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        for frame in self._frames.frames(data):
            payload = sse.payload(frame)
            if payload:
                self._events.take(payload, events, frame)
        return events

    def close(self) -> list[Event]:
        events: list[Event] = []
        last = self._frames.rest()
        if payload := sse.payload(last):
            self._events.take(payload, events, last)
        return [*events, *self._events.close()]


class Frames:
    """One neutral event in, (name, payload) of the wire out."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._own = False
        self._usage = Usage()
        self._finished: Finished | None = None
        self._blocks: dict[
            int, tuple[int, Block]
        ] = {}  # blocks that have a place here, by the reader's index
        self._before: dict[int, bytes] = {}  # a delta of each, up to its text
        self._written = 0

    def give(self, event: Event) -> list[tuple[str, bytes]]:
        match event:
            case TextDelta():
                text = self.text(event)
                return [] if text is None else [("content_block_delta", text)]
            case ToolDelta():
                return self._delta(event.index, {"type": "input_json_delta", "partial_json": event.json})
            case ThinkingDelta():
                return self._thinking(event)
            case BlockStart():
                return self._start(event)
            case BlockEnd() if event.index in self._blocks:
                return [_frame("content_block_stop", index=self._blocks[event.index][0])]
            case Begin():
                return [self._begin(event)]
            case Finished():
                self._usage = merged(self._usage, event.usage)
                self._finished = event
            case UsageReport():
                self._usage = merged(self._usage, event.usage)
            case End():
                return self._end()
            case Ping():
                return [_frame("ping")]
            case StreamError():
                return [_frame("error", error={"type": _error_type(event), "message": event.message})]
            case UnknownEvent() if event.origin == NAME:
                return [(event.name, bytes(event.value))]
        return []

    def text(self, event: TextDelta) -> bytes | None:
        """Most of a stream is this one event: written without building what it says."""
        before = self._before.get(event.index)
        return None if before is None else before + encode(event.text) + b"}}"

    def _begin(self, event: Begin) -> tuple[str, bytes]:
        self._own = event.dialect == NAME
        self._usage = event.usage
        usage = write_usage(event.usage, own=self._own)
        message: dict[str, Any] = {
            "id": event.id, "type": "message", "role": "assistant", "model": event.model, "content": [],
            "stop_reason": None, "stop_sequence": None, "usage": usage, **(event.extra if self._own else {}),
        }  # fmt: skip
        return _frame("message_start", message=message)

    def _start(self, event: BlockStart) -> list[tuple[str, bytes]]:
        block = event.block
        if isinstance(block, ToolResult):
            return []
        content = self._empty(block)
        if content is None:
            return []
        at = self._written
        self._blocks[event.index] = (at, block)
        self._before[event.index] = _TEXT % at
        self._written += 1
        frames = [_frame("content_block_start", index=at, content_block=content)]
        if isinstance(block, ToolUse) and block.input_json:
            frames += self._delta(event.index, {"type": "input_json_delta", "partial_json": block.input_json})
        return frames

    def _empty(self, block: Block) -> object | None:
        """The block as it is opened: what will come in deltas is left out."""
        if isinstance(block, ToolUse):
            block = msgspec.structs.replace(block, input_json="{}")
        return write_block(block, self._origin, own=self._own, to_client=True)

    def _delta(self, index: int, delta: dict[str, Any]) -> list[tuple[str, bytes]]:
        if index not in self._blocks:
            return []
        return [_frame("content_block_delta", index=self._blocks[index][0], delta=delta)]

    def _thinking(self, event: ThinkingDelta) -> list[tuple[str, bytes]]:
        if event.index not in self._blocks:
            return []
        frames = []
        if event.text:
            frames += self._delta(event.index, {"type": "thinking_delta", "thinking": event.text})
        if event.signature is not None:
            block = self._blocks[event.index][1]
            origin = event.origin or (block.origin if isinstance(block, Thinking) else "")
            signature = carry.tag(event.signature, origin, self._origin)
            frames += self._delta(event.index, {"type": "signature_delta", "signature": signature})
        return frames

    def _end(self) -> list[tuple[str, bytes]]:
        finished = self._finished or Finished(finish="error")
        extra = dict(finished.extra) if self._own else {}
        beside = Fields.of(bytes(extra.pop("event"))).left if "event" in extra else {}
        delta = {
            "stop_reason": FINISH_OUT[finished.finish], "stop_sequence": finished.stop_sequence, **extra
        }  # fmt: skip
        usage = write_usage(self._usage, own=self._own)
        return [_frame("message_delta", delta=delta, usage=usage, **beside), _frame("message_stop")]


def _frame(name: str, **body: Any) -> tuple[str, bytes]:
    return name, encode({"type": name, **body})


def _error_type(event: StreamError) -> str:
    if event.kind.endswith("_error"):
        return event.kind
    return TYPE_OF.get(event.status or 500, "api_error")


class SseWriter:
    content_type = sse.CONTENT_TYPE

    def __init__(self, origin: str = NAME) -> None:
        self._frames = Frames(origin)

    def write(self, event: Event) -> bytes:
        if type(event) is TextDelta:
            text = self._frames.text(event)
            return b"" if text is None else b"event: content_block_delta\ndata: " + text + b"\n\n"
        return b"".join(sse.write(payload, name) for name, payload in self._frames.give(event))
