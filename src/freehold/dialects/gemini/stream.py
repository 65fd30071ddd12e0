"""A streamed generateContent, read and written.

Every chunk is a part of the response in the response's own form; a function call always comes whole; there is
no last frame, so the end is the end of the connection after a finish reason.
"""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.dialects import sse
from freehold.dialects.fields import Fields, encode, parse, raw
from freehold.dialects.gemini.answer import (
    FINISH_OUT,
    call_prefix,
    read_finish,
    read_reason,
    read_usage,
    write_usage,
)
from freehold.dialects.gemini.errors import read_stream_error, write_stream_error
from freehold.dialects.gemini.parts import NAME, Calls, read_part, write_call, write_parts
from freehold.dialects.reader import EventReader
from freehold.dialects.usage import merged
from freehold.types.conversation import (
    Begin,
    Block,
    BlockEnd,
    BlockStart,
    Conversation,
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


class Reader(EventReader):
    def __init__(self) -> None:
        super().__init__()
        self._calls = Calls()
        self._begun = self._called = False
        self._next = 0
        self._open: Block | None = None

    def take(self, payload: bytes, frame: bytes, events: list[Event]) -> None:
        fields = Fields.of(payload, answer=True)
        if "error" in fields.left:
            self._failed = True
            events.append(read_stream_error(fields.required("error")))
            return
        id, model = fields.maybe("responseId") or "", fields.maybe("modelVersion") or ""
        usage = fields.object("usageMetadata")
        candidates = fields.objects("candidates")
        self._begin(id, model, fields, events)
        for candidate in candidates:
            if not candidate.any("index"):
                self._candidate(candidate, events)
        if "promptFeedback" in fields.left and not candidates and not self.ended:
            self._finish("content_filter", None, events)
        if usage is not None and self.ended:
            events.append(UsageReport(usage=read_usage(usage)))

    def _begin(self, id: str, model: str, fields: Fields, events: list[Event]) -> None:
        if not self._begun:
            self._begun = True
            self._calls = Calls(call_prefix(id))
            events.append(Begin(id=id, model=model, dialect=NAME, extra=fields.extra()))

    def _candidate(self, candidate: Fields, events: list[Event]) -> None:
        content = candidate.object("content")
        if content is not None:
            for part in content.objects("parts"):
                for block in read_part(part, self._calls, []):
                    self._block(block, events)
        reason = candidate.maybe("finishReason")
        if reason is not None and not self.ended:
            self._finish(reason, candidate, events)

    def _block(self, block: Block, events: list[Event]) -> None:
        if isinstance(block, Text):
            self._text(block, events)
        elif isinstance(block, Thinking) and block.text:
            self._thought(block, events)
        elif isinstance(block, ToolUse):
            self._called = True
            at = self._start(msgspec.structs.replace(block, input_json=""), events)
            events.append(ToolDelta(index=at, json=block.input_json))
            self._end(events)
        else:
            self._start(block, events)
            self._end(events)

    def _text(self, block: Text, events: list[Event]) -> None:
        if not block.text:
            return
        if not isinstance(self._open, Text):
            self._start(Text(text=""), events)
        events.append(TextDelta(index=self._next - 1, text=block.text))

    def _thought(self, block: Thinking, events: list[Event]) -> None:
        if not isinstance(self._open, Thinking):
            self._start(Thinking(origin=block.origin), events)
        events.append(
            ThinkingDelta(
                index=self._next - 1, text=block.text, signature=block.signature, origin=block.origin
            )
        )

    def _start(self, block: Block, events: list[Event]) -> int:
        self._end(events)
        self._open = block
        events.append(BlockStart(index=self._next, block=block))
        self._next += 1
        return self._next - 1

    def _end(self, events: list[Event]) -> None:
        if self._open is not None:
            events.append(BlockEnd(index=self._next - 1))
            self._open = None

    def _finish(self, reason: str, candidate: Fields | None, events: list[Event]) -> None:
        self._end(events)
        self.ended = True
        if candidate is None:
            events.append(Finished(finish="content_filter"))
            return
        extra: Extra = {"candidate": raw(candidate.left)} if candidate.left else {}
        extra.update(read_reason(reason))
        events.append(Finished(finish=read_finish(reason, self._called), extra=extra))


class Writer:
    """A call is held until its arguments are whole; the finish until the usage is known."""

    content_type = sse.CONTENT_TYPE

    def __init__(self, conversation: Conversation) -> None:
        self._head: dict[str, Any] = {"modelVersion": conversation.model}
        self._around = self._without_text()
        self._own = False
        self._usage = Usage()
        self._finished: Finished | None = None
        self._calls: dict[int, tuple[ToolUse, list[str]]] = {}
        self._thoughts: dict[int, Thinking] = {}

    def write(self, event: Event) -> bytes:
        match event:
            case TextDelta():
                return self._around[0] + encode(event.text) + self._around[1]
            case ToolDelta():
                if event.index in self._calls:
                    self._calls[event.index][1].append(event.json)
                return b""
            case ThinkingDelta():
                return self._thought(event)
            case BlockStart():
                return self._start(event)
            case BlockEnd() if event.index in self._calls:
                return self._call(*self._calls.pop(event.index))
            case Begin():
                self._begin(event)
                return b""
            case Finished():
                self._usage = merged(self._usage, event.usage)
                self._finished = event
                return b""
            case UsageReport():
                self._usage = merged(self._usage, event.usage)
                return b""
            case End():
                return self._end()
            case StreamError():
                return sse.write(write_stream_error(event))
            case UnknownEvent() if event.origin == NAME:
                return sse.write(bytes(event.value), event.name)
            case _:
                return b""

    def _begin(self, event: Begin) -> None:
        self._own, self._usage = event.dialect == NAME, event.usage
        if event.model:
            self._head["modelVersion"] = event.model
        if event.id:
            self._head["responseId"] = event.id
        self._around = self._without_text()

    def _without_text(self) -> tuple[bytes, bytes]:
        """A chunk but for its text: most of a stream is chunks that differ in nothing else."""
        before, _, after = self._parts([{"text": ""}]).partition(b'"text":""')
        return before + b'"text":', after

    def _start(self, event: BlockStart) -> bytes:
        block = event.block
        if isinstance(block, ToolUse):
            self._calls[event.index] = (block, [block.input_json] if block.input_json else [])
            return b""
        if isinstance(block, Thinking):
            self._thoughts[event.index] = block
            if not block.text and block.signature is None and block.redacted is None:
                return b""
        if isinstance(block, Text) and not block.text:
            return b""
        parts = write_parts((block,), {}, own=self._own, to_client=True)
        return self._parts(parts) if parts else b""

    def _thought(self, event: ThinkingDelta) -> bytes:
        block = self._thoughts.get(event.index)
        origin = event.origin or (block.origin if block is not None else "")
        thought = Thinking(text=event.text, signature=event.signature, origin=origin)
        parts = write_parts((thought,), {}, own=self._own, to_client=True)
        return self._parts(parts)

    def _call(self, block: ToolUse, fragments: list[str]) -> bytes:
        whole = msgspec.structs.replace(block, input_json="".join(fragments) or "{}")
        return self._parts([write_call(whole, own=self._own, to_client=True)])

    def _parts(self, parts: list[Any]) -> bytes:
        return self._chunk({"content": {"role": "model", "parts": parts}, "index": 0})

    def _end(self) -> bytes:
        finished = self._finished or Finished(finish="error")
        extra = dict(finished.extra) if self._own else {}
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": ""}]}, "index": 0}
        candidate["finishReason"] = extra.pop("finishReason", FINISH_OUT[finished.finish])
        if "candidate" in extra:
            candidate.update(parse(bytes(extra.pop("candidate"))))
        return self._chunk(candidate, usageMetadata=write_usage(self._usage, own=self._own))

    def _chunk(self, candidate: dict[str, Any], **more: Any) -> bytes:
        return sse.write(encode({"candidates": [candidate], **self._head, **more}))
