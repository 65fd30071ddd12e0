"""Server-sent events: framing only."""

from __future__ import annotations

from freehold.dialects.base import DialectError

EVENT_BYTES_MAX = 16 * 1024 * 1024
CONTENT_TYPE = "text/event-stream"


class SseReader:
    """Bytes in, (event name, data) pairs out. Any chunking gives the same pairs; comments are skipped."""

    __slots__ = ("_buffer", "_parts", "_size")

    def __init__(self) -> None:
        self._buffer = b""
        self._parts: list[bytes] = []  # of an event that has not ended yet
        self._size = 0

    def feed(self, data: bytes) -> list[tuple[str, bytes]]:
        pairs = []
        for frame in self.frames(data):
            pair = parse(frame)
            if pair is not None:
                pairs.append(pair)
        return pairs

    def frames(self, data: bytes) -> list[bytes]:
        """The whole frames in `data` and what came before it, without the blank line that ends each."""
        buffer = self._buffer + data if self._buffer else data
        if b"\r" in buffer:
            held = b"\r" if buffer.endswith(b"\r") else b""  # half of a CRLF may still be on its way
            buffer = buffer[: len(buffer) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n") + held
        if b"\n\n" not in buffer:
            # Set aside all but a tail that may hold half of the blank line, so that tiny chunks stay cheap.
            self._set_aside(buffer)
            return []
        frames = buffer.split(b"\n\n")
        if self._parts:
            frames[0] = b"".join((*self._parts, frames[0]))
            self._parts.clear()
        self._buffer = frames.pop()
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

    def close(self) -> list[tuple[str, bytes]]:
        """The last event, if the peer ended its line but not with a blank one."""
        pair = parse(self.rest())
        return [pair] if pair is not None else []

    def rest(self) -> bytes:
        """What came after the last whole frame, if it ends its line; half a line is nothing."""
        rest = b"".join((*self._parts, self._buffer)).replace(b"\r", b"\n")
        self._parts.clear()
        self._buffer = b""
        return rest.rstrip(b"\n") if rest.endswith(b"\n") else b""


def parse(frame: bytes) -> tuple[str, bytes] | None:
    if frame.startswith(b"data: ") and b"\n" not in frame:
        return "", frame[6:]
    if frame.startswith(b"event: ") and frame.count(b"\n") == 1:
        head, _, line = frame.partition(b"\n")
        if line.startswith(b"data: "):
            return head[7:].decode("utf-8", "replace"), line[6:]
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
