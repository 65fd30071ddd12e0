"""How a call ends towards its caller: an answer that is a refusal, or the truth at the end of a stream."""

from __future__ import annotations

import msgspec

from freehold.dialects import Failure
from freehold.gateway.callstate import DONE, WAITING, CallState
from freehold.gateway.replies import refusal_extra
from freehold.types.conversation import StreamError


class Ends(CallState):
    """A call that can be ended. Every path goes through `_close`, once."""

    __slots__ = ()

    def _give(self, failure: Failure, verbatim: bytes = b"") -> None:
        """An answer that is a refusal: the home's own words, or ours in the caller's dialect."""
        if self.plane.inherited(self):
            return
        self.error = failure.code
        kind = failure.kind
        if failure.code == "gateway.client-fault":
            self.ending = "filtered" if kind == "content_filter" else "client_fault"
        elif failure.status < 500 and failure.status != 429:
            self.ending = "client_fault"
        if self._left_out and not failure.why:
            failure = msgspec.structs.replace(
                failure, why="; ".join(f"{one.home}: {one.why}" for one in self._left_out)
            )
        may_retry = failure.retry_after_ms is not None
        extra = refusal_extra(self.route, self.attempts, self.plane.receipt_name(self.id), may_retry)
        if verbatim:
            self.log_status = self.status
            self.client.reply(self.status, {"content-type": "application/json"}, verbatim, extra)
        else:
            written = self.asked.near.write_error(failure)
            self.log_status = written.status
            self.client.reply(written.status, written.headers, written.body, extra)
        self._close()

    def _end_with_error(self, failure: Failure) -> None:
        """The truth, in the caller's dialect, as the last event of the stream."""
        writer = self.writer or self.asked.near.stream_writer(self.asked.conversation)
        event = StreamError(kind=failure.code, message=failure.message, status=failure.status)
        self.client.write(self.client.chunk(writer.write(event)) + self.client.last_chunk)
        self.error = failure.code
        self.ending = "failed"
        self._close()

    def client_gone(self) -> None:
        """The caller hung up: the home is told so, and what it did is recorded."""
        if self.phase == DONE:
            return
        self.ending = "cancelled"
        self._let_go()
        self._close()

    def give_up(self, failure: Failure) -> None:
        """For a reason of our own, before the caller has seen anything of the answer."""
        if self.phase == DONE:
            return
        self._let_go()
        self._give(failure)

    def _let_go(self) -> None:
        """Of a home that did nothing wrong."""
        if self.lane is not None:
            self.usage, self.told = self.lane.usage, self.lane
        if self.route is not None and self.phase != WAITING:
            self.route.health.gave_up()
        self._drop_connection()
