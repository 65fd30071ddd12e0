"""A streamed response, read and written.

Every event carries its type and a sequence number; there is no [DONE]. Some servers send a call's arguments
only in `.done`, and quota errors come as events after `response.created`.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from freehold.dialects import sse
from freehold.dialects.fields import Fields, encode, fault, given, raw
from freehold.dialects.reader import EventReader
from freehold.dialects.responses.answer import (
    closing,
    envelope,
    output_item,
    read_response,
    write_usage,
)
from freehold.dialects.responses.items import NAME, read_item, text_part
from freehold.dialects.responses.wire import WireEvent, decode_event, decode_kind
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
    Opaque,
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

_TEXT: Final = (
    b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":'
)
_DELTA: Final = b',"delta":'
_AFTER_TEXT: Final = b',"logprobs":[]}\n\n'
_TERMINAL = ("response.completed", "response.incomplete", "response.failed")
_SILENT = frozenset({
    "response.in_progress", "response.queued", "response.content_part.added", "response.content_part.done",
    "response.output_text.done",
    "response.reasoning_summary_part.added", "response.reasoning_summary_part.done",
    "response.reasoning_summary_text.done", "response.reasoning_text.done", "response.refusal.done",
})  # fmt: skip


class _Item:
    """An output item while it streams: the blocks it has become so far."""

    __slots__ = ("arguments", "head", "index", "opened", "part", "summary", "thought")

    def __init__(self) -> None:
        self.index = -1  # of the block that is open
        self.opened = False
        self.part: int | None = None
        self.arguments = False
        self.head = Text(text="")  # the first part of a message, as it is opened
        self.thought = False
        self.summary = 0


class Reader(EventReader):
    finish = "response.completed"

    def __init__(self) -> None:
        super().__init__()
        self._items: dict[int, _Item] = {}
        self._next = 0
        self._begun = False

    def take(self, payload: bytes, frame: bytes, events: list[Event]) -> None:
        if payload == b"[DONE]" or self.ended:
            return
        try:
            kind = decode_kind(payload).type or sse.name(frame)
            if kind not in _READ:
                if kind not in _SILENT:
                    events.append(UnknownEvent(origin=NAME, name=kind, value=msgspec.Raw(payload)))
                return
            event = decode_event(payload)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise fault(f"an event of the stream: {error}", answer=True) from error
        _READ[kind](self, event, events)

    def _created(self, event: WireEvent, events: list[Event]) -> None:
        response = given(event.response)
        if self._begun or response is None:
            return
        self._begun = True
        fields = Fields.of(response, answer=True)
        id, model = fields.maybe("id") or "", fields.maybe("model") or ""
        for name in ("object", "output", "status", "usage", "error", "incomplete_details"):
            fields.any(name)
        events.append(Begin(id=id, model=model, dialect=NAME, extra=fields.extra()))

    def _item_added(self, event: WireEvent, events: list[Event]) -> None:
        item = self._items[event.output_index] = _Item()
        block = self._block_of(event)
        if isinstance(block, Text):
            item.head = block
        elif isinstance(block, Thinking):
            self._open(item, msgspec.structs.replace(block, text="", signature=None), events)
        elif isinstance(block, ToolUse):
            item.arguments = block.input_json not in ("", "{}")
            given = block.input_json if item.arguments else ""
            self._open(item, msgspec.structs.replace(block, input_json=""), events)
            if given:
                events.append(ToolDelta(index=item.index, json=given))

    def _block_of(self, event: WireEvent) -> Block | None:
        item = given(event.item)
        if item is None:
            raise fault("an output item event without its item", answer=True)
        fields = Fields.of(item, answer=True)
        if fields.left.get("type") == "message":
            for name in ("type", "role", "content", "status"):
                fields.any(name)
            # Its parts are opened as they come; what else the item says goes with the first.
            return Text(text="", extra={"item": raw(fields.left)} if fields.left else {})
        return next(iter(read_item(fields, [])[1]), None)

    def _text(self, event: WireEvent, events: list[Event]) -> None:
        item = self._items.setdefault(event.output_index, _Item())
        if not item.opened or item.part != event.content_index:
            self._shut(item, events)
            item.part = event.content_index
            self._open(item, item.head, events)
            item.head = Text(text="")
        events.append(TextDelta(index=item.index, text=event.delta or ""))

    def _thought(self, event: WireEvent, events: list[Event]) -> None:
        item = self._items.setdefault(event.output_index, _Item())
        if not item.opened:
            self._open(item, Thinking(origin=NAME), events)
        text = event.delta or ""
        if item.thought and event.summary_index != item.summary:
            text = f"\n\n{text}"  # summaries of one item are paragraphs of one thought
        item.summary, item.thought = event.summary_index, True
        events.append(ThinkingDelta(index=item.index, text=text))

    def _arguments(self, event: WireEvent, events: list[Event]) -> None:
        item = self._items.setdefault(event.output_index, _Item())
        if not item.opened:
            raise fault("arguments of a call that was not opened", answer=True)
        item.arguments = True
        events.append(ToolDelta(index=item.index, json=event.delta or ""))

    def _arguments_done(self, event: WireEvent, events: list[Event]) -> None:
        item = self._items.get(event.output_index)
        if item is not None and item.opened and not item.arguments and event.arguments:
            item.arguments = True
            events.append(ToolDelta(index=item.index, json=event.arguments))

    def _item_done(self, event: WireEvent, events: list[Event]) -> None:
        item = self._items.setdefault(event.output_index, _Item())
        block = self._block_of(event)
        if isinstance(block, ToolUse):
            if not item.opened:
                self._open(item, msgspec.structs.replace(block, input_json=""), events)
            if not item.arguments and block.input_json not in ("", "{}"):
                events.append(ToolDelta(index=item.index, json=block.input_json))
        elif isinstance(block, Thinking):
            self._thinking_done(item, block, events)
        elif isinstance(block, Opaque) and not item.opened:
            self._open(item, block, events)
        elif isinstance(block, Text) and not item.opened and item.index < 0:
            self._message_done(item, event, events)
        self._shut(item, events)

    def _message_done(self, item: _Item, event: WireEvent, events: list[Event]) -> None:
        """A message that came whole, without deltas."""
        for block in read_item(Fields.of(given(event.item) or b"{}", answer=True), [])[1]:
            if isinstance(block, Text):
                self._open(item, Text(text=""), events)
                events.append(TextDelta(index=item.index, text=block.text))
                self._shut(item, events)

    def _thinking_done(self, item: _Item, block: Thinking, events: list[Event]) -> None:
        if not item.opened:
            self._open(item, msgspec.structs.replace(block, text="", signature=None), events)
        text = "" if item.thought else block.text
        if text or block.signature is not None:
            events.append(
                ThinkingDelta(index=item.index, text=text, signature=block.signature, origin=block.origin)
            )

    def _open(self, item: _Item, block: Block, events: list[Event]) -> None:
        item.index, item.opened = self._next, True
        self._next += 1
        events.append(BlockStart(index=item.index, block=block))

    def _shut(self, item: _Item, events: list[Event]) -> None:
        if item.opened:
            item.opened = False
            events.append(BlockEnd(index=item.index))

    def _terminal(self, event: WireEvent, events: list[Event]) -> None:
        response = given(event.response)
        if response is None:
            raise fault("a terminal event without its response", answer=True)
        fields = Fields.of(response, answer=True)
        error = fields.left.get("error")
        if event.type == "response.failed" or fields.left.get("status") == "failed":
            self._failed = True
            events.append(_error_of(error))
            return
        for item in self._items.values():
            self._shut(item, events)
        answer = read_response(fields)
        self.ended = self._closed = True
        finished = Finished(finish=answer.finish, extra=answer.extra)
        events += [finished, UsageReport(usage=answer.usage), End()]

    def _error(self, event: WireEvent, events: list[Event]) -> None:
        self._failed = True
        if (error := given(event.error)) is not None:
            events.append(_error_of(Fields.of(error, answer=True).left))
        else:
            events.append(_error_of({"code": event.code, "message": event.message}))


_READ = {
    "response.created": Reader._created,
    "response.output_item.added": Reader._item_added,
    "response.output_text.delta": Reader._text,
    "response.refusal.delta": Reader._text,
    "response.reasoning_summary_text.delta": Reader._thought,
    "response.reasoning_text.delta": Reader._thought,
    "response.function_call_arguments.delta": Reader._arguments,
    "response.function_call_arguments.done": Reader._arguments_done,
    "response.output_item.done": Reader._item_done,
    "error": Reader._error,
    **dict.fromkeys(_TERMINAL, Reader._terminal),
}


def _error_of(error: object) -> StreamError:
    given: dict[str, Any] = error if isinstance(error, dict) else {}
    kind = given.get("code") or given.get("type") or "server_error"
    return StreamError(kind=str(kind), message=str(given.get("message") or ""))


class _Place:
    """A block that is open: its place in the output, and what it has said so far."""

    __slots__ = ("at", "before", "block", "said")

    def __init__(self, at: int, block: Block, before: bytes) -> None:
        self.at = at
        self.block = block
        self.said: list[str] = []
        self.before = before  # a delta, from its number to its text: most of a stream differs in nothing else


class Writer:
    content_type = sse.CONTENT_TYPE

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._sequence = 0
        self._own = False
        self._body: dict[str, Any] = envelope("", conversation.model, conversation)
        self._open: dict[int, _Place] = {}
        self._output: list[object] = []
        self._places = 0
        self._signatures: dict[int, ThinkingDelta] = {}
        self._usage = Usage()
        self._finished: Finished | None = None
        self._extra: Extra = {}

    def write(self, event: Event) -> bytes:
        match event:
            case TextDelta():
                return self._text(event)
            case ToolDelta():
                return self._arguments(event)
            case ThinkingDelta():
                return self._thought(event)
            case BlockStart():
                return self._start(event)
            case BlockEnd() if event.index in self._open:
                return self._stop(event.index)
            case Begin():
                return self._begin(event)
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
                return self._fail(event)
            case UnknownEvent() if event.origin == NAME:
                return sse.write(bytes(event.value), event.name)
            case _:
                return b""

    def _frame(self, kind: str, **body: Any) -> bytes:
        payload = encode({"type": kind, "sequence_number": self._sequence, **body})
        self._sequence += 1
        return sse.write(payload, kind)

    def _begin(self, event: Begin) -> bytes:
        self._own, self._usage = event.dialect == NAME, event.usage
        self._body = envelope(event.id, event.model, self._conversation)
        if self._own:
            self._body.update(event.extra)
        created = self._frame("response.created", response=self._body)
        return created + self._frame("response.in_progress", response=self._body)

    def _start(self, event: BlockStart) -> bytes:
        block = event.block
        if isinstance(block, Opaque) and block.origin != NAME:
            return b""
        if not isinstance(block, Text | Thinking | ToolUse | Opaque):
            return b""
        place = self._places
        self._places += 1
        first = block.input_json if isinstance(block, ToolUse) else ""
        if isinstance(block, ToolUse):
            block = msgspec.structs.replace(block, input_json="")
        self._open[event.index] = _Place(place, block, b"," + encode(self._at(place, "msg"))[1:-1] + _DELTA)
        opened = self._added(place, block)
        if first:
            opened += self._arguments(ToolDelta(index=event.index, json=first))
        if isinstance(block, Text) and block.text:
            opened += self._text(TextDelta(index=event.index, text=block.text))
        return opened

    def _added(self, place: int, block: Block) -> bytes:
        id = self._body["id"]
        item = output_item(block, id, place, own=self._own)
        if isinstance(block, Text) and isinstance(item, dict):
            item = {**item, "status": "in_progress", "content": []}
        elif isinstance(block, ToolUse) and isinstance(item, dict):
            item = {**item, "status": "in_progress"}
        added = self._frame("response.output_item.added", output_index=place, item=item)
        if not isinstance(block, Text):
            return added
        return added + self._frame(
            "response.content_part.added", **self._at(place, "msg"), part=text_part("")
        )

    def _at(self, place: int, prefix: str, name: str = "content_index") -> dict[str, Any]:
        at: dict[str, Any] = {"item_id": f"{prefix}_{self._body['id']}_{place}", "output_index": place}
        return {**at, name: 0} if name else at

    def _text(self, event: TextDelta) -> bytes:
        opened = self._open.get(event.index)
        if opened is None:
            return b""
        opened.said.append(event.text)
        number = encode(self._sequence)
        self._sequence += 1
        return _TEXT + number + opened.before + encode(event.text) + _AFTER_TEXT

    def _arguments(self, event: ToolDelta) -> bytes:
        opened = self._open.get(event.index)
        if opened is None or not isinstance(opened.block, ToolUse):
            return b""
        opened.said.append(event.json)
        at = self._at(opened.at, "fc", "")
        return self._frame("response.function_call_arguments.delta", **at, delta=event.json)

    def _thought(self, event: ThinkingDelta) -> bytes:
        opened = self._open.get(event.index)
        if opened is None:
            return b""
        if event.signature is not None:
            self._signatures[event.index] = event
        if not event.text:
            return b""
        first = b""
        at = self._at(opened.at, "rs", "summary_index")
        if not opened.said:
            part = {"type": "summary_text", "text": ""}
            first = self._frame("response.reasoning_summary_part.added", **at, part=part)
        opened.said.append(event.text)
        return first + self._frame("response.reasoning_summary_text.delta", **at, delta=event.text)

    def _stop(self, index: int) -> bytes:
        opened = self._open.pop(index)
        place, block, said = opened.at, opened.block, opened.said
        whole = "".join(said)
        done = b""
        match block:
            case Text():
                block = msgspec.structs.replace(block, text=whole)
                at = self._at(place, "msg")
                done = self._frame("response.output_text.done", **at, text=whole, logprobs=[])
                done += self._frame("response.content_part.done", **at, part=text_part(whole))
            case ToolUse():
                block = msgspec.structs.replace(block, input_json=whole or "{}")
                done = self._frame("response.function_call_arguments.done", **self._at(place, "fc", ""),
                                   name=block.name, arguments=block.input_json)  # fmt: skip
            case Thinking():
                block = msgspec.structs.replace(block, text=whole or block.text)
                if (signed := self._signatures.pop(index, None)) is not None:
                    origin = signed.origin or block.origin
                    block = msgspec.structs.replace(block, signature=signed.signature, origin=origin)
                if said:
                    done = self._thought_done(place, whole)
        item = output_item(block, self._body["id"], place, own=self._own)
        self._output.append(item)
        return done + self._frame("response.output_item.done", output_index=place, item=item)

    def _thought_done(self, place: int, whole: str) -> bytes:
        at = self._at(place, "rs", "summary_index")
        done = self._frame("response.reasoning_summary_text.done", **at, text=whole)
        part = {"type": "summary_text", "text": whole}
        return done + self._frame("response.reasoning_summary_part.done", **at, part=part)

    def _end(self) -> bytes:
        finished = self._finished or Finished(finish="error")
        last = b"".join(self._stop(index) for index in list(self._open))
        body = {**self._body, **closing(finished.finish), "output": self._output}
        body["usage"] = write_usage(self._usage)
        if self._own:
            body.update(finished.extra)
        kind = f"response.{body['status']}"
        return last + self._frame(kind, response=body)

    def _fail(self, event: StreamError) -> bytes:
        error = {"code": event.kind, "message": event.message}
        return self._frame("response.failed", response={**self._body, "status": "failed", "error": error})
