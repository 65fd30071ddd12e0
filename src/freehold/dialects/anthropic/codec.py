"""The Messages codec: its parts put together, for Anthropic's own API and for Vertex."""

from __future__ import annotations

from collections.abc import Mapping

from freehold.dialects.anthropic.answer import read_answer, write_answer
from freehold.dialects.anthropic.errors import outcome, write_error
from freehold.dialects.anthropic.request import read_request, write_request
from freehold.dialects.anthropic.stream import SseReader, SseWriter
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
from freehold.types.conversation import Answer, Conversation
from freehold.types.names import DialectName


class Anthropic:
    name: DialectName = "anthropic"
    form = "anthropic"
    origin = "anthropic"
    answer_type = "application/json"

    def read_request(self, inbound: Inbound, body: bytes) -> Conversation:
        return read_request(inbound, body, self.origin)

    def write_request(self, conversation: Conversation, target: Target) -> WireRequest:
        return write_request(conversation, target)

    def read_answer(self, body: bytes) -> Answer:
        return read_answer(body, self.origin)

    def write_answer(self, answer: Answer, conversation: Conversation) -> bytes:
        return write_answer(answer, self.origin)

    def stream_reader(self) -> StreamReader:
        return SseReader(self.origin)

    def stream_writer(self, conversation: Conversation) -> StreamWriter:
        return SseWriter(self.origin)

    def outcome(self, status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
        return outcome(status, headers, body)

    def write_error(self, failure: Failure) -> WireReply:
        return write_error(failure)


class VertexClaude(Anthropic):
    """The same messages under Google's paths; what Google's Claude signs is Google's."""

    form = "vertex-claude"
    origin = "vertex"
