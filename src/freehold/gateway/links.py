"""How the process in front speaks to the gateway processes: short messages over a socket pair each.

With one process there is no socket: the same questions are asked of it directly.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Final, Literal, Protocol

import msgspec

from freehold.gateway.desk import Visit
from freehold.gateway.exposition import Snapshot
from freehold.gateway.worker import HeadroomState, HomeState, Report, Worker

MESSAGE_BYTES_MAX: Final = 16 * 1024 * 1024
ANSWER_SECONDS_MAX: Final = 10.0

Kind = Literal["measure", "homes", "headroom", "reload", "ready", "receipt", "keys", "limits"]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What the process in front wants to know."""

    kind: Kind
    id: str = ""  # of a receipt
    visit: Visit | None = None  # to the desk of keys


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A worker's answer to any question."""

    ready: bool = False
    measured: Snapshot | None = None
    homes: tuple[HomeState, ...] = ()
    headroom: HeadroomState | None = None
    report: Report | None = None
    receipt: tuple[int, bytes] | None = None
    keys: tuple[int, bytes] | None = None
    away: str = ""  # why what is shared does not answer


class Link(Protocol):
    async def ask(self, question: Question) -> Told | None:
        """The answer, or None if the process is not there."""
        ...


async def answer(worker: Worker, question: Question) -> Told:
    worker.settle()
    match question.kind:
        case "measure":
            return Told(ready=worker.ready, measured=worker.measure())
        case "homes":
            return Told(ready=worker.ready, homes=tuple(worker.homes()))
        case "headroom":
            return Told(ready=worker.ready, headroom=worker.headroom())
        case "reload":
            return Told(ready=worker.ready, report=await worker.reload())
        case "receipt":
            return Told(ready=worker.ready, receipt=await asyncio.to_thread(worker.receipt, question.id))
        case "keys":
            return Told(ready=worker.ready, keys=await worker.keys(question.visit))
        case "limits":
            return Told(ready=worker.ready, measured=await worker.limits())
        case "ready":
            return Told(ready=worker.ready and worker.knows_keys, away=worker.away)


class DirectLink:
    """To a worker in the same process."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def ask(self, question: Question) -> Told | None:
        return await answer(self._worker, question)


class SocketLink:
    """To a worker in a process of its own; one question at a time."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._turn = asyncio.Lock()

    async def ask(self, question: Question) -> Told | None:
        async with self._turn:
            try:
                async with asyncio.timeout(ANSWER_SECONDS_MAX):
                    if self._streams is None:
                        self._streams = await asyncio.open_connection(sock=self._end)
                    reader, writer = self._streams
                    await _send(writer, msgspec.msgpack.encode(question))
                    return msgspec.msgpack.decode(await _receive(reader), type=Told)
            except (OSError, EOFError, TimeoutError, msgspec.DecodeError):
                return None

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
        else:
            self._end.close()


async def serve_link(worker: Worker, end: socket.socket) -> None:
    """In the worker: answer questions until the process in front goes away."""
    reader, writer = await asyncio.open_connection(sock=end)
    try:
        while True:
            question = msgspec.msgpack.decode(await _receive(reader), type=Question)
            told = await answer(worker, question)
            await _send(writer, msgspec.msgpack.encode(told))
    except (EOFError, OSError, msgspec.DecodeError):
        return
    finally:
        writer.close()


async def _send(writer: asyncio.StreamWriter, message: bytes) -> None:
    writer.write(struct.pack(">I", len(message)) + message)
    await writer.drain()


async def _receive(reader: asyncio.StreamReader) -> bytes:
    (size,) = struct.unpack(">I", await reader.readexactly(4))
    if size > MESSAGE_BYTES_MAX:
        raise EOFError("a message that is too large ends the link")
    return await reader.readexactly(size)
