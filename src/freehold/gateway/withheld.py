"""Policy `strict`: what a caller may see of an answer, and when.

A whole answer waits until its record is on disk. Of a stream, the first content waits until a record says
that it began, and everything from its finish on until the call's own record is there: nobody ever holds a
complete answer whose record could still be lost. Errors are told at once.

`Withheld` stands in for the caller's connection of one such call, so that calls know nothing of all this.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, Final, Protocol

from freehold.dialects import Failure
from freehold.errors import FreeholdError
from freehold.gateway.passing import ENDED, FINISHED
from freehold.gateway.replies import refusal_extra
from freehold.gateway.seams import AtWork, Client
from freehold.types.conversation import StreamError
from freehold.types.names import RecordId

NOT_RECORDED: Final = "gateway.not-recorded"


class Keeping(Protocol):
    """What an answer that waits for its record needs of the plane."""

    def stay(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do it in the background; a gateway that stops waits for it."""
        ...

    async def durable(self, id: RecordId) -> None: ...
    def begun(self, call: Any) -> RecordId:
        """Record that content of this call is about to be shown."""
        ...

    def not_shown(self, call: Any, failure: Failure) -> None:
        """Record that an answer was kept from its caller, whatever its own record says."""
        ...

    def receipt_name(self, id: RecordId) -> bytes: ...


class Withheld:
    """A caller's connection that lets through what is on record. Implements `Client`."""

    __slots__ = ("_call", "_client", "_done", "_held", "_open", "_opening", "_plane", "_shown")

    def __init__(self, plane: Keeping, client: Client) -> None:
        self._plane, self._client = plane, client
        self._call: Any = None
        self._held: list[bytes] = []
        self._opening: asyncio.Task[None] | None = None
        self._open = False  # it is on record that the answer began
        self._shown = False  # the caller has seen some of it
        self._done = False  # the call has ended

    # --- what the call writes ---

    def begin(self, call: AtWork) -> None:
        self._call = call
        self._client.begin(call)

    def write(self, data: bytes) -> None:
        complete = self._complete
        if self._open and not complete:
            self._client.write(data)
            return
        self._held.append(data)
        if self._opening is None and not complete:
            self._opening = self._plane.stay(self._show_begun(self._plane.begun(self._call)))
            self._call.hold(True)

    def call_done(self) -> None:
        self._done = True
        if self._gone or not self._held:
            self._held.clear()
            self._client.call_done()
        elif self._complete:
            self._plane.stay(self._show_all())
        # else: the answer broke off before its beginning was on record; `_show_begun` tells both

    @property
    def _complete(self) -> bool:
        """Is what is written now, or already was, the end of a good answer?"""
        lane = self._call.lane
        return self._call.ending == "ok" or (lane is not None and lane.state in (FINISHED, ENDED))

    @property
    def _gone(self) -> bool:
        return self._client.call is not self._call

    # --- what the record allows ---

    async def _show_begun(self, id: RecordId) -> None:
        try:
            await self._plane.durable(id)
        except Exception as error:  # noqa: BLE001  # whatever the recorder says: the caller must be told
            if not self._gone and not self._complete:
                self._refuse(error)
            return
        self._open = True
        if self._gone or (self._done and self._complete):
            return
        if not self._complete:
            self._let_out()
        if self._done:
            self._client.call_done()
        else:
            self._call.hold(False)

    async def _show_all(self) -> None:
        try:
            await self._plane.durable(self._call.id)
        except Exception as error:  # noqa: BLE001  # as above
            failure = _not_recorded(error)
            self._plane.not_shown(self._call, failure)
            if not self._gone:
                self._tell(failure)
        else:
            if not self._gone:
                self._let_out()
        if not self._gone:
            self._client.call_done()

    def _let_out(self) -> None:
        self._shown = True
        self._client.write(b"".join(self._held))
        self._held.clear()

    def _refuse(self, error: Exception) -> None:
        """The answer had hardly begun: it is given up, and the caller is told before it saw any of it."""
        self._held.clear()
        failure = _not_recorded(error)
        if self._done:
            self._tell(failure)
            self._client.call_done()
        else:
            self._call.give_up(failure)

    def _tell(self, failure: Failure) -> None:
        """In the caller's dialect: a status where it has seen nothing yet, else the stream's last event."""
        call, client = self._call, self._client
        near = call.asked.near
        if self._shown:
            event = StreamError(kind=failure.code, message=failure.message, status=failure.status)
            writer = near.stream_writer(call.asked.conversation)
            client.write(client.chunk(writer.write(event)) + client.last_chunk)
            return
        written = near.write_error(failure)
        named = self._plane.receipt_name(call.id)
        extra = refusal_extra(call.route, call.attempts, named, may_retry=False)
        client.reply(written.status, written.headers, written.body, extra)

    # --- passed on ---

    @property
    def call(self) -> AtWork | None:
        return self._client.call

    @property
    def paused(self) -> bool:
        return self._client.paused or (self._opening is not None and not self._open)

    @property
    def chunked(self) -> bool:
        return self._client.chunked

    @property
    def last_chunk(self) -> bytes:
        return self._client.last_chunk

    @property
    def framing(self) -> bytes:
        return self._client.framing

    def chunk(self, data: bytes) -> bytes:
        return self._client.chunk(data)

    def reply(self, status: int, headers: Mapping[str, str], body: bytes, extra: bytes = b"") -> None:
        self._client.reply(status, headers, body, extra)

    def refuse(self, status: int, why: str) -> None:
        self._client.refuse(status, why)

    def finish_reply(self) -> None:
        self._client.finish_reply()

    def abort(self) -> None:
        """The call waited too long for its caller, or here for the record that it began."""
        if self._opening is not None and not self._open and not self._gone:
            self._opening.cancel()
            self._refuse(TimeoutError("it was not on record in time"))
        else:
            self._client.abort()


def _not_recorded(error: Exception) -> Failure:
    return Failure(
        status=503, kind="refused", what="the answer is not shown, because its record could not be kept",
        why=error.why if isinstance(error, FreeholdError) else str(error) or type(error).__name__,
        fix="ask whoever runs this gateway about its ledger; the home was asked, and may charge for it",
        code=NOT_RECORDED,
    )  # fmt: skip
