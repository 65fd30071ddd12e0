"""Bytes of callers, usual and hostile, cut anywhere: what is taken for a request, httptools takes alike."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import httptools
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.gateway.caller import PIPELINED_BYTES_MAX, CallerConnection
from freehold.gateway.head import Head
from freehold.gateway.seams import Receiving

HEAD_MAX, BODY_MAX = 2048, 4096


class Request(NamedTuple):
    method: str
    target: bytes
    body: bytes


class Loop:
    """The least of a loop: what is to be done soon, and no time that passes."""

    def __init__(self) -> None:
        self.soon: deque[tuple[Callable[..., object], tuple[object, ...]]] = deque()

    def time(self) -> float:
        return 0.0

    def call_soon(self, then: Callable[..., object], *arguments: object) -> None:
        self.soon.append((then, arguments))

    def run(self) -> None:
        while self.soon:
            then, arguments = self.soon.popleft()
            then(*arguments)


class Wire:
    """The least of a transport."""

    def __init__(self) -> None:
        self.said = b""
        self.closed = self.paused = False

    def set_write_buffer_limits(self, high: int) -> None: ...
    def write(self, data: bytes) -> None:
        self.said += data

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def get_extra_info(self, name: str) -> object:
        return None


class Plane(Receiving):
    """Answers every request at once, and keeps what it was."""

    def __init__(self) -> None:
        self.draining = False
        self.head_bytes_max, self.body_bytes_max = HEAD_MAX, BODY_MAX
        self.loop = Loop()  # type: ignore[assignment]
        self.heads: dict[bytes, Head] = {}
        self.begun: list[Request] = []
        self.refused: list[int] = []

    def remember(self, raw: bytes, head: Head) -> None:
        self.heads[raw] = head

    def admit_connection(self, connection: object) -> bool:
        return True

    def connection_gone(self, connection: object) -> None: ...

    def unreadable(self, status: int) -> None:
        self.refused.append(status)

    def begin(self, client: CallerConnection, head: Head, body: bytes) -> None:
        self.begun.append(Request(head.method, head.target, body))
        client.finish_reply()


def taken(*pieces: bytes) -> tuple[Plane, Wire, CallerConnection]:
    """What one connection makes of these pieces; after it hung up, nothing reaches it."""
    plane, wire = Plane(), Wire()
    connection = CallerConnection(plane)  # type: ignore[arg-type]
    connection.connection_made(wire)  # type: ignore[arg-type]
    for piece in pieces:
        if not wire.closed:
            connection.data_received(piece)
            plane.loop.run()
    return plane, wire, connection


class Referee:
    """The requests that httptools sees in the same bytes, one after the other."""

    def __init__(self, data: bytes) -> None:
        self.seen: list[Request] = []
        self._url = self._body = b""
        parser: Any = httptools.HttpRequestParser(self)
        self._parser = parser
        with contextlib.suppress(httptools.HttpParserError, httptools.HttpParserUpgrade):
            parser.feed_data(data)  # what came before either of them was read

    def on_message_begin(self) -> None:
        self._url = self._body = b""

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        method = self._parser.get_method().decode()
        self.seen.append(Request(method, self._url, self._body))


BODIES = st.binary(max_size=60)
TARGETS = st.sampled_from([b"/v1/messages", b"/v1/chat/completions?a=b", b"/x"])
LINES = st.lists(
    st.sampled_from([b"x-api-key: K", b"accept: */*", b"connection: keep-alive", b"x-y:", b"X-Z: \t z "]),
    max_size=3,
    unique=True,
)


@st.composite
def plain(draw: st.DrawFn) -> tuple[bytes, Request]:
    body, target = draw(BODIES), draw(TARGETS)
    lines = [b"POST %b HTTP/1.1" % target, b"Host: h", *draw(LINES), b"Content-Length: %d" % len(body)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body, Request("POST", target, body)


@st.composite
def chunked(draw: st.DrawFn) -> tuple[bytes, Request]:
    parts, target = draw(st.lists(st.binary(min_size=1, max_size=20), max_size=4)), draw(TARGETS)
    extension = draw(st.sampled_from([b"", b";x=y", b';q="v"']))
    trailer = draw(st.sampled_from([b"", b"t: v\r\n"]))
    lines = [b"POST %b HTTP/1.1" % target, b"host: h", *draw(LINES), b"transfer-encoding: chunked"]
    body = b"".join(b"%x%b\r\n%b\r\n" % (len(part), extension, part) for part in parts)
    data = b"\r\n".join(lines) + b"\r\n\r\n" + body + b"0\r\n" + trailer + b"\r\n"
    return data, Request("POST", target, b"".join(parts))


def cut(data: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted(min(place, len(data)) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(bounds) if b > a]


CUTS = st.lists(st.integers(0, 600), max_size=12)


@settings(max_examples=300)
@given(st.lists(plain(), min_size=1, max_size=4), CUTS)
def test_pipelined_requests_are_the_same_however_they_are_cut(
    requests: list[tuple[bytes, Request]], cuts: list[int]
) -> None:
    data = b"".join(one for one, _ in requests)
    plane, wire, _ = taken(*cut(data, cuts))
    assert plane.begun == [request for _, request in requests]
    assert not wire.closed


@settings(max_examples=300)
@given(chunked(), CUTS)
def test_chunked_request_is_the_same_however_it_is_cut(one: tuple[bytes, Request], cuts: list[int]) -> None:
    plane, _, _ = taken(*cut(one[0], cuts))
    assert plane.begun == [one[1]]


TRICKS = st.sampled_from([
    b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"\x00", b"\xff", b"0", b"5", b"-1", b"+5", b"0x5",
    b"99999999999",
    b"Content-Length: 3\r\n", b"content-length: 0\r\n", b"Transfer-Encoding: chunked\r\n",
    b"transfer-encoding: identity\r\n", b"Transfer-Encoding: chunked, identity\r\n", b"Host: evil\r\n",
    b"0\r\n\r\n", b"5;x\r\nhello\r\n", b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n", b"HTTP/1.0", b"HTTP/2.0",
    b"Connection: upgrade\r\nUpgrade: websocket\r\n", b"Expect: 100-continue\r\n", b"\r\n\r\n",
    b" folded\r\n",
    b"caf\xc3\xa9", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
])  # fmt: skip


@settings(max_examples=400)
@given(
    st.lists(st.one_of(plain(), chunked()), min_size=1, max_size=3),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 6), TRICKS), max_size=4), CUTS,
)  # fmt: skip
def test_nothing_is_taken_for_a_request_that_httptools_does_not_take_so(
    requests: list[tuple[bytes, Request]], edits: list[tuple[int, int, bytes]], cuts: list[int]
) -> None:
    data = b"".join(one for one, _ in requests)
    for place, removed, trick in edits:
        data = data[:place] + trick + data[place + removed :]
    plane, wire, connection = taken(*cut(data, cuts))
    seen = Referee(data).seen
    assert plane.begun == seen[: len(plane.begun)]
    assert wire.closed or not plane.refused  # who was refused is hung up on
    assert len(connection._buffer) <= max(len(data), PIPELINED_BYTES_MAX)


@settings(max_examples=400)
@given(st.lists(st.binary(min_size=1, max_size=300), max_size=8))
def test_noise_neither_crashes_nor_begins_anything_httptools_would_not(pieces: list[bytes]) -> None:
    plane, _, _ = taken(*pieces)
    assert plane.begun == Referee(b"".join(pieces)).seen[: len(plane.begun)]


@given(st.integers(1, 40), st.booleans())
def test_head_without_end_is_refused_before_it_grows(size: int, usual: bool) -> None:
    line = b"x: " + b"y" * size + b"\r\n" if usual else b"z" * (size + 5)
    plane, wire, connection = taken(b"POST / HTTP/1.1\r\n", *[line] * 1500)
    assert (plane.refused, wire.closed, plane.begun) == ([431], True, [])
    assert len(connection._buffer) <= HEAD_MAX + len(line)


@given(st.integers(1, 3), st.integers(BODY_MAX + 1, 10**14))
def test_body_too_large_is_refused_before_it_is_read(parts: int, length: int) -> None:
    said = taken(b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: %d\r\n\r\n" % length)
    piece = b"%x\r\n%b\r\n" % (BODY_MAX // parts + 1, b"y" * (BODY_MAX // parts + 1))
    streamed = taken(
        b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n", *[piece] * (parts + 1)
    )
    for plane, wire, _ in (said, streamed):
        assert (plane.refused, wire.closed, plane.begun) == ([413], True, [])


def test_thousands_of_requests_at_once_do_not_grow_the_stack() -> None:
    one = b"GET /v1/models HTTP/1.1\r\nhost: h\r\n\r\n"
    plane, _, _ = taken(one * 5000)
    assert len(plane.begun) == 5000
