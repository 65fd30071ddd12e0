"""One pocket home: a server that answers in one dialect, from one engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec

from freehold import wire
from freehold.clock import Clock, SystemClock, ulid
from freehold.dialects import Codec, DialectError, Failure, Inbound, WireReply, codec, route
from freehold.pocket.engine import EchoEngine, Engine
from freehold.types.conversation import (
    Answer,
    Begin,
    Conversation,
    Finished,
    Text,
    TextDelta,
    Usage,
    UsageReport,
)


class PocketHome:
    """Answers the native paths of `dialect`; anything else is the dialect's own not-found."""

    def __init__(self, dialect: str, engine: Engine | None = None, clock: Clock | None = None) -> None:
        self.codec: Codec = codec(dialect)
        self._engine: Engine = engine or EchoEngine()
        self._clock: Clock = clock or SystemClock()

    async def serve(self, host: str, port: int) -> asyncio.Server:
        return await wire.serve(self.handle, host, port)

    async def handle(self, request: wire.Request) -> wire.Reply:
        if request.path == "/health":
            return wire.Reply(body=b"ok\n", headers={"content-type": "text/plain"})
        inbound = route(request.method, request.target)
        if inbound is None or inbound.dialect != self.codec.name:
            return self._refuse(404, "not_found", f"no such path: {request.method} {request.path}")
        try:
            conversation = self.codec.read_request(inbound, request.body)
        except DialectError as error:
            return self._refuse(error.status, "bad_request", error.what, error.why)
        return self._answer(inbound, conversation)

    def _answer(self, inbound: Inbound, conversation: Conversation) -> wire.Reply:
        id = f"pocket-{ulid(self._clock.now_ns())}"
        if conversation.stream or inbound.stream:
            writer = self.codec.stream_writer(conversation)

            async def frames() -> AsyncIterator[bytes]:
                for event in self._engine.answer(conversation, id):
                    yield writer.write(event)

            return wire.Reply(headers={"content-type": writer.content_type}, body=frames())
        answer = collect(self._engine, conversation, id)
        return wire.Reply(
            headers={"content-type": "application/json"},
            body=self.codec.write_answer(answer, conversation),
        )

    def _refuse(self, status: int, kind: str, what: str, why: str = "") -> wire.Reply:
        failure = Failure(status=status, kind=kind, what=what, why=why, code=f"pocket.{kind}")
        return _wire(self.codec.write_error(failure))


def _wire(reply: WireReply) -> wire.Reply:
    return wire.Reply(status=reply.status, headers=reply.headers, body=reply.body)


def collect(engine: Engine, conversation: Conversation, id: str) -> Answer:
    """A stream of events, as the one answer they add up to."""
    answer = Answer(id=id, model=conversation.model, blocks=(), finish="error")
    text, usage = "", Usage()
    for event in engine.answer(conversation, id):
        match event:
            case Begin():
                answer = msgspec.structs.replace(answer, id=event.id, model=event.model)
            case TextDelta():
                text += event.text
            case Finished():
                answer = msgspec.structs.replace(answer, finish=event.finish)
            case UsageReport():
                usage = event.usage
    return msgspec.structs.replace(answer, blocks=(Text(text=text),), usage=usage)
