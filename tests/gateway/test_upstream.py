"""Responses as homes send them, whole, in pieces and broken, fed to a connection without a socket."""

import asyncio
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.gateway.upstream import Address, Pool, Upstream


class Wire:
    """The least of a transport."""

    def __init__(self) -> None:
        self.closed = False

    def write(self, data: bytes) -> None: ...
    def resume_reading(self) -> None: ...
    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close


class Served:
    """A call that writes down what it is told."""

    def __init__(self, *, streams: bool = False) -> None:
        self.streams = streams
        self.status = 0
        self.body = b""
        self.ended = False
        self.lost = ""

    def on_head(self, status: int, lower: bytes, raw: bytes) -> None:
        self.status = status

    def on_body(self, payload: bytes, wire: bytes | None) -> None:
        self.body += payload

    def on_whole(self, lower: bytes, raw: bytes, body: bytes) -> None:
        self.status, self.body, self.ended = 200, body, True

    def on_end(self) -> None:
        self.ended = True

    def on_lost(self, why: str) -> None:
        self.lost = why

    def on_writable(self, writable: bool) -> None: ...


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


def fed(loop: asyncio.AbstractEventLoop, *pieces: bytes, close: bool = False) -> tuple[Served, Upstream]:
    connection = Upstream(Pool(loop, Address("h", 1, None)))
    connection.connection_made(Wire())  # type: ignore[arg-type]
    call = Served()
    connection.send(call, b"")
    for piece in pieces:
        if not connection.transport.is_closing():
            connection.data_received(piece)
    if close:
        connection.connection_lost(None)
    return call, connection


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nt: v\r\n\r\n"
PLAIN = HEAD + b"content-length: 11\r\n\r\nhello world"


@given(st.sampled_from([CHUNKED, PLAIN]), st.lists(st.integers(0, 140), max_size=8))
def test_any_cutting_of_the_bytes_gives_the_same_response(whole: bytes, cuts: list[int]) -> None:
    loop = asyncio.new_event_loop()
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    pieces = [whole[a:b] for a, b in pairwise(places) if b > a]
    call, connection = fed(loop, *pieces)
    loop.close()
    assert (call.status, call.body, call.ended, call.lost) == (200, b"hello world", True, "")
    assert not connection.transport.is_closing()


def test_whole_chunks_are_handed_on_as_they_came(loop: asyncio.AbstractEventLoop) -> None:
    told: list[bytes | None] = []
    connection = Upstream(Pool(loop, Address("h", 1, None)))
    connection.connection_made(Wire())  # type: ignore[arg-type]
    call = Served()
    call.on_body = lambda payload, wire: told.append(wire)  # type: ignore[method-assign]
    connection.send(call, b"")
    connection.data_received(HEAD + b"transfer-encoding: chunked\r\n\r\n")
    for piece in (b"5\r\nhello\r\n", b"5\r\nhel", b"lo\r\n", b"5\r\nhello\r\n0\r\n\r\n"):
        connection.data_received(piece)
    assert told == [b"5\r\nhello\r\n", b"5\r\nhello\r\n", None]


def test_body_without_length_ends_with_the_connection(loop: asyncio.AbstractEventLoop) -> None:
    call, _ = fed(loop, HEAD + b"\r\nhello", close=True)
    assert (call.body, call.ended) == (b"hello", True)


def test_connection_lost_in_the_middle_is_no_end(loop: asyncio.AbstractEventLoop) -> None:
    call, _ = fed(loop, PLAIN[:-3], close=True)
    assert (call.ended, call.lost) == (False, "closed")


def test_interim_response_is_passed_over(loop: asyncio.AbstractEventLoop) -> None:
    call, _ = fed(loop, b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + PLAIN)
    assert (call.status, call.ended) == (200, True)


@pytest.mark.parametrize(
    ("head", "why"),
    [
        (b"SSH-2.0-x\r\n\r\n", "not_http"),
        (b"HTTP/2 200\r\n\r\n", "not_http"),
        (b"HTTP/1.1 20x OK\r\n\r\n", "not_http"),
        (HEAD + b"content-length: 5\r\ncontent-length: 6\r\n\r\n", "ambiguous_length"),
        (HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n", "ambiguous_length"),
        (HEAD + b"content-length: -5\r\n\r\n", "ambiguous_length"),
        (HEAD + b"transfer-encoding: gzip\r\n\r\n", "ambiguous_length"),
        (HEAD + b"transfer-encoding: chunked\r\n\r\nnot-hex\r\n", "bad_chunk"),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n-5\r\nhello\r\n", "bad_chunk"),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nhelloXX", "bad_chunk"),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n1_0\r\n", "bad_chunk"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20000, "head_too_large"),
    ],
)
def test_response_that_cannot_be_framed_is_a_broken_home(
    loop: asyncio.AbstractEventLoop, head: bytes, why: str
) -> None:
    call, connection = fed(loop, head)
    assert (call.ended, call.lost) == (False, why)
    assert connection.transport.is_closing()


def test_bytes_nobody_asked_for_end_the_connection(loop: asyncio.AbstractEventLoop) -> None:
    call, connection = fed(loop, PLAIN)
    connection.data_received(PLAIN)
    assert connection.transport.is_closing()
    assert call.body == b"hello world"


def test_bytes_after_a_response_are_never_read_as_the_next(loop: asyncio.AbstractEventLoop) -> None:
    call, connection = fed(loop, PLAIN + PLAIN)
    assert call.body == b"hello world"
    assert connection.transport.is_closing()
