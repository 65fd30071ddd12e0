"""OpenAI chat completions, both ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from freehold.dialects import sse
from freehold.dialects.base import (
    DialectError,
    Failure,
    Inbound,
    Outcome,
    StreamReader,
    StreamWriter,
    Target,
    WireReply,
    WireRequest,
)
from freehold.types.conversation import (
    Answer,
    Begin,
    BlockEnd,
    BlockStart,
    Conversation,
    End,
    Event,
    Finish,
    Finished,
    StreamError,
    Text,
    TextDelta,
    Turn,
    Usage,
    UsageReport,
)
from freehold.types.names import DialectName

PATH = "/v1/chat/completions"
_JSON = {"content-type": "application/json"}
_FINISH_OUT: dict[Finish, str] = {
    "stop": "stop", "stop_sequence": "stop", "length": "length", "tool_use": "tool_calls",
    "content_filter": "content_filter", "refusal": "stop", "pause": "stop", "error": "stop",
}  # fmt: skip
_FINISH_IN: dict[str, Finish] = {
    "stop": "stop", "length": "length", "tool_calls": "tool_use", "content_filter": "content_filter",
}  # fmt: skip
_ERROR_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "requests"}


class _Message(msgspec.Struct):
    role: Literal["system", "developer", "user", "assistant"]
    content: str


class _StreamOptions(msgspec.Struct):
    include_usage: bool = False


class _Request(msgspec.Struct, omit_defaults=True):
    model: str
    messages: list[_Message]
    stream: bool = False
    stream_options: _StreamOptions | None = None
    max_completion_tokens: int | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: str | list[str] | None = None
    user: str | None = None


class _Details(msgspec.Struct):
    cached_tokens: int = 0


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _Details | None = None


class _Body(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Body = msgspec.field(default_factory=_Body)
    delta: _Body = msgspec.field(default_factory=_Body)
    finish_reason: str | None = None


class _Wire(msgspec.Struct):
    """A whole answer or one chunk; they differ in `message` and `delta`."""

    id: str = ""
    model: str = ""
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: msgspec.Raw | None = None


_read_request = msgspec.json.Decoder(_Request)
_read_wire = msgspec.json.Decoder(_Wire)


class OpenAI:
    name: DialectName = "openai"

    def read_request(self, inbound: Inbound, body: bytes) -> Conversation:
        try:
            wire = _read_request.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DialectError(
                "the request is not a chat completion", why=str(error), code="dialects.bad-request"
            ) from error
        said = [(message.role, Text(text=message.content)) for message in wire.messages]
        return Conversation(
            model=wire.model,
            system=tuple(text for role, text in said if role in ("system", "developer")),
            turns=tuple(
                Turn(role="assistant" if role == "assistant" else "user", blocks=(text,))
                for role, text in said
                if role in ("user", "assistant")
            ),
            max_tokens=wire.max_completion_tokens or wire.max_tokens,
            temperature=wire.temperature,
            top_p=wire.top_p,
            stop=(wire.stop,) if isinstance(wire.stop, str) else tuple(wire.stop or ()),
            stream=wire.stream,
            stream_usage=bool(wire.stream_options and wire.stream_options.include_usage),
            user=wire.user,
            dialect=self.name,
        )

    def write_request(self, conversation: Conversation, target: Target) -> WireRequest:
        messages = [_Message("system", text.text) for text in conversation.system if isinstance(text, Text)]
        for turn in conversation.turns:
            text = "".join(block.text for block in turn.blocks if isinstance(block, Text))
            messages.append(_Message("assistant" if turn.role == "assistant" else "user", text))
        body = _Request(
            model=target.model,
            messages=messages,
            stream=conversation.stream,
            stream_options=_StreamOptions(include_usage=True) if conversation.stream else None,
            max_completion_tokens=conversation.max_tokens,
            temperature=conversation.temperature,
            top_p=conversation.top_p,
            stop=list(conversation.stop) or None,
            user=conversation.user,
        )
        return WireRequest(path=PATH, body=msgspec.json.encode(body), headers=_JSON)

    def read_answer(self, body: bytes) -> Answer:
        wire = _decode(body)
        if not wire.choices:
            raise _unreadable("it has no choices")
        choice = wire.choices[0]
        return Answer(
            id=wire.id,
            model=wire.model,
            blocks=(Text(text=choice.message.content or ""),),
            finish=_FINISH_IN.get(choice.finish_reason or "", "error"),
            usage=_usage_in(wire.usage),
            dialect=self.name,
        )

    def write_answer(self, answer: Answer, conversation: Conversation) -> bytes:
        text = "".join(block.text for block in answer.blocks if isinstance(block, Text))
        return msgspec.json.encode(
            {
                "id": answer.id, "object": "chat.completion", "created": 0, "model": answer.model,
                "choices": [{
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "finish_reason": _FINISH_OUT[answer.finish],
                }],
                "usage": _usage_out(answer.usage),
            }
        )  # fmt: skip

    def stream_reader(self) -> StreamReader:
        return _Reader()

    def stream_writer(self, conversation: Conversation) -> StreamWriter:
        return _Writer(conversation.stream_usage)

    def outcome(self, status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
        if status < 400:
            return Outcome(action="answer", kind="ok", status=status)
        if status == 429:
            return Outcome(action="next_home", kind="rate_limited", status=status)
        if status in (401, 403, 404) or status >= 500:
            return Outcome(action="next_home", kind="unavailable", status=status)
        return Outcome(action="client_fault", kind="bad_request", status=status)

    def write_error(self, failure: Failure) -> WireReply:
        kind = _ERROR_TYPES.get(
            failure.status, "invalid_request_error" if failure.status < 500 else "server_error"
        )
        body = {"error": {"message": failure.message, "type": kind, "param": None, "code": failure.code}}
        return WireReply(
            status=failure.status,
            body=msgspec.json.encode(body),
            headers=_JSON,
        )


class _Reader:
    """One stream of chunks: opened by its first frame, ended by a finish reason, closed by [DONE]."""

    def __init__(self) -> None:
        self._frames = sse.SseReader()
        self._begun = False
        self._in_block = False
        self.ended = False

    def feed(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        for _, frame in self._frames.feed(data):
            if frame == b"[DONE]":
                events.append(End())
            else:
                self._chunk(_decode(frame), events)
        return events

    def _chunk(self, wire: _Wire, events: list[Event]) -> None:
        if wire.error is not None:
            events.append(StreamError(kind="upstream", message=bytes(wire.error).decode("utf-8", "replace")))
            return
        if not self._begun:
            self._begun = True
            events.append(Begin(id=wire.id, model=wire.model))
        for choice in wire.choices[:1]:
            if choice.delta.content:
                if not self._in_block:
                    self._in_block = True
                    events.append(BlockStart(index=0, block=Text(text="")))
                events.append(TextDelta(index=0, text=choice.delta.content))
            if choice.finish_reason is not None:
                if self._in_block:
                    events.append(BlockEnd(index=0))
                self.ended = True
                events.append(Finished(finish=_FINISH_IN.get(choice.finish_reason, "error")))
        if wire.usage is not None:
            events.append(UsageReport(usage=_usage_in(wire.usage)))

    def close(self) -> list[Event]:
        if self.ended:
            return []
        return [StreamError(kind="cut", message="the stream ended without a finish reason")]


class _Writer:
    content_type = "text/event-stream"

    def __init__(self, with_usage: bool) -> None:
        self._with_usage = with_usage
        self._head: dict[str, Any] = {"id": "", "object": "chat.completion.chunk", "created": 0, "model": ""}

    def write(self, event: Event) -> bytes:
        match event:
            case Begin():
                self._head = {**self._head, "id": event.id, "model": event.model}
                return self._chunk({"role": "assistant", "content": ""})
            case TextDelta():
                return self._chunk({"content": event.text})
            case Finished():
                return self._chunk({}, _FINISH_OUT[event.finish])
            case UsageReport() if self._with_usage:
                body = {**self._head, "choices": [], "usage": _usage_out(event.usage)}
                return sse.write(msgspec.json.encode(body))
            case StreamError():
                error = {"error": {"message": event.message, "type": "server_error", "code": event.kind}}
                return sse.write(msgspec.json.encode(error))
            case End():
                return sse.write(b"[DONE]")
            case _:
                return b""

    def _chunk(self, delta: dict[str, str], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return sse.write(msgspec.json.encode({**self._head, "choices": [choice]}))


def _decode(body: bytes) -> _Wire:
    try:
        return _read_wire.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unreadable(str(error)) from error


def _unreadable(why: str) -> DialectError:
    return DialectError(
        "the home's answer cannot be read", why=why, code="dialects.unreadable-answer", status=502
    )


def _usage_in(wire: _Usage | None) -> Usage:
    if wire is None:
        return Usage()
    cached = wire.prompt_tokens_details.cached_tokens if wire.prompt_tokens_details else 0
    return Usage(fresh=wire.prompt_tokens - cached, cache_read=cached, output=wire.completion_tokens)


def _usage_out(usage: Usage) -> dict[str, object] | None:
    if usage.fresh is None or usage.output is None:
        return None
    prompt = usage.fresh + (usage.cache_read or 0) + (usage.cache_write or 0)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": usage.output,
        "total_tokens": prompt + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read or 0},
    }
