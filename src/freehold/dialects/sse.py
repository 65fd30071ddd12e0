"""Server-sent events: framing only."""

from __future__ import annotations

from freehold.dialects.base import DialectError

EVENT_BYTES_MAX = 16 * 1024 * 1024


class SseReader:
    """Bytes in, (event name, data) pairs out. Any chunking gives the same pairs; comments are skipped."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[tuple[str, bytes]]:
        buffer = self._buffer + data if self._buffer else data
        if b"\r" in buffer:
            held = b"\r" if buffer.endswith(b"\r") else b""  # half of a CRLF may still be on its way
            buffer = buffer[: len(buffer) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n") + held
        *frames, self._buffer = buffer.split(b"\n\n")
        if len(self._buffer) > EVENT_BYTES_MAX:
            raise DialectError(
                "one streamed event is too large",
                why=f"it passed {EVENT_BYTES_MAX} bytes without ending",
                code="dialects.event-too-large",
                status=502,
            )
        return [pair for frame in frames if (pair := _parse(frame)) is not None]


def _parse(frame: bytes) -> tuple[str, bytes] | None:
    name, data = "", []
    for line in frame.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value[1:] if value.startswith(b" ") else value
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
    return (name, b"\n".join(data)) if data else None


def write(data: bytes, name: str = "") -> bytes:
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + data + b"\n\n"
