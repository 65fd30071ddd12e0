import asyncio
from collections.abc import AsyncIterator

import pytest

from freehold import wire
from freehold.errors import UnavailableError


async def echo(request: wire.Request) -> wire.Reply:
    return wire.Reply(body=request.body, headers={"x-path": request.path})


async def drip(request: wire.Request) -> wire.Reply:
    async def chunks() -> AsyncIterator[bytes]:
        for number in range(3):
            yield str(number).encode()

    return wire.Reply(body=chunks())


async def ask(handler: wire.Handler, body: bytes = b"") -> tuple[int, bytes]:
    server = await wire.serve(handler, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{wire.port_of(server)}/path?query"
        async with await wire.request("POST", url, body=body) as response:
            return response.status, await response.read()


async def say(raw: bytes) -> bytes:
    """What the server answers to exactly these bytes."""
    server = await wire.serve(echo, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port_of(server))
        writer.write(raw)
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        return answer


def test_whole_body_comes_back() -> None:
    assert asyncio.run(ask(echo, b"x" * 200_000)) == (200, b"x" * 200_000)


def test_chunks_come_back_joined() -> None:
    assert asyncio.run(ask(drip)) == (200, b"012")


@pytest.mark.parametrize("raw", [b"\x00\xff\xfe\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"])
def test_bytes_that_are_not_http_get_a_400(raw: bytes) -> None:
    assert asyncio.run(say(raw)).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(("asked", "kept"), [(b"close", b"close"), (b"keep-alive", b"keep-alive")])
def test_connection_is_kept_only_when_the_client_keeps_it(asked: bytes, kept: bytes) -> None:
    answer = asyncio.run(say(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: " + asked + b"\r\n\r\n"))
    assert b"connection: " + kept in answer


def test_http_without_a_version_gets_a_505() -> None:
    assert asyncio.run(say(b"GET /\r\n\r\n")).startswith(b"HTTP/1.1 505 ")


def test_head_over_the_limit_gets_a_431() -> None:
    raw = b"GET / HTTP/1.1\r\nx: " + b"y" * (wire.HEAD_BYTES_MAX + 1) + b"\r\n\r\n"
    assert asyncio.run(say(raw)).startswith(b"HTTP/1.1 431 ")


def test_request_cut_in_the_middle_gets_a_400() -> None:
    raw = b"POST / HTTP/1.1\r\ncontent-length: 10\r\n\r\nabc"
    assert asyncio.run(say(raw)).startswith(b"HTTP/1.1 400 ")


def test_port_in_use_says_so_and_what_to_do() -> None:
    async def twice() -> None:
        async with await wire.serve(echo, "127.0.0.1", 0) as first:
            await wire.serve(echo, "127.0.0.1", wire.port_of(first))

    with pytest.raises(UnavailableError) as caught:
        asyncio.run(twice())
    assert caught.value.code == "core.port-in-use"
    assert "choose another port" in caught.value.fix
