"""Connections to homes: raw, kept open, one pool for each address.

`Upstream` reads one response at a time and hands its pieces to the call it serves, by plain method calls: no
task, no future, no queue per request. What it cannot frame is a broken home, never a guess.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol, cast

HEAD_BYTES_MAX: Final = 65536
IDLE_KEPT_MAX: Final = 256  # idle connections kept per address
IDLE_SECONDS_MAX: Final = 55.0  # most load balancers close after 60
DRAIN_SECONDS_MAX: Final = 1.0  # for the last bytes of a response whose answer is already complete
CHUNK_LINE_MAX: Final = 64
TRAILER_BYTES_MAX: Final = 8192

# How the bytes that come next are framed.
_HEAD: Final = 0
_LENGTH: Final = 1
_CHUNKED: Final = 2
_UNTIL_CLOSE: Final = 3
_TRAILER: Final = 4
_SIZE = re.compile(rb"[0-9A-Fa-f]{1,8}")
_sizes: dict[bytes, int] = {}  # chunk-size lines seen and checked; the same few come again and again
_SIZES_KEPT_MAX: Final = 4096
_STATUSES = {b"HTTP/1.1 %d" % status: status for status in range(200, 600)}


class Served(Protocol):
    """What a connection needs of the call it serves."""

    __slots__ = ()
    streams: bool  # is the answer wanted as it comes?

    def on_whole(self, lower: bytes, raw: bytes, body: bytes) -> None:
        """The usual answer: status 200, and whole at once. The connection is free again."""
        ...

    def on_head(self, status: int, lower: bytes, raw: bytes) -> None: ...
    def on_body(self, payload: bytes, wire: bytes | None) -> None:
        """A piece of the body. `wire` is the same piece as whole chunks on the wire, where it came so."""
        ...

    def on_end(self) -> None: ...
    def on_lost(self, why: str) -> None: ...
    def on_writable(self, writable: bool) -> None: ...


class Upstream(asyncio.Protocol):
    """One connection to a home."""

    __slots__ = (
        "_buffer", "_draining", "_ends", "_left", "_mode", "_reusable", "answered", "call", "idle_since",
        "pool", "transport", "used",
    )  # fmt: skip

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.call: Served | None = None
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._buffer = b""
        self._mode, self._left = _HEAD, 0
        self._reusable = True
        self._draining: asyncio.TimerHandle | None = None
        self.answered = False  # has a byte come back for the request it carries now?
        self.used = 0  # requests it has carried; a kept connection may have been closed by the home meanwhile
        self.idle_since = 0.0
        self._ends = False  # while a call is told the last of its response

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.pool.connections.add(self)

    def send(self, call: Served, request: bytes) -> None:
        self.call, self.answered = call, False
        self._mode, self._reusable = _HEAD, True
        self.used += 1
        self.transport.write(request)

    def release(self) -> None:
        """The call has all it wants. What is still to come of the response gets a moment, then we hang up."""
        self.call = None
        if self._mode == _HEAD and not self.answered and not self._buffer:
            self.pool.give(self, self._reusable)
        elif self._ends:
            self.transport.resume_reading()  # the bytes at hand hold its end
        elif self._draining is None and not self.transport.is_closing():
            self.transport.resume_reading()
            self._draining = self.pool.loop.call_later(DRAIN_SECONDS_MAX, self.transport.abort)

    def abandon(self) -> None:
        """Hang up now; the home is not to work for nobody."""
        self.call = None
        self.transport.abort()

    def pause_writing(self) -> None:
        if self.call is not None:
            self.call.on_writable(False)

    def resume_writing(self) -> None:
        if self.call is not None:
            self.call.on_writable(True)

    def connection_lost(self, exc: Exception | None) -> None:
        self.pool.lost(self)
        if self._draining is not None:
            self._draining.cancel()
        call, self.call = self.call, None
        if call is None:
            return
        if self._mode == _UNTIL_CLOSE and exc is None:
            call.on_end()
        else:
            call.on_lost("reset" if exc is not None else "closed")

    def data_received(self, data: bytes) -> None:
        if self._mode == _HEAD:
            if self.call is None and self._draining is None:
                self.transport.abort()  # bytes nobody asked for: whatever they are, they answer no request
                return
            self.answered = True
            if self._buffer:
                data, self._buffer = self._buffer + data, b""
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._buffer = data
                if len(data) > HEAD_BYTES_MAX:
                    self._broken("head_too_large")
                return
            rest = self._read_head(data, end)
            if rest is None:
                return
            data = rest
        if self._mode == _CHUNKED:
            self._read_chunks(data)
        elif self._mode == _LENGTH:
            self._read_length(data)
        elif self._mode == _UNTIL_CLOSE:
            if data and self.call is not None:
                self.call.on_body(data, None)
        else:
            self._read_trailer(data)

    def _read_head(self, data: bytes, end: int) -> bytes | None:
        """Choose the framing of the body and tell the call; what follows the head, or None if that is all."""
        status = _STATUSES.get(data[:12]) or _status(data)
        if status < 200:
            if status < 0:
                self._broken("not_http")
                return None
            self._buffer, self.answered = b"", False  # an interim response, the real one follows
            if len(data) > end + 4:
                self.data_received(data[end + 4 :])
            return None
        raw = data[12 : end + 2]
        lower = raw.lower()
        at = lower.find(b"\r\ncontent-length:")
        chunked = lower.find(b"\r\ntransfer-encoding:")
        if data[7] == 48 or lower.find(b"\r\nconnection: close") >= 0:
            self._reusable = False
        if chunked >= 0:
            value = lower[chunked + 20 : lower.find(b"\r\n", chunked + 20)].strip()
            if at >= 0 or value != b"chunked":
                self._broken("ambiguous_length")
                return None
            self._mode, self._left = _CHUNKED, 0
        elif at >= 0:
            value = lower[at + 17 : lower.find(b"\r\n", at + 17)].strip()
            if not value.isdigit() or len(value) > 15 or lower.find(b"\r\ncontent-length:", at + 17) >= 0:
                self._broken("ambiguous_length")
                return None
            self._mode, self._left = _LENGTH, int(value)
        else:
            self._mode, self._reusable = _UNTIL_CLOSE, False
        if status == 204 or status == 304:
            self._mode, self._left = _LENGTH, 0
        call = self.call
        if call is not None:
            whole = self._mode == _LENGTH and len(data) == end + 4 + self._left
            if whole and status == 200 and not call.streams:
                self._free()
                call.on_whole(lower, raw, data[end + 4 :])
                return None
            call.on_head(status, lower, raw)
        if self._mode == _LENGTH and self._left == 0:
            self._finish(data[end + 4 :])
            return None
        return data[end + 4 :] or None

    def _read_length(self, data: bytes) -> None:
        left = self._left - len(data)
        if left > 0:
            self._left = left
            if self.call is not None:
                self.call.on_body(data, None)
            return
        if self.call is not None:
            self.call.on_body(data if left == 0 else data[:left], None)
        self._finish(b"" if left == 0 else data[left:])

    def _read_chunks(self, data: bytes) -> None:
        """Take every whole chunk at once; a call that can use them gets the wire bytes beside the payload."""
        call = self.call
        if self._buffer:
            data, self._buffer = self._buffer + data, b""
        elif call is not None and data.endswith(b"\r\n"):
            start = data.find(b"\r\n") + 2
            size = _sizes.get(data[: start - 2], 0)
            if size and start + size + 2 == len(data):  # one chunk and all of it, as most reads are
                call.on_body(data[start:-2], data)
                return None
        size_of, position, length = _sizes.get, 0, len(data)
        pieces: list[bytes] = []
        ended = False
        while position < length:
            line_end = data.find(b"\r\n", position)
            if line_end < 0:
                if length - position > CHUNK_LINE_MAX:
                    return self._broken("bad_chunk")
                break
            line = data[position:line_end]
            size = size_of(line, -1)
            if size < 0:
                size = _chunk_size(line)
                if size < 0:
                    return self._broken("bad_chunk")
            if size == 0:
                ended = True
                position = line_end + 2
                break
            start = line_end + 2
            stop = start + size
            if stop + 2 > length:
                break
            if data[stop : stop + 2] != b"\r\n":
                return self._broken("bad_chunk")
            pieces.append(data[start:stop])
            position = stop + 2
        self._deliver(data, position, pieces, ended)
        return None

    def _deliver(self, data: bytes, position: int, pieces: list[bytes], ended: bool) -> None:
        call = self.call
        rest = data[position:] if position < len(data) else b""
        if call is not None and pieces:
            self._ends = ended and rest == b"\r\n"
            payload = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            # On the wire form: only if nothing but whole chunks was in these bytes. The last chunk of size 0
            # is never part of it: the call ends its own response.
            wire = data if not rest and not ended else None
            call.on_body(payload, wire)
            self._ends = False
        if ended:
            self._mode = _TRAILER
            self._read_trailer(rest)
        else:
            self._buffer = rest

    def _read_trailer(self, data: bytes) -> None:
        """After the last chunk: an empty line, or trailer fields that nobody reads, and then one."""
        if self._buffer:
            data, self._buffer = self._buffer + data, b""
        if data.startswith(b"\r\n"):
            self._finish(data[2:])
            return
        end = data.find(b"\r\n\r\n")
        if end >= 0:
            self._finish(data[end + 4 :])
        elif len(data) > TRAILER_BYTES_MAX:
            self._broken("bad_chunk")
        else:
            self._buffer = data

    def _finish(self, rest: bytes) -> None:
        """The response is complete. Bytes after it belong to no request of ours."""
        if rest:
            self._reusable = False
        call = self.call
        self._free()
        if call is not None:
            call.on_end()

    def _free(self) -> None:
        """Nothing more is to come for the call it served."""
        self._mode, self.answered, self.call = _HEAD, False, None
        if self._draining is not None:
            self._draining.cancel()
            self._draining = None
        self.pool.give(self, self._reusable)

    def _broken(self, why: str) -> None:
        call, self.call = self.call, None
        self._reusable = False
        self.transport.abort()
        if call is not None:
            call.on_lost(why)


def _status(data: bytes) -> int:
    """The status of a response that does not begin as most do; -1 if it is none."""
    digits = data[9:12]
    if not data.startswith(b"HTTP/1.") or data[8:9] != b" " or not digits.isdigit() or len(digits) < 3:
        return -1
    status = int(digits)
    return status if status >= 100 else -1


def _chunk_size(line: bytes) -> int:
    """The size a chunk line says, -1 if it says none. Extensions are legal and nobody's."""
    digits = line.partition(b";")[0].rstrip(b" \t")
    if _SIZE.fullmatch(digits) is None:
        return -1
    size = int(digits, 16)
    if digits == line and len(_sizes) < _SIZES_KEPT_MAX:
        _sizes[line] = size
    return size


class Address:
    """Where a home listens. The certificate is checked against `server_name`."""

    __slots__ = ("host", "port", "tls")

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self.host, self.port, self.tls = host, port, tls


class Pool:
    """Connections to one address: the one used last is used first, so that few stay open and warm."""

    def __init__(self, loop: asyncio.AbstractEventLoop, address: Address) -> None:
        self.loop, self.address = loop, address
        self.connections: set[Upstream] = set()
        self.closed = False
        self._idle: deque[Upstream] = deque()
        self._opening: set[asyncio.Task[None]] = set()

    def take(self) -> Upstream | None:
        """A connection that is open and free, if there is one."""
        idle = self._idle
        while idle:
            connection = idle.pop()
            if not connection.transport.is_closing():
                return connection
        return None

    def give(self, connection: Upstream, reusable: bool) -> None:
        if not reusable or self.closed or len(self._idle) >= IDLE_KEPT_MAX:
            connection.transport.close()
            return
        connection.idle_since = self.loop.time()
        self._idle.append(connection)

    def lost(self, connection: Upstream) -> None:
        self.connections.discard(connection)
        if self._idle and connection in self._idle:
            self._idle.remove(connection)

    def open(
        self, then: Callable[[Upstream], None], failed: Callable[[str, str], None], timeout_seconds: float
    ) -> asyncio.Task[None]:
        """Connect, then call back; `failed` is told the kind of trouble and words for it. The task may be
        cancelled.
        """
        task = self.loop.create_task(self._open(then, failed, timeout_seconds))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)
        return task

    async def _open(
        self, then: Callable[[Upstream], None], failed: Callable[[str, str], None], timeout_seconds: float
    ) -> None:
        address = self.address
        try:
            async with asyncio.timeout(timeout_seconds):
                _, connection = await self.loop.create_connection(
                    lambda: Upstream(self), address.host, address.port, ssl=address.tls,
                    server_hostname=address.host if address.tls is not None else None,
                )  # fmt: skip
        except TimeoutError:
            failed("connect_timeout", "no connection in time")
        except ssl.SSLCertVerificationError as error:
            failed("tls", f"its certificate does not hold: {error.verify_message}")
        except ssl.SSLError as error:
            failed("tls", f"no TLS with it: {error.reason or 'the handshake failed'}")
        except OSError as error:
            failed("refused", f"no connection: {error.strerror or type(error).__name__}")
        else:
            then(connection)

    def move(self, address: Address) -> None:
        """From now on connections are made so; those that are idle were made otherwise, and are closed."""
        self.address = address
        while self._idle:
            self._idle.pop().transport.close()

    def sweep(self) -> None:
        """Close what has been idle for long, oldest first."""
        horizon = self.loop.time() - IDLE_SECONDS_MAX
        while self._idle and self._idle[0].idle_since < horizon:
            self._idle.popleft().transport.close()

    def retire(self) -> None:
        """Idle connections go now, those at work, or being opened for a call, when they are done."""
        self.closed = True
        while self._idle:
            self._idle.pop().transport.close()

    def close(self) -> None:
        """Nobody waits for anything any more."""
        self.retire()
        for task in self._opening:
            task.cancel()
