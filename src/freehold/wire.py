"""HTTP/1.1 over asyncio streams for everything that is not the hot path: a small server and a small client.

Parsing is httptools'. Everything has a limit, and a peer that breaks one is told so and hung up on.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from typing import Protocol
from urllib.parse import urlsplit

import httptools
import msgspec

from freehold.errors import UnavailableError

READ_BYTES = 65536
HEAD_BYTES_MAX = 65536
BODY_BYTES_MAX = 64 * 1024 * 1024
IDLE_SECONDS_MAX = 120.0
CONNECT_SECONDS_MAX = 5.0


class Request(msgspec.Struct, frozen=True, kw_only=True):
    method: str
    target: str  # path and query as sent
    headers: dict[str, str]  # lower-case names; repeated ones joined with a comma
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


class Reply(msgspec.Struct, kw_only=True):
    """A whole body, or an iterator of chunks."""

    status: int = 200
    headers: dict[str, str] = {}
    body: bytes | AsyncIterator[bytes] = b""


Handler = Callable[[Request], Awaitable[Reply]]


class WireError(Exception):
    """The peer broke HTTP or one of our limits; `status` is what to tell it."""

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.status = status


class _Parser(Protocol):
    def feed_data(self, data: bytes) -> None: ...
    def should_keep_alive(self) -> bool: ...
    def get_http_version(self) -> str: ...


class _Message:
    """Collects one message from httptools' callbacks."""

    def __init__(self, body_bytes_max: int) -> None:
        self.target = b""
        self.headers: dict[str, str] = {}
        self.chunks: list[bytes] = []
        self.head_done = self.done = self.keep = False
        self.parser: _Parser | None = None
        self._limit = body_bytes_max
        self._size = self._head_size = 0

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_size += len(name) + len(value)
        if self._head_size > HEAD_BYTES_MAX:
            raise WireError("the head is too large", 431)
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        self.head_done = True

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > self._limit:
            raise WireError("the body is too large", 413)
        self.chunks.append(body)

    def on_message_complete(self) -> None:
        self.done = True
        # The parser knows this only now; afterwards it is ready for the next message and says yes.
        self.keep = self.parser is not None and self.parser.should_keep_alive()

    def take(self) -> bytes:
        data = b"".join(self.chunks)
        self.chunks.clear()
        return data


def _feed(parser: _Parser, data: bytes) -> None:
    try:
        parser.feed_data(data)
    except httptools.HttpParserCallbackError as error:
        if isinstance(error.__context__, WireError):
            raise error.__context__ from None
        raise WireError("the message cannot be read") from error
    except httptools.HttpParserError as error:
        raise WireError("the message is not HTTP/1.1") from error


async def serve(
    handler: Handler, host: str, port: int, *, tls: ssl.SSLContext | None = None
) -> asyncio.Server:
    """Listen; port 0 takes a free one. A port in use is an UnavailableError."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _converse(handler, reader, writer)
        except (ConnectionError, TimeoutError, asyncio.CancelledError):
            pass  # the peer went away or fell silent, or we are closing: nobody is left to tell
        finally:
            writer.close()

    try:
        return await asyncio.start_server(connected, host, port, ssl=tls, limit=READ_BYTES)
    except OSError as error:
        raise UnavailableError(
            f"cannot listen on {host}:{port}",
            why=error.strerror or str(error),
            fix=f"stop what listens on port {port}, or choose another port",
            code="core.port-in-use",
        ) from error


def port_of(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


async def _converse(handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        try:
            received = await read_request(reader)
        except WireError as error:
            await _write(writer, Reply(status=error.status, body=f"{error}\n".encode()), keep=False)
            return
        if received is None:
            return
        request, keep = received
        await _write(writer, await handler(request), keep=keep)
        if not keep:
            return


async def read_request(reader: asyncio.StreamReader) -> tuple[Request, bool] | None:
    """The next request and whether its connection stays open; None if the peer hung up between messages."""
    message = _Message(BODY_BYTES_MAX)
    parser = message.parser = httptools.HttpRequestParser(message)
    if not await _read_whole(message, parser, reader):
        return None
    request = Request(
        method=parser.get_method().decode("latin-1"),
        target=message.target.decode("latin-1"),
        headers=message.headers,
        body=message.take(),
    )
    return request, message.keep


async def _read_whole(message: _Message, parser: _Parser, reader: asyncio.StreamReader) -> bool:
    """False if the peer hung up between messages."""
    started = False
    while not message.done:
        async with asyncio.timeout(IDLE_SECONDS_MAX):
            data = await reader.read(READ_BYTES)
        if not data:
            if started:
                raise WireError("the request ended in the middle")
            return False
        started = True
        _feed(parser, data)
    if parser.get_http_version() not in ("1.0", "1.1"):
        raise WireError("only HTTP/1.1 and 1.0 are spoken here", 505)
    return True


async def _write(writer: asyncio.StreamWriter, reply: Reply, *, keep: bool) -> None:
    headers = {**reply.headers, "connection": "keep-alive" if keep else "close"}
    if isinstance(reply.body, bytes):
        headers["content-length"] = str(len(reply.body))
        writer.write(head(reply.status, headers) + reply.body)
    else:
        headers["transfer-encoding"] = "chunked"
        writer.write(head(reply.status, headers))
        async for chunk in reply.body:
            if chunk:
                writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
                await writer.drain()
        writer.write(b"0\r\n\r\n")
    await writer.drain()


def head(status: int, headers: dict[str, str]) -> bytes:
    """The status line and header fields, ready to send."""
    lines = [f"HTTP/1.1 {status} {_phrase(status)}", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Status"


class Response:
    """A reply whose body is still arriving. Close it when done."""

    def __init__(self, status: int, message: _Message, parser: _Parser, reader: asyncio.StreamReader,
                 writer: asyncio.StreamWriter, idle_seconds: float) -> None:  # fmt: skip
        self.status = status
        self.headers = message.headers
        self._message, self._parser = message, parser
        self._reader, self._writer = reader, writer
        self._idle_seconds = idle_seconds

    async def chunks(self) -> AsyncIterator[bytes]:
        while True:
            if data := self._message.take():
                yield data
            if self._message.done:
                return
            async with asyncio.timeout(self._idle_seconds):
                received = await self._reader.read(READ_BYTES)
            if not received:
                if "content-length" in self.headers or "transfer-encoding" in self.headers:
                    raise ConnectionError("the reply was cut off")
                return
            _feed(self._parser, received)

    async def read(self) -> bytes:
        return b"".join([chunk async for chunk in self.chunks()])

    def close(self) -> None:
        self._writer.close()

    async def __aenter__(self) -> Response:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


async def request(
    method: str, url: str, *, headers: dict[str, str] | None = None, body: bytes = b"",
    idle_seconds: float = IDLE_SECONDS_MAX, tls: ssl.SSLContext | None = None,
) -> Response:  # fmt: skip
    """Send one request on a connection of its own; OSError, TimeoutError or WireError if that fails."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    context = (tls or ssl.create_default_context()) if secure else None
    async with asyncio.timeout(CONNECT_SECONDS_MAX):
        reader, writer = await asyncio.open_connection(
            parts.hostname, parts.port or (443 if secure else 80), ssl=context, limit=READ_BYTES
        )
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        fields = {
            "host": parts.netloc,
            **(headers or {}),
            "content-length": str(len(body)),
            "connection": "close",
        }
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body)
        await writer.drain()
        message = _Message(BODY_BYTES_MAX)
        parser = httptools.HttpResponseParser(message)
        while not message.head_done:
            async with asyncio.timeout(idle_seconds):
                data = await reader.read(READ_BYTES)
            if not data:
                raise ConnectionError("the peer hung up before it answered")
            _feed(parser, data)
        return Response(parser.get_status_code(), message, parser, reader, writer, idle_seconds)
    except BaseException:
        writer.close()
        raise
