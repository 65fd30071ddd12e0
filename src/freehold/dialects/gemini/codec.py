"""The generateContent codec: its parts put together."""

from __future__ import annotations

from collections.abc import Mapping

from freehold.dialects.base import (
    Failure,
    Inbound,
    Outcome,
    StreamReader,
    StreamWriter,
    Target,
    WireReply,
    WireRequest,
)
from freehold.dialects.gemini.answer import read_answer, write_answer
from freehold.dialects.gemini.errors import outcome, write_error
from freehold.dialects.gemini.request import read_request, write_request
from freehold.dialects.gemini.stream import Reader, Writer
from freehold.types.conversation import Answer, Conversation
from freehold.types.names import DialectName


class Gemini:
    name: DialectName = "gemini"
    form = "gemini"
    origin = "gemini"
    answer_type = "application/json"

    def read_request(self, inbound: Inbound, body: bytes) -> Conversation:
        return read_request(inbound, body)

    def write_request(self, conversation: Conversation, target: Target) -> WireRequest:
        return write_request(conversation, target)

    def read_answer(self, body: bytes) -> Answer:
        return read_answer(body)

    def write_answer(self, answer: Answer, conversation: Conversation) -> bytes:
        return write_answer(answer, conversation)

    def stream_reader(self) -> StreamReader:
        return Reader()

    def stream_writer(self, conversation: Conversation) -> StreamWriter:
        return Writer(conversation)

    def outcome(self, status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
        return outcome(status, headers, body)

    def write_error(self, failure: Failure) -> WireReply:
        return write_error(failure)
