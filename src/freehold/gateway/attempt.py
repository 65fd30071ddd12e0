"""One try at one home: send, and hold the answer back until it is known to be one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from freehold import wire
from freehold.dialects import Codec, DialectError, Outcome, Target, codec
from freehold.dialects.base import StreamReader
from freehold.types.conversation import (
    Answer,
    Begin,
    Conversation,
    Event,
    Ping,
    StreamError,
    UnknownEvent,
    UsageReport,
)
from freehold.types.homes import Home

FIRST_CONTENT_SECONDS_MAX = 60.0
_LIFECYCLE = (Begin, Ping, UnknownEvent, UsageReport)


class Live(msgspec.Struct, kw_only=True):
    """A stream that has shown content (or its end): what came so far, and the rest."""

    held: list[Event]
    reader: StreamReader
    response: wire.Response
    chunks: AsyncIterator[bytes]

    async def events(self) -> AsyncIterator[Event]:
        """Every event; a stream that breaks yields a StreamError as its last."""
        for event in self.held:
            yield event
        try:
            async for data in self.chunks:
                for event in self.reader.feed(data):
                    yield event
        except (OSError, TimeoutError, wire.WireError, DialectError) as error:
            yield StreamError(kind="cut", message=f"the home broke off: {type(error).__name__}")
            return
        for event in self.reader.close():
            yield event


async def attempt(home: Home, conversation: Conversation, credential: str | None) -> Answer | Live | Outcome:
    """An answer, a live stream, or the typed outcome that says what to do next."""
    far = codec(home.api or "openai")
    target = Target(api=home.api or "openai", model=home.model_name or home.model or "")
    request = far.write_request(conversation, target)
    headers = dict(request.headers)
    if credential:
        headers["authorization"] = f"Bearer {credential}"
    url = (home.url or "").rstrip("/") + request.path
    try:
        response = await wire.request(
            request.method, url, headers=headers, body=request.body, idle_seconds=FIRST_CONTENT_SECONDS_MAX
        )
        return await _judge(far, response, conversation.stream)
    except (OSError, TimeoutError, wire.WireError, DialectError) as error:
        return Outcome(action="next_home", kind="unreachable", status=502, message=type(error).__name__)


async def _judge(far: Codec, response: wire.Response, stream: bool) -> Answer | Live | Outcome:
    try:
        if response.status < 400 and stream:
            live = await _first_content(far, response)
            if live is not None:
                return live
            return Outcome(action="next_home", kind="no_content", status=502, message="no content came")
        body = await response.read()
    except BaseException:
        response.close()
        raise
    response.close()
    outcome = far.outcome(response.status, response.headers, body)
    return far.read_answer(body) if outcome.action == "answer" else outcome


async def _first_content(far: Codec, response: wire.Response) -> Live | None:
    """Hold lifecycle frames back until content shows that this home really answers."""
    live = Live(held=[], reader=far.stream_reader(), response=response, chunks=response.chunks())
    async for data in live.chunks:
        live.held.extend(live.reader.feed(data))
        if any(isinstance(event, StreamError) for event in live.held):
            break
        if any(not isinstance(event, _LIFECYCLE) for event in live.held):
            return live
    response.close()
    return None
