"""A streamed chat completion, read and written."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from freehold.dialects import sse
from freehold.dialects.carry import tag_id, untag_id
from freehold.dialects.fields import Fields, encode, fault, given
from freehold.dialects.openai.answer import FINISH_IN, FINISH_OUT, NAME, read_usage, write_usage
from freehold.dialects.openai.wire import CallDelta, Chunk, Delta, FunctionDelta, decode_chunk
from freehold.dialects.reader import EventReader
from freehold.dialects.usage import merged
from freehold.types.conversation import (
    Begin,
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

DONE: Final = b"[DONE]"
_TEXT: Final = Text(text="")
_THINKING: Final = Thinking(origin=NAME)


class Reader(EventReader):
    """Opened by its first chunk, ended by a finish reason, closed by [DONE]."""

    def __init__(self) -> None:
        super().__init__()
        self._id = ""
        self._begun = self._refused = False
        self._next = 0  # index of the next block
        self._open = 0  # index of the block that is open
        # What is open: Text, Thinking, the wire's index of a tool call, or None.
        self._kind: object = None
        self._calls: dict[int, int] = {}  # the wire's index of a tool call to our block's

    def take(self, payload: bytes, frame: bytes, events: list[Event]) -> None:
        if payload == DONE:
            if self.ended and not self._closed:
                self._closed = True
                events.append(End())
            return
        try:
            chunk = decode_chunk(payload)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as broken:
            raise fault(f"a chunk of the stream: {broken}", answer=True) from broken
        if (error := given(chunk.error)) is not None:
            self._failed = True
            events.append(read_stream_error(error))
        elif not chunk.choices and not self._begun and given(chunk.usage) is None:
            events.append(UnknownEvent(origin=NAME, name=sse.name(frame), value=msgspec.Raw(payload)))
        else:
            self._chunk(chunk, payload, events)

    def _chunk(self, chunk: Chunk, payload: bytes, events: list[Event]) -> None:
        if not self._begun:
            self._begun = True
            self._id = chunk.id or ""
            events.append(Begin(id=self._id, model=chunk.model or "", dialect=NAME, extra=_head(payload)))
        for choice in chunk.choices or ():
            if choice.index != 0:
                continue
            if choice.delta is not None:
                self._delta(choice.delta, events)
            if choice.finish_reason is not None and not self.ended:
                self._finish(choice.finish_reason, events)
        if (spent := given(chunk.usage)) is not None:
            usage = read_usage(Fields.of(spent, answer=True))
            events.append(UsageReport(usage=usage))

    def _delta(self, delta: Delta, events: list[Event]) -> None:
        if thought := delta.reasoning_content or delta.reasoning:
            at = self._open if self._kind is Thinking else self._block(Thinking, _THINKING, events)
            events.append(ThinkingDelta(index=at, text=thought))
        if text := delta.content or delta.refusal:
            if delta.refusal:
                self._refused = True
            at = self._open if self._kind is Text else self._block(Text, _TEXT, events)
            events.append(TextDelta(index=at, text=text))
        for call in delta.tool_calls or ():
            self._call(call, events)

    def _call(self, call: CallDelta, events: list[Event]) -> None:
        function = call.function or FunctionDelta()
        at = self._calls.get(call.index)
        if at is None:
            if not function.name:
                raise fault(f"tool call {call.index} has no name", answer=True)
            id, signature, origin = untag_id(call.id or f"call_{self._id}_{call.index}")
            block = ToolUse(id=id, name=function.name, input_json="", signature=signature, origin=origin)
            at = self._calls[call.index] = self._block(call.index, block, events)
        if function.arguments:
            events.append(ToolDelta(index=at, json=function.arguments))

    def _block(self, kind: object, block: Text | Thinking | ToolUse, events: list[Event]) -> int:
        """Opens a block, and closes the one before; gives its index."""
        self._close_block(events)
        self._open, self._kind = self._next, kind
        self._next += 1
        events.append(BlockStart(index=self._open, block=block))
        return self._open

    def _close_block(self, events: list[Event]) -> None:
        if self._kind is not None:
            events.append(BlockEnd(index=self._open))
            self._kind = None

    def _finish(self, reason: str, events: list[Event]) -> None:
        self._close_block(events)
        self.ended = True
        finish = FINISH_IN.get(reason, "error")
        if finish == "stop" and self._calls:
            finish = "tool_use"  # some servers say "stop" after a tool call; the calls are what happened
        elif finish == "stop" and self._refused:
            finish = "refusal"
        events.append(Finished(finish=finish))


def _head(payload: bytes) -> Extra:
    fields = Fields.of(payload, answer=True)
    for name in ("id", "object", "model", "choices", "usage"):
        fields.any(name)
    return fields.extra()


def read_stream_error(body: bytes) -> StreamError:
    try:
        error = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        error = body.decode("utf-8", "replace")
    if not isinstance(error, dict):
        return StreamError(kind="upstream", message=str(error))
    kind = error.get("code") or error.get("type") or "upstream"
    status = error.get("code")
    return StreamError(
        kind=str(kind), message=str(error.get("message") or ""),
        status=status if type(status) is int and 400 <= status < 600 else None,
    )  # fmt: skip


class Writer:
    content_type = sse.CONTENT_TYPE

    def __init__(self, conversation: Conversation) -> None:
        self._with_usage = conversation.stream_usage
        self._head: dict[str, Any] = {
            "id": "", "object": "chat.completion.chunk", "created": conversation.asked_s, "model": "",
        }  # fmt: skip
        self._around = self._without_text()
        self._calls: dict[int, int] = {}
        self._usage = Usage()

    def write(self, event: Event) -> bytes:
        match event:
            case TextDelta():
                return self._around[0] + encode(event.text) + self._around[1]
            case ToolDelta():
                if event.index not in self._calls:
                    return b""
                call = {"index": self._calls[event.index], "function": {"arguments": event.json}}
                return self._chunk({"tool_calls": [call]})
            case ThinkingDelta() if event.text:
                return self._chunk({"reasoning_content": event.text})
            case BlockStart():
                return self._start(event)
            case Begin():
                extra = event.extra if event.dialect == NAME else {}
                self._head = {**self._head, "id": event.id, "model": event.model, **extra}
                self._around = self._without_text()
                self._usage = event.usage
                return self._chunk({"role": "assistant", "content": ""})
            case Finished():
                self._usage = merged(self._usage, event.usage)
                return self._chunk({}, FINISH_OUT[event.finish])
            case UsageReport():
                self._usage = merged(self._usage, event.usage)
                return b""
            case UnknownEvent() if event.origin == NAME:
                return sse.write(bytes(event.value), event.name)
            case StreamError():
                error = {"message": event.message, "type": "server_error", "param": None, "code": event.kind}
                return sse.write(encode({"error": error}))
            case End():
                return self._end()
            case _:
                return b""

    def _without_text(self) -> tuple[bytes, bytes]:
        """A chunk but for its text: most of a stream is chunks that differ in nothing else."""
        before, _, after = self._chunk({"content": ""}).rpartition(b'"content":""')
        return before + b'"content":', after

    def _start(self, event: BlockStart) -> bytes:
        block = event.block
        if isinstance(block, Text) and block.text:
            return self._chunk({"content": block.text})
        if not isinstance(block, ToolUse):
            return b""
        at = self._calls[event.index] = len(self._calls)
        id = tag_id(block.id, block.signature, block.origin)
        function = {"name": block.name, "arguments": block.input_json}
        return self._chunk(
            {"tool_calls": [{"index": at, "id": id, "type": "function", "function": function}]}
        )

    def _end(self) -> bytes:
        usage = write_usage(self._usage) if self._with_usage else None
        last = sse.write(encode({**self._head, "choices": [], "usage": usage})) if usage else b""
        return last + sse.write(DONE)

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        choices = [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
        return sse.write(encode({**self._head, "choices": choices}))
