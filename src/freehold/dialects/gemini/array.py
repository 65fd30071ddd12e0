"""A stream as Google gives it without `alt=sse`: one JSON array that grows, chunk by chunk."""

from __future__ import annotations

from typing import Final

from freehold.dialects.base import StreamWriter
from freehold.dialects.gemini.codec import Gemini
from freehold.dialects.gemini.stream import Writer
from freehold.types.conversation import Conversation, End, Event, StreamError

_DATA: Final = b"data: "


class ArrayWriter:
    """The chunks of the SSE form, with brackets and commas around them."""

    content_type = "application/json; charset=UTF-8"

    def __init__(self, conversation: Conversation) -> None:
        self._writer = Writer(conversation)
        self._begun = False

    def write(self, event: Event) -> bytes:
        chunks = [
            self._chunk(line) for line in self._writer.write(event).split(b"\n") if line.startswith(_DATA)
        ]
        if isinstance(event, End | StreamError):  # nothing comes after an error
            chunks.append(b"\r\n]" if self._begun else b"[]")
        return b"".join(chunks)

    def _chunk(self, line: bytes) -> bytes:
        before, self._begun = (b",\r\n" if self._begun else b"["), True
        return before + line[len(_DATA) :]


class GeminiArray(Gemini):
    form = "gemini-array"

    def stream_writer(self, conversation: Conversation) -> StreamWriter:
        return ArrayWriter(conversation)
