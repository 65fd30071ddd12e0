"""Server-sent events: framing only."""

from __future__ import annotations

from typing import Final

from freehold.dialects.base import DialectError

EVENT_BYTES_MAX = 16 * 1024 * 1024
CONTENT_TYPE = "text/event-stream"
_CR: Final = 13  # a number is looked for in bytes several times faster than a byte
_LF: Final = 10


class SseReader:
    """Bytes in, frames out, one for each event. Any chunking gives the same frames."""

    __slots__ = ("_buffer", "_parts", "_size")

    def __init__(self) -> None:
        self._buffer = b""
        self._parts: list[bytes] = []  # of an event that has not ended yet
        self._size = 0

    def frames(self, data: bytes) -> list[bytes]:
        """The whole frames in `data` and what came before it, without the blank line that ends each."""
        buffer = self._buffer + data if self._buffer else data
        if _CR in buffer:
            held = b"\r" if buffer.endswith(b"\r") else b""  # half of a CRLF may still be on its way
            buffer = buffer[: len(buffer) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n") + held
        frames = buffer.split(b"\n\n")
        rest = frames.pop()
        if not frames:
            # Set aside all but a tail that may hold half of the blank line, so that tiny chunks stay cheap.
            self._set_aside(rest)
            return frames
        if self._parts:
            frames[0] = b"".join((*self._parts, frames[0]))
            self._parts.clear()
        self._buffer = rest
        self._size = 0
        return frames

    def _set_aside(self, buffer: bytes) -> None:
        self._buffer = buffer[-2:]
        if len(buffer) > 2:
            self._parts.append(buffer[:-2])
            self._size += len(buffer) - 2
        if self._size > EVENT_BYTES_MAX:
            raise DialectError(
                "one streamed event is too large",
                why=f"it passed {EVENT_BYTES_MAX} bytes without ending",
                code="dialects.event-too-large",
                status=502,
            )

    def rest(self) -> bytes:
        """What came after the last whole frame, if it ends its line; half a line is nothing."""
        rest = b"".join((*self._parts, self._buffer)).replace(b"\r", b"\n")
        self._parts.clear()
        self._buffer = b""
        return rest.rstrip(b"\n") if rest.endswith(b"\n") else b""


def payload(frame: bytes) -> bytes:
    """What an event says; empty for comments and other frames without data."""
    line = frame.partition(b"\n")[2] if frame.startswith(b"event: ") else frame
    if line.startswith(b"data: ") and _LF not in line:
        return line[6:]
    return b"\n".join(_values(frame, b"data"))


def name(frame: bytes) -> str:
    """What an event is called; empty for most dialects."""
    names = _values(frame, b"event")
    return names[-1].decode("utf-8", "replace") if names else ""


def _values(frame: bytes, wanted: bytes) -> list[bytes]:
    values = []
    for line in frame.split(b"\n"):
        field, _, value = line.partition(b":")
        if field == wanted:
            values.append(value.removeprefix(b" "))
    return values


def write(data: bytes, name: str = "") -> bytes:
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + data + b"\n\n"
