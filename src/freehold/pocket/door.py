"""The listening side of a pocket home: open, shut so that connections are refused, and open again."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable

from freehold.errors import UnavailableError
from freehold.pocket.line import Line, Sleep

DRAIN_SECONDS_MAX = 5.0
LINES_MAX = 4096
READ_BYTES = 65536

Serve = Callable[[Line], Awaitable[None]]


class Door:
    def __init__(self, serve: Serve, sleep: Sleep, tls: ssl.SSLContext | None = None) -> None:
        self._serve, self._sleep, self._tls = serve, sleep, tls
        self._lines: dict[asyncio.Task[None], Line] = {}
        self._server: asyncio.Server | None = None
        self._keeper: socket.socket | None = None  # holds the port while nothing listens on it
        self._moving = asyncio.Lock()
        self.host, self.port = "", 0

    @property
    def scheme(self) -> str:
        return "http" if self._tls is None else "https"

    @property
    def is_open(self) -> bool:
        return self._server is not None

    async def open(self, host: str, port: int) -> None:
        """Listen; port 0 takes a free one."""
        try:
            self._server = await asyncio.start_server(
                self._accepted, host, port, limit=READ_BYTES, ssl=self._tls
            )
        except OSError as error:
            raise UnavailableError(
                f"cannot listen on {host}:{port}",
                why=error.strerror or str(error),
                fix=f"stop what listens on port {port}, or choose another port",
                code="core.port-in-use",
            ) from error
        self.host, self.port = host, self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        """Refuse connections, and break off those there are; the port stays ours."""
        async with self._moving:
            if self._server is None:
                return
            address = self._server.sockets[0].getsockname()
            family = self._server.sockets[0].family
            self._server.close()
            self._server = None
            for line in self._lines.values():
                line.reset()
            self._keeper = socket.socket(family, socket.SOCK_STREAM)
            self._keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._keeper.bind(address)

    async def reopen(self) -> None:
        async with self._moving:
            if self._server is None and self._keeper is not None:
                self._keeper.close()
                self._keeper = None
                await self.open(self.host, self.port)

    async def close(self) -> None:
        """Stop listening, let what is being answered finish for a moment, then break off the rest."""
        if self._keeper is not None:
            self._keeper.close()
            self._keeper = None
        if self._server is not None:
            self._server.close()
            self._server = None
        for line in self._lines.values():
            line.keep = False
            if not line.busy:
                line.hang_up()
        if self._lines:
            await asyncio.wait(self._lines, timeout=DRAIN_SECONDS_MAX)
        left = dict(self._lines)
        for task, line in left.items():
            line.reset()
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        line = Line(reader, writer, self._sleep)
        if task is None or len(self._lines) >= LINES_MAX:
            line.reset()
            return
        self._lines[task] = line
        try:
            # A client that goes away, or our own closing, leaves nobody to tell.
            with contextlib.suppress(ConnectionError, TimeoutError, asyncio.CancelledError):
                await self._serve(line)
        finally:
            del self._lines[task]
            line.hang_up()
