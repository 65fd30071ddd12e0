"""One accepted connection, down to the bytes: what an answer is sent on, and what a fault breaks."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable

from freehold import wire

SILENCE_SECONDS_MAX = 3600.0  # a fault that says nothing hangs up after this, whatever the client does
READ_BYTES = 65536

Sleep = Callable[[float], Awaitable[object]]


class Line:
    """Every write reaches the kernel before the next step, so that a cut falls where it was put."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sleep: Sleep) -> None:
        self._reader, self._writer = reader, writer
        secure = writer.get_extra_info("sslcontext") is not None
        # asyncio's TLS takes an empty buffer for a full one where the limit is nothing at all.
        self._writer.transport.set_write_buffer_limits(high=1 if secure else 0)
        self.sleep = sleep
        self.keep = True  # may another request follow on it?
        self.busy = False  # is a request being answered?
        self.sent_bytes = 0
        self._chunked = False

    @property
    def peer(self) -> str:
        name = self._writer.get_extra_info("peername")
        return str(name[0]) if name else ""

    async def read(self) -> wire.Request | None:
        received = await wire.read_request(self._reader)
        if received is None:
            return None
        request, self.keep = received
        self.sent_bytes = 0
        return request

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()
        self.sent_bytes += len(data)

    async def head(self, status: int, headers: dict[str, str], *, length: int | None) -> None:
        """Begin a reply of `length` bytes, or a chunked one when it is None."""
        await self.send(self._head(status, headers, length))

    def _head(self, status: int, headers: dict[str, str], length: int | None) -> bytes:
        self._chunked = length is None
        body = {"transfer-encoding": "chunked"} if length is None else {"content-length": str(length)}
        connection = {"connection": "keep-alive" if self.keep else "close"}
        return wire.head(status, {**headers, **connection, **body})

    async def write(self, data: bytes) -> None:
        """A piece of the body, framed as the head said."""
        if data:
            await self.send(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    async def end(self) -> None:
        if self._chunked:
            await self.send(b"0\r\n\r\n")

    async def whole(self, status: int, headers: dict[str, str], body: bytes) -> None:
        await self.send(self._head(status, headers, len(body)) + body)

    def hang_up(self) -> None:
        """Close in the ordinary way: the client reads what was sent, then the end (FIN)."""
        self.keep = False
        self._writer.close()

    def reset(self) -> None:
        """Close as a crashed host does: the client's next read fails (RST)."""
        self.keep = False
        raw = self._writer.get_extra_info("socket")
        if raw is not None:
            with contextlib.suppress(OSError):  # already gone, which is what was wanted
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def silence(self) -> None:
        """Say nothing more until the client gives up."""
        self.keep = False
        with contextlib.suppress(TimeoutError, ConnectionError):  # either way the line is dead
            async with asyncio.timeout(SILENCE_SECONDS_MAX):
                while await self._reader.read(READ_BYTES):
                    pass
