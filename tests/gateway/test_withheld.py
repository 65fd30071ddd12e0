"""Policy strict: nobody holds a complete answer whose record could still be lost."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator

import msgspec
import pytest

from freehold import wire
from freehold.config import Duration
from freehold.errors import UnavailableError
from freehold.pocket import FaultRule
from freehold.types.homes import Policy
from freehold.types.names import HomeId, RecordId
from freehold.types.records import AlarmRecord, AttemptRecord, CallRecord
from tests.gateway.running import CALM, Got, Kept, Street, ask, street

STRICT = Policy(evidence="strict", on_cut="continue")
PATHS = {
    "openai": ("/v1/chat/completions", ask("[pocket words tokens=12]", stream=True)),
    "anthropic": ("/v1/messages", {**ask("[pocket words tokens=12]", stream=True), "max_tokens": 100}),
    "responses": ("/v1/responses", {"model": "chat", "stream": True, "input": "[pocket words tokens=12]"}),
}
ENDS = {"openai": b"[DONE]", "anthropic": b"message_stop", "responses": b"response.completed"}
DRIP = {0: {"slow": FaultRule(fault="slow_drip", seconds=0.001, bytes=100)}}


class Disk(Kept):
    """Its records are on disk when the test says so; kinds in `broken` never are."""

    def __init__(self, *broken: type, wait: bool = True) -> None:
        super().__init__()
        self.broken, self.wait = broken, wait
        self.asked: asyncio.Queue[type] = asyncio.Queue()
        self.synced: dict[type, asyncio.Event] = {AttemptRecord: asyncio.Event(), CallRecord: asyncio.Event()}

    async def durable(self, id: RecordId) -> None:
        kind = next(type(entry) for entry in self.records if entry.id == id)
        self.asked.put_nowait(kind)
        if kind in self.broken:
            raise UnavailableError("not kept", why="the disk is full", fix="", code="ledger.not-kept")
        if self.wait:
            await self.synced[kind].wait()

    async def was_asked_for(self, kind: type) -> None:
        async with asyncio.timeout(5):
            while await self.asked.get() is not kind:
                pass

    @property
    def alarms(self) -> list[AlarmRecord]:
        return [entry for entry in self.records if isinstance(entry, AlarmRecord)]


class Reading:
    """A caller that reads a stream and can be asked what it has so far."""

    def __init__(self, response: wire.Response) -> None:
        self.response, self.got = response, b""
        self._pieces: AsyncIterator[bytes] = response.chunks()

    async def until(self, text: bytes) -> None:
        async with asyncio.timeout(5):
            while text not in self.got:
                self.got += await anext(self._pieces)

    async def rest(self) -> bytes:
        async for piece in self._pieces:
            self.got += piece
        return self.got


async def post(place: Street, dialect: str) -> Got:
    path, body = PATHS[dialect]
    return await place.post(body, path)


@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize("api", ["openai", "anthropic", "bedrock-converse"])
async def test_first_content_waits_for_the_record_that_it_began(dialect: str, api: str) -> None:
    kept = Disk()
    async with street((api,), kept=kept, policy=STRICT, faults=DRIP) as place:
        answer = asyncio.create_task(post(place, dialect))
        await kept.was_asked_for(AttemptRecord)
        begun = kept.attempts[0]
        assert (begun.begun, begun.outcome, begun.number) == (True, None, 1)
        assert not kept.calls
        kept.synced[AttemptRecord].set()
        kept.synced[CallRecord].set()
        got = await answer
    assert got.status == 200
    assert ENDS[dialect] in got.body
    assert [call.id for call in kept.calls] == [begun.call]


@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize("api", ["openai", "anthropic", "bedrock-converse"])
async def test_end_of_a_stream_waits_for_the_record_of_its_call(dialect: str, api: str) -> None:
    kept = Disk()
    kept.synced[AttemptRecord].set()
    async with street((api,), kept=kept, policy=STRICT, faults=DRIP) as place:
        path, body = PATHS[dialect]
        async with await wire.request("POST", place.url + path, body=msgspec.json.encode(body)) as response:
            reading = Reading(response)
            await reading.until(b"data: ")
            await kept.was_asked_for(CallRecord)
            assert ENDS[dialect] not in reading.got
            kept.synced[CallRecord].set()
            assert ENDS[dialect] in await reading.rest()
    assert len(kept.calls) == 1


@pytest.mark.parametrize("dialect", PATHS)
async def test_stream_whose_beginning_cannot_be_recorded_is_refused_before_any_of_it(dialect: str) -> None:
    kept = Disk(AttemptRecord, wait=False)
    async with street(("openai",), kept=kept, policy=STRICT, faults=DRIP) as place:
        got = await post(place, dialect)
    assert got.status == 503
    assert "could not be kept" in got.error
    assert "the disk is full" in got.error
    assert [(call.outcome, call.error) for call in kept.calls] == [("failed", "gateway.not-recorded")]


@pytest.mark.parametrize("dialect", PATHS)
async def test_stream_whose_record_cannot_be_kept_ends_with_an_error(dialect: str) -> None:
    kept = Disk(CallRecord, wait=False)
    async with street(("openai",), kept=kept, policy=STRICT, faults=DRIP) as place:
        got = await post(place, dialect)
    assert ENDS[dialect] not in got.body
    assert b"could not be kept" in got.body
    assert len(kept.calls) == 1
    assert [alarm.about for alarm in kept.alarms] == [kept.calls[0].id]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_whole_answer_whose_record_cannot_be_kept_is_an_error(path: str) -> None:
    kept = Disk(CallRecord, wait=False)
    async with street(("openai",), kept=kept, policy=STRICT) as place:
        got = await place.post({**ask(), "max_tokens": 50}, path)
    assert got.status == 503
    assert "could not be kept" in got.error
    assert got.headers["x-should-retry"] == "false"
    assert len(kept.calls) == 1
    assert [alarm.alarm for alarm in kept.alarms] == ["gateway.answer-not-shown"]


async def calling(place: Street, stream: bool) -> socket.socket:
    """A caller that has asked, and can hang up hard."""
    made = socket.create_connection(("127.0.0.1", int(place.url.rpartition(":")[2])))
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    body = msgspec.json.encode(ask(stream=stream))
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(body)}\r\n\r\n"
    made.sendall(head.encode() + body)
    return made


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_caller_that_hangs_up_while_its_record_is_written_leaves_one_record(stream: bool) -> None:
    kept = Disk()
    kept.synced[AttemptRecord].set()
    async with street(("openai",), kept=kept, policy=STRICT) as place:
        caller = await calling(place, stream)
        await kept.was_asked_for(CallRecord)
        caller.close()
        async with asyncio.timeout(5):
            while place.plane.connections:
                await asyncio.sleep(0)
        kept.synced[CallRecord].set()
    assert [call.outcome for call in kept.calls] == ["ok"]


async def test_caller_that_hangs_up_before_the_beginning_is_on_record_leaves_one_record() -> None:
    kept = Disk()
    async with street(("openai",), kept=kept, policy=STRICT, faults=DRIP) as place:
        caller = await calling(place, stream=True)
        await kept.was_asked_for(AttemptRecord)
        caller.close()
        async with asyncio.timeout(5):
            while not kept.calls:
                await asyncio.sleep(0)
        kept.synced[AttemptRecord].set()
    assert [call.outcome for call in kept.calls] == ["cancelled"]


@pytest.mark.parametrize("after", [0, 6, 11])
async def test_strict_stream_that_is_cut_goes_on_elsewhere(after: int) -> None:
    kept = Disk(wait=False)
    faults = {0: {"cut": FaultRule(fault="cut_fin", after=after)}}
    async with street(("openai", "openai"), kept=kept, policy=STRICT, faults=faults) as place:
        got = await place.post(ask(stream=True))
    assert got.finished
    assert (kept.calls[0].outcome, kept.calls[0].rescued) == ("ok", True)


async def serve_once(answer: bytes) -> asyncio.Server:
    """A home that says all it has to say in one piece, and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
        writer.write(head + answer)
        await writer.drain()
        writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", 0)


async def test_stream_that_breaks_before_its_beginning_is_on_record_tells_both_then() -> None:
    kept = Disk()
    said = b'data: {"choices":[{"index":0,"delta":{"content":"so"},"finish_reason":null}]}\n\n'
    home = await serve_once(said + b'data: {"error":{"message":"no more"}}\n\n')
    async with home, street(("openai",), kept=kept, policy=Policy(evidence="strict")) as place:
        place.plane.lives[HomeId("home0")].pool.address.port = home.sockets[0].getsockname()[1]
        answer = asyncio.create_task(place.post(ask(stream=True)))
        await kept.was_asked_for(AttemptRecord)
        assert [call.outcome for call in kept.calls] == ["failed"]
        kept.synced[AttemptRecord].set()
        got = await answer
    assert got.text == "so"
    assert got.broken_off


async def test_recorder_that_never_answers_costs_the_answer_and_not_the_caller() -> None:
    """The home is not read meanwhile, and the whole call's time is the limit."""
    kept = Disk()
    timeouts = msgspec.structs.replace(CALM, total=Duration("300ms"))
    async with street(("openai",), kept=kept, policy=STRICT, faults=DRIP, timeouts=timeouts) as place:
        got = await place.post(ask(stream=True))
    assert got.status == 503
    assert [call.error for call in kept.calls] == ["gateway.not-recorded"]


async def test_answer_is_not_held_back_by_a_policy_that_is_not_strict() -> None:
    kept = Disk(AttemptRecord, CallRecord)
    async with street(("openai",), kept=kept) as place:
        assert (await place.post(ask(stream=True))).finished
    assert kept.asked.empty()
    assert not kept.attempts
