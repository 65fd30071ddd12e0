"""Requests that the strict scanner does not take: read whole by httptools, or refused with a reason.

Slow and safe. What is refused here is what two servers in a row may read differently.
"""

from __future__ import annotations

from typing import Final

import httptools

from freehold.gateway.head import METHODS, Head

_METHODS: Final = {name.decode(): value for name, value in METHODS.items()}
CHUNKS_MAX: Final = 65536  # a body in more pieces than this is an attack


class Unacceptable(Exception):
    """Why the request is refused, and with which status."""

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.status = status


class CarefulReader:
    """Feeds one request to httptools."""

    def __init__(self, head_bytes_max: int, body_bytes_max: int) -> None:
        self._head_max, self._body_max = head_bytes_max, body_bytes_max
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._fields: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._size = self._head_size = 0
        self._refusal: Unacceptable | None = None
        self._done = self._head_done = self._extra = self._begun = self._keep = False
        self.wants_continue = False
        self.chunked_replies = True

    # httptools calls these

    def on_message_begin(self) -> None:
        if self._done:
            self._extra = True
            raise Unacceptable("one unusual request at a time")

    def on_url(self, url: bytes) -> None:
        self._target += url
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        self._fields.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._head_done = True
        self._check_head()

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        self._body.append(body)
        if self._size > self._body_max:
            raise Unacceptable(f"the body is larger than {self._body_max} bytes", 413)
        if len(self._body) > CHUNKS_MAX:
            raise Unacceptable("the body comes in too many pieces", 413)

    def on_message_complete(self) -> None:
        self._done = True
        self._keep = self._parser.should_keep_alive()  # the parser forgets it when this returns

    def feed(self, data: bytes) -> tuple[Head, bytes] | None:
        """Head and body once complete. Bytes after them are dropped, and the connection then closes."""
        if not self._begun and not _starts_well(data):
            raise Unacceptable("the request is not HTTP/1.1")
        self._begun = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            raise Unacceptable("this port does not upgrade connections", 501) from upgrade
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            if not self._extra:
                raise (
                    cause if isinstance(cause, Unacceptable) else Unacceptable("unreadable request")
                ) from None
        except httptools.HttpParserError as error:
            if not self._done:
                raise Unacceptable("the request is not HTTP/1.1") from error
            self._extra = True
        if not self._done:
            if not self._head_done and self._head_size > self._head_max:
                raise Unacceptable("the head of the request is too large", 431)
            return None
        return self._head(), b"".join(self._body)

    def _count(self, size: int) -> None:
        self._head_size += size
        if self._head_size > self._head_max:
            raise Unacceptable("the head of the request is too large", 431)

    def _check_head(self) -> None:
        names = [name for name, _ in self._fields]
        encodings = [value.strip().lower() for name, value in self._fields if name == b"transfer-encoding"]
        if names.count(b"content-length") > 1 or (encodings and b"content-length" in names):
            raise Unacceptable("the request says its length in two ways")
        if encodings and encodings != [b"chunked"]:
            raise Unacceptable("transfer-encoding is chunked or absent here", 501)
        if names.count(b"host") > 1:
            raise Unacceptable("the request names two hosts")
        version = self._parser.get_http_version()
        if version not in ("1.0", "1.1") or (version == "1.0" and encodings):
            raise Unacceptable("only HTTP/1.1 and 1.0 are spoken here", 505)
        self.chunked_replies = version == "1.1"
        if b"upgrade" in names and b"websocket" in [
            v.strip().lower() for n, v in self._fields if n == b"upgrade"
        ]:
            raise Unacceptable("WebSockets are not taken here: use HTTP streaming", 501)
        expects = [value.strip().lower() for name, value in self._fields if name == b"expect"]
        if expects and expects != [b"100-continue"]:
            raise Unacceptable("the request expects what this server does not do", 417)
        self.wants_continue = bool(expects)
        if any(byte < 0x20 and byte != 9 for _, value in self._fields for byte in value):
            raise Unacceptable("a header holds control characters")
        for name, value in self._fields:
            if name == b"content-length" and (not value.strip().isdigit() or int(value) > self._body_max):
                raise Unacceptable(f"the body is larger than {self._body_max} bytes", 413)

    def _head(self) -> Head:
        method = _METHODS.get(self._parser.get_method().decode("latin-1"), "")
        if not method:
            raise Unacceptable("this method is not used here", 405)
        lines = [b"\r\n%b: %b" % (name, value.strip()) for name, value in self._fields]
        raw = b"".join(lines) + b"\r\n"
        line = b"%b %b HTTP/1.1" % (method.encode(), self._target)
        return Head(
            method, self._target, line, raw.lower(), raw, self._size,
            self._keep and not self._extra,
        )  # fmt: skip


def _starts_well(data: bytes) -> bool:
    """A request line begins with a method of capital letters; nothing else is worth a parser."""
    return bool(data) and 65 <= data[0] <= 90
