"""One connection of a caller: requests in, one at a time; answers out, one write each.

The usual request is read here, strictly and without copying; whatever is unusual goes to `careful`, whole.
Every wait and every size has a limit, and while a call is at work nothing more is read than fits one buffer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final, cast

from freehold.gateway.careful import CarefulReader, Unacceptable
from freehold.gateway.deadlines import NEVER
from freehold.gateway.head import Head, scan
from freehold.gateway.seams import AtWork, Receiving

PIPELINED_BYTES_MAX: Final = 65536  # what a caller may send ahead while its call is at work
WRITE_HIGH_BYTES: Final = 256 * 1024
HEAD_SECONDS_MAX: Final = 30.0  # from the first byte of a request to the end of its head
BODY_SECONDS_MAX: Final = 60.0  # between two pieces of a body
KEPT_SECONDS_MAX: Final = 300.0  # without a request
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Status"


_REASONS = {status: f"HTTP/1.1 {status} {_phrase(status)}\r\n".encode() for status in range(200, 600)}


def _nowhere(data: bytes) -> None:
    """Where there is no connection yet."""


class CallerConnection(asyncio.Protocol):
    """Reads requests, gives them to the plane, writes what the call says."""

    __slots__ = (
        "_buffer", "_careful", "_closing", "_head", "_parts", "_size", "call", "chunked", "deadline",
        "paused", "plane", "transport", "write",
    )  # fmt: skip

    def __init__(self, plane: Receiving) -> None:
        self.plane = plane
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)
        self.write: Callable[[bytes], None] = _nowhere
        self.call: AtWork | None = None
        self.chunked = True
        self.paused = False
        self.deadline = NEVER
        self._buffer = b""
        self._head: Head | None = None  # read, and its body is still coming
        self._parts: list[bytes] = []
        self._size = 0
        self._careful: CarefulReader | None = None
        self._closing = False

    # --- connection ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.write = self.transport.write  # no frame of ours between a call and its socket
        self.transport.set_write_buffer_limits(high=WRITE_HIGH_BYTES)
        if not self.plane.admit_connection(self):
            self._closing = True
            self.transport.close()
            return
        self.deadline = self.plane.loop.time() + KEPT_SECONDS_MAX

    def connection_lost(self, exc: Exception | None) -> None:
        self.plane.connection_gone(self)
        call, self.call = self.call, None
        if call is not None:
            call.client_gone()

    def eof_received(self) -> bool:
        if self.call is None or self.transport.get_extra_info("sslcontext") is not None:
            return False  # TLS has no half-closed connections
        self._closing = True  # half-closed after its request: it still wants the answer, and nothing after it
        return True

    def pause_writing(self) -> None:
        self.paused = True
        if self.call is not None:
            self.call.hold(True)

    def resume_writing(self) -> None:
        self.paused = False
        if self.call is not None:
            self.call.hold(False)

    def expired(self) -> None:
        """Too slow with a request, or idle for long."""
        if self.call is None:
            self._closing = True
            if self._head is not None or self._buffer:
                self.reply(408, {"content-type": "text/plain"}, b"the request did not come in time\n")
            self.transport.close()

    def abort(self) -> None:
        self.transport.abort()

    # --- requests ---

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        if self.call is not None:
            self._ahead(data)
            return
        if self._careful is not None:
            self._read_carefully(data)
            return
        if self._head is not None:
            self._more_body(data)
            return
        if self._buffer:
            data, self._buffer = self._buffer + data, b""
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self._unfinished_head(data)
            return
        raw = data[:end]
        head = self.plane.heads.get(raw)
        if head is None:
            head = scan(data, end) if end <= self.plane.head_bytes_max else None
            if head is None:
                self._begin_careful(data)
                return
            self.plane.remember(raw, head)
        length, have = head.length, len(data) - end - 4
        if length > self.plane.body_bytes_max:
            self.refuse(413, f"the body is larger than {self.plane.body_bytes_max} bytes")
        elif length == have:
            self.plane.begin(self, head, data[end + 4 :])
        elif length < have:
            stop = end + 4 + length
            self._buffer = data[stop:]  # pipelined: it waits for this call to be done
            self.plane.begin(self, head, data[end + 4 : stop])
        else:
            self._begin_body(head, data[end + 4 :])

    def _unfinished_head(self, data: bytes) -> None:
        if len(data) > self.plane.head_bytes_max:
            self.refuse(431, "the head of the request is too large")
            return
        if not 65 <= data[0] <= 90:  # no method begins so; a TLS greeting to a plain port does not
            self.refuse(400, "the request is not HTTP/1.1")
            return
        if not self._buffer:
            self.deadline = self.plane.loop.time() + HEAD_SECONDS_MAX
        self._buffer = data

    def _begin_body(self, head: Head, first: bytes) -> None:
        self._head, self._parts, self._size = head, [first], len(first)
        self.deadline = self.plane.loop.time() + BODY_SECONDS_MAX

    def _more_body(self, data: bytes) -> None:
        head = self._head
        assert head is not None
        self._parts.append(data)
        self._size += len(data)
        if self._size < head.length:
            self.deadline = self.plane.loop.time() + BODY_SECONDS_MAX
            return
        body = b"".join(self._parts)
        self._head, self._parts = None, []
        if len(body) > head.length:
            self._buffer, body = body[head.length :], body[: head.length]
        self.plane.begin(self, head, body)

    def _ahead(self, data: bytes) -> None:
        """Bytes that come while a call is at work wait their turn, and no more of them than fit a buffer."""
        self._buffer += data
        if len(self._buffer) > PIPELINED_BYTES_MAX:
            self.transport.pause_reading()

    def _begin_careful(self, data: bytes) -> None:
        self._careful = CarefulReader(self.plane.head_bytes_max, self.plane.body_bytes_max)
        self.deadline = self.plane.loop.time() + HEAD_SECONDS_MAX
        self._read_carefully(data)

    def _read_carefully(self, data: bytes) -> None:
        reader = self._careful
        assert reader is not None
        try:
            done = reader.feed(data)
        except Unacceptable as error:
            self.refuse(error.status, str(error))
            return
        if done is None:
            if reader.wants_continue:
                reader.wants_continue = False
                self.transport.write(_CONTINUE)
            self.deadline = self.plane.loop.time() + BODY_SECONDS_MAX
            return
        self._careful = None
        head, body = done
        self.chunked = reader.chunked_replies
        self._closing = not head.keep
        self.plane.begin(self, head, body)

    # --- answers ---

    def begin(self, call: AtWork) -> None:
        self.call = call
        self.deadline = NEVER

    def call_done(self) -> None:
        """The answer is written; the next request may be here already."""
        self.call = None
        if self._closing or not self.chunked or self.plane.draining:
            self._closing = True
            self.transport.close()
            return
        self.deadline = self.plane.loop.time() + KEPT_SECONDS_MAX
        if self._buffer:
            # Not at once: a caller who pipelines thousands of requests must not grow the stack.
            self.plane.loop.call_soon(self._next)

    def _next(self) -> None:
        if self.call is None and self._buffer and not self.transport.is_closing():
            data, self._buffer = self._buffer, b""
            self.transport.resume_reading()
            self.data_received(data)

    def chunk(self, data: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(data), data) if self.chunked else data

    @property
    def last_chunk(self) -> bytes:
        if not self.chunked:
            return b""
        joined = None if self.call is None else self.call.joined
        if joined is None:
            return b"0\r\n\r\n"
        return b"0\r\nx-freehold-joined: %b\r\n\r\n" % joined.encode()

    @property
    def framing(self) -> bytes:
        return b"transfer-encoding: chunked\r\n" if self.chunked else b"connection: close\r\n"

    def reply(self, status: int, headers: Mapping[str, str], body: bytes, extra: bytes = b"") -> None:
        """A whole reply that is not a home's answer."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode(
            "latin-1", "replace"
        )
        closing = b"connection: close\r\n" if self._closing or self.plane.draining else b""
        self.transport.write(
            b"%b%b%b%bcontent-length: %d\r\n\r\n%b"
            % (_REASONS.get(status, _REASONS[500]), lines, extra, closing, len(body), body)
        )

    def refuse(self, status: int, why: str) -> None:
        """The request cannot be read, so no dialect is known: plain words, and the connection ends."""
        self._closing = True
        self.plane.unreadable(status)
        self.reply(status, {"content-type": "text/plain"}, f"{why}\n".encode())
        self.transport.close()

    def finish_reply(self) -> None:
        """After a reply that no call made."""
        self.call_done()
