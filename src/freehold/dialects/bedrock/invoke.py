"""Claude by InvokeModel: Anthropic's body and events, in Bedrock's paths, framing and errors."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

import msgspec

from freehold.dialects import eventstream
from freehold.dialects.anthropic.answer import read_answer, write_answer
from freehold.dialects.anthropic.request import read_request, write_body
from freehold.dialects.anthropic.stream import Events, Frames
from freehold.dialects.base import (
    JSON_HEADERS,
    Failure,
    Inbound,
    Outcome,
    StreamReader,
    StreamWriter,
    Target,
    WireReply,
    WireRequest,
)
from freehold.dialects.bedrock.errors import outcome, read_exception, write_error, write_exception
from freehold.dialects.bedrock.request import model_path
from freehold.dialects.bedrock.wire import decode_chunk
from freehold.dialects.fields import encode, fault
from freehold.types.conversation import Answer, Conversation, Event, StreamError
from freehold.types.names import DialectName

VERSION_DEFAULT = "bedrock-2023-05-31"
ORIGIN = "bedrock"


class BedrockInvoke:
    name: DialectName = "bedrock"
    form = "bedrock-invoke"
    origin = ORIGIN
    answer_type = "application/json"

    def read_request(self, inbound: Inbound, body: bytes) -> Conversation:
        return read_request(inbound, body, ORIGIN)

    def write_request(self, conversation: Conversation, target: Target) -> WireRequest:
        body = write_body(conversation, target, ORIGIN)
        body.setdefault("anthropic_version", VERSION_DEFAULT)
        call = "invoke-with-response-stream" if conversation.stream else "invoke"
        return WireRequest(path=model_path(target.model, call), body=encode(body), headers=JSON_HEADERS)

    def read_answer(self, body: bytes) -> Answer:
        return read_answer(body, ORIGIN)

    def write_answer(self, answer: Answer, conversation: Conversation) -> bytes:
        return write_answer(answer, ORIGIN)

    def stream_reader(self) -> StreamReader:
        return Reader()

    def stream_writer(self, conversation: Conversation) -> StreamWriter:
        return Writer()

    def outcome(self, status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
        return outcome(status, headers, body)

    def write_error(self, failure: Failure) -> WireReply:
        return write_error(failure)


class Reader:
    """`chunk` events whose base64 bytes are one event of Anthropic's each."""

    def __init__(self) -> None:
        self._frames = eventstream.EventStreamReader()
        self._events = Events(ORIGIN)
        self._failed = False

    @property
    def ended(self) -> bool:
        return self._events.ended

    def feed(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        for headers, payload in self._frames.feed(data):
            if headers.get(":message-type", "event") != "event":
                self._failed = True
                events.append(read_exception(headers, payload))
            elif headers.get(":event-type") == "chunk":
                self._events.take(unpack(payload), events)
        return events

    def close(self) -> list[Event]:
        if self._failed:
            return []
        if self._frames.partial:
            self._failed = True
            return [StreamError(kind="cut", message="the stream ended in the middle of a frame")]
        return self._events.close()


def unpack(payload: bytes) -> bytes:
    """The event inside a chunk."""
    try:
        return base64.b64decode(decode_chunk(payload).bytes, validate=True)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, binascii.Error, ValueError) as error:
        raise fault(f"a chunk of the stream: {error}", answer=True) from error


class Writer:
    content_type = eventstream.CONTENT_TYPE

    def __init__(self) -> None:
        self._frames = Frames(ORIGIN)

    def write(self, event: Event) -> bytes:
        if isinstance(event, StreamError):
            return write_exception(event)
        return b"".join(chunk(payload) for _, payload in self._frames.give(event))


def chunk(payload: bytes) -> bytes:
    body = encode({"bytes": base64.b64encode(payload).decode(), "p": ""})
    return eventstream.write_event("chunk", body)
