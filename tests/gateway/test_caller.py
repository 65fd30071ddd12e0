"""A caller's connection against what clients do, by accident and on purpose."""

import asyncio

import msgspec
import pytest

from freehold.config import Size
from freehold.gateway.settings import GatewaySettings
from tests.gateway.running import Street, ask, street

BODY = msgspec.json.encode(ask("to be"))


def request(body: bytes = BODY, *lines: bytes, length: bytes | None = None, version: bytes = b"1.1") -> bytes:
    said = b"%d" % len(body) if length is None else length
    head = [b"POST /v1/chat/completions HTTP/" + version, b"host: 127.0.0.1", *lines]
    if said:
        head.append(b"content-length: " + said)
    return b"\r\n".join(head) + b"\r\n\r\n" + body


async def talk(place: Street, *pieces: bytes, read_all: bool = True) -> bytes:
    """Send raw bytes, piece by piece, and read what comes back until the gateway closes or falls silent."""
    port = int(place.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        heard = b""
        while True:
            try:
                data = await asyncio.wait_for(reader.read(65536), 0.25)
            except TimeoutError:
                return heard
            if not data:
                return heard + b"<closed>"
            heard += data
    except ConnectionError:
        return heard + b"<closed>"
    finally:
        writer.close()


def statuses(heard: bytes) -> list[int]:
    return [int(part[:3]) for part in heard.split(b"HTTP/1.1 ")[1:]]


async def test_connection_is_kept_and_pipelined_requests_are_answered_in_turn() -> None:
    async with street(("openai",)) as place:
        heard = await talk(place, request() * 5)
    assert statuses(heard) == [200] * 5
    assert not heard.endswith(b"<closed>")


async def test_request_in_single_bytes_is_one_request() -> None:
    async with street(("openai",)) as place:
        heard = await talk(place, *[bytes([byte]) for byte in request()])
    assert statuses(heard) == [200]


async def test_chunked_body_is_read_by_the_careful_reader() -> None:
    chunked = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (BODY[:7], BODY[7:])) + b"0\r\n\r\n"
    async with street(("openai",)) as place:
        heard = await talk(place, request(chunked, b"transfer-encoding: chunked", length=b""))
    assert statuses(heard) == [200]


async def test_client_that_waits_for_100_continue_is_told_to_go_on() -> None:
    whole = request(BODY, b"expect: 100-continue")
    cut = len(whole) - len(BODY)
    async with street(("openai",)) as place:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(place.url.rpartition(":")[2]))
        writer.write(whole[:cut])
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(whole[cut:])
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK")
        writer.close()


async def test_http_1_0_client_gets_a_body_that_ends_with_the_connection() -> None:
    body = msgspec.json.encode(ask("to be", stream=True))
    async with street(("openai",)) as place:
        heard = await talk(place, request(body, version=b"1.0"))
    assert heard.endswith(b"data: [DONE]\n\n<closed>")
    assert b"transfer-encoding" not in heard


@pytest.mark.parametrize("stream", [False, True])
async def test_caller_that_says_close_is_hung_up_on_after_its_answer(stream: bool) -> None:
    body = msgspec.json.encode(ask("to be", stream=stream))
    async with street(("openai",)) as place:
        heard = await talk(place, request(body, b"connection: close"), request())
    assert statuses(heard) == [200]
    assert heard.endswith(b"<closed>")


SMUGGLED = b"GET /v1/models HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (request(BODY, b"content-length: 3"), 400),
        (request(b"0\r\n\r\n" + SMUGGLED, b"transfer-encoding: chunked"), 400),
        (request(b"0\r\n\r\n" + SMUGGLED, b"transfer-encoding: xchunked", length=b""), 501),
        (request(b"0\r\n\r\n", b"transfer-encoding: gzip, chunked", length=b""), 501),
        (request(BODY, b"transfer-encoding : chunked"), 400),
        (request(BODY, b"x: y\r\n folded"), 400),
        (request(BODY, b"host: other"), 400),
        (request(BODY, b"na me: v"), 400),
        (request(b"zz\r\n", b"transfer-encoding: chunked", length=b""), 400),
        (request(BODY, b"upgrade: websocket", b"connection: upgrade"), 501),
        (request(BODY, b"expect: tea"), 417),
        (request(BODY, length=b"1e3"), 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"BREW / HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (b"get / HTTP/1.1\r\nhost: x\r\n\r\n", 400),
    ],
)
async def test_ambiguous_request_is_refused_and_the_connection_ends(data: bytes, status: int) -> None:
    async with street(("openai",)) as place:
        heard = await talk(place, data)
        asked = place.homes[0].log.entries
    assert statuses(heard) == [status]
    assert heard.endswith(b"<closed>")
    assert len(asked) == 0


async def test_head_and_body_have_limits() -> None:
    small = GatewaySettings(head_max=Size("2KiB"), body_max=Size("1KiB"))
    async with street(("openai",), settings=small) as place:
        head = await talk(place, request(BODY, b"x: " + b"y" * 4000))
        endless = await talk(place, b"POST / HTTP/1.1\r\n" + b"x: y\r\n" * 1000)
        body = await talk(place, request(b" " * 2000))
        chunked = await talk(
            place,
            request(b"7d0\r\n" + b" " * 2000 + b"\r\n0\r\n\r\n", b"transfer-encoding: chunked", length=b""),
        )
    assert [statuses(one) for one in (head, endless, body, chunked)] == [[431], [431], [413], [413]]


async def test_bad_utf8_in_the_body_is_told_in_the_dialect() -> None:
    async with street(("openai",)) as place:
        heard = await talk(place, request(b'{"model": "\xff"}'))
    assert statuses(heard) == [400]
    assert b"invalid_request_error" in heard


async def test_slow_request_is_given_up() -> None:
    async with street(("openai",)) as place:
        port = int(place.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request()[:40])
        await writer.drain()
        await asyncio.sleep(0.01)
        for connection in place.plane.connections:
            connection.expired()  # what the deadline does when its time has come
        assert (await reader.read()).startswith(b"HTTP/1.1 408")
        writer.close()


async def test_caller_who_hangs_up_is_recorded_and_the_home_is_let_go() -> None:
    asked = msgspec.json.encode(ask("[pocket words tokens=200 tokens_per_s=50]", stream=True))
    async with street(("openai",)) as place:
        await asyncio.wait_for(talk_and_leave(place, request(asked)), 2)
        async with asyncio.timeout(2):
            while not place.kept.calls:
                await asyncio.sleep(0.01)
        assert place.kept.calls[0].outcome == "cancelled"
        assert place.plane.in_flight == 0


async def talk_and_leave(place: Street, data: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(place.url.rpartition(":")[2]))
    writer.write(data)
    await reader.readuntil(b"content")
    writer.transport.abort()


async def test_no_more_connections_are_taken_than_allowed() -> None:
    async with street(("openai",), settings=GatewaySettings(connections_max=1)) as place:
        port = int(place.url.rpartition(":")[2])
        _, first = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.sleep(0.01)
        second, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await second.read() == b""
        first.close()
        writer.close()


async def test_gateway_that_drains_finishes_calls_and_takes_no_new_ones() -> None:
    asked = ask("[pocket words tokens=30 tokens_per_s=200]", stream=True)
    async with street(("openai",)) as place:
        running = asyncio.create_task(place.post(asked))
        async with asyncio.timeout(2):
            while not place.plane.in_flight:
                await asyncio.sleep(0.001)
        left = await place.plane.drain(5.0)
        assert left == 0
        assert (await running).finished


async def test_connection_half_closed_by_its_caller_is_let_go_after_the_answer() -> None:
    async with street(("openai",)) as place:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(place.url.rpartition(":")[2]))
        writer.write(request())
        writer.write_eof()
        assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
        writer.close()
        async with asyncio.timeout(2):
            while place.plane.connections:
                await asyncio.sleep(0.001)
