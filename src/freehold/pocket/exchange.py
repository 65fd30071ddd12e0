"""One request being answered: what the home would send, as pieces that a fault may change, hold or break."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from itertools import chain
from typing import NamedTuple

import msgspec

from freehold import wire
from freehold.dialects import Failure
from freehold.dialects.assemble import Collector
from freehold.pocket.engine import Engine, Step, Wait
from freehold.pocket.intake import Asked
from freehold.pocket.line import Line
from freehold.types.conversation import (
    Conversation,
    Event,
    TextDelta,
    ThinkingDelta,
    ToolDelta,
    UsageReport,
)

JSON = {"content-type": "application/json"}
CONTENT = (TextDelta, ThinkingDelta, ToolDelta)

Change = Callable[[Iterable[Step]], Iterable[Step]]


def unchanged(steps: Iterable[Step]) -> Iterable[Step]:
    return steps


class Piece(NamedTuple):
    data: bytes
    content: bool  # part of what the model says, and not a frame around it


class Prepared(msgspec.Struct, kw_only=True):
    """A reply about to be sent."""

    status: int = 200
    headers: dict[str, str]
    body: bytes | AsyncIterator[Piece]

    async def pieces(self) -> AsyncIterator[Piece]:
        """The pieces of a stream; a whole body is two halves, of which the second counts as content."""
        if isinstance(self.body, bytes):
            middle = len(self.body) // 2
            yield Piece(self.body[:middle], content=False)
            yield Piece(self.body[middle:], content=True)
            return
        async for piece in self.body:
            yield piece

    @property
    def length(self) -> int | None:
        return len(self.body) if isinstance(self.body, bytes) else None


class Exchange:
    """One request, what it asks, and the line to answer it on."""

    def __init__(self, *, request: wire.Request, line: Line, engine: Engine, id: str, asked: Asked) -> None:
        self.request, self.line, self.id = request, line, id
        self.codec, self.vendor = asked.codec, asked.manner
        self.headers = asked.headers  # the vendor's own on every reply: request id, rate limits
        self.conversation = asked.conversation
        self.output_tokens = 0
        self._asked, self._engine = asked, engine

    @property
    def streaming(self) -> bool:
        if self.conversation is None or self._asked.refusal is not None:
            return False
        inbound = self._asked.inbound
        return self.conversation.stream or bool(inbound and inbound.stream)

    async def prepare(self, change: Change = unchanged) -> Prepared:
        """The reply, with its events changed on the way."""
        refusal = self._asked.refusal
        if refusal is not None:
            headers = {**self.headers, **refusal.headers}
            return Prepared(status=refusal.status, headers=headers, body=refusal.body)
        if self.conversation is None:
            return Prepared(headers={**self.headers, **JSON}, body=self._asked.ready or b"")
        steps = iter(change(self._engine.answer(self.conversation, self.id)))
        first = await self._next(steps)  # an engine that refuses does so before the first byte is sent
        steps = chain(() if first is None else (first,), steps)
        if self.streaming:
            return self._stream(self.conversation, steps)
        return await self._whole(self.conversation, steps)

    def _stream(self, conversation: Conversation, steps: Iterator[Step]) -> Prepared:
        writer = self.codec.stream_writer(conversation)

        async def pieces() -> AsyncIterator[Piece]:
            async for event in self._events(steps):
                yield Piece(writer.write(event), isinstance(event, CONTENT))

        return Prepared(headers={**self.headers, "content-type": writer.content_type}, body=pieces())

    async def _whole(self, conversation: Conversation, steps: Iterator[Step]) -> Prepared:
        collector = Collector()
        async for event in self._events(steps):
            collector.take(event)
        if (broken := collector.error) is not None:
            failure = Failure(status=broken.status or 500, kind=broken.kind, what=broken.message)
            reply = self.codec.write_error(failure)
            headers = {**self.headers, **reply.headers}
            return Prepared(status=reply.status, headers=headers, body=reply.body)
        body = self.codec.write_answer(collector.answer(), conversation)
        return Prepared(headers={**self.headers, "content-type": self.codec.answer_type}, body=body)

    async def _events(self, steps: Iterator[Step]) -> AsyncIterator[Event]:
        while (step := await self._next(steps)) is not None:
            if isinstance(step, Wait):
                await self.line.sleep(step.seconds)
                continue
            if isinstance(step, UsageReport):
                self.output_tokens = step.usage.output or 0
            yield step

    async def _next(self, steps: Iterator[Step]) -> Step | None:
        return await asyncio.to_thread(next, steps, None) if self._engine.blocking else next(steps, None)

    async def send(self, prepared: Prepared) -> None:
        if isinstance(prepared.body, bytes):
            await self.line.whole(prepared.status, prepared.headers, prepared.body)
            return
        await self.line.head(prepared.status, prepared.headers, length=prepared.length)
        async for piece in prepared.pieces():
            await self.line.write(piece.data)
        await self.line.end()

    async def send_until(self, prepared: Prepared, after: int) -> bytes:
        """Send all that comes before the piece of content after `after` others, and give that one back.

        Of a whole body the first half is sent. Empty if the answer was over before.
        """
        await self.line.head(prepared.status, prepared.headers, length=prepared.length)
        left = 0 if prepared.length is not None else after
        async for piece in prepared.pieces():
            if piece.content and left == 0:
                return piece.data
            left -= piece.content
            await self.line.write(piece.data)
        return b""

    async def tell(self, failure: Failure, headers: dict[str, str] | None = None) -> None:
        """An error, whole, in the dialect's shape."""
        reply = self.codec.write_error(failure)
        await self.line.whole(reply.status, {**self.headers, **reply.headers, **(headers or {})}, reply.body)
