"""One call, from its first attempt to its end: the state machine that the connections drive.

Nothing here waits. The caller's connection, the home's connection and the deadlines call in; every path ends
in `_close`, exactly once, which leaves the records.
"""

from __future__ import annotations

from typing import Final

import msgspec

from freehold.dialects import DialectError, Outcome
from freehold.gateway.callstate import CONNECTING, ERROR_BODY, HEADING, STREAM, WAITING, WHOLE
from freehold.gateway.passing import FINISHED, LIVE, WHOLES
from freehold.gateway.replies import headers_of, whole_reply
from freehold.gateway.streaming import Streaming
from freehold.gateway.told import whole_of
from freehold.gateway.wires import Whole

ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024
ERROR_BYTES_MAX: Final = 1024 * 1024
SLOW_CALLER_SECONDS: Final = 60.0  # a caller that takes nothing for so long has gone
_TIMEOUTS = {HEADING: "header_timeout", ERROR_BODY: "idle_timeout", WHOLE: "idle_timeout"}


class Call(Streaming):
    """Serves one caller's connection with the answer of one home."""

    __slots__ = ()

    # --- what the home's connection says ---

    def on_whole(self, lower: bytes, raw: bytes, body: bytes) -> None:
        self.connection, self.phase = None, WHOLE
        self.status, self._raw_head = 200, raw
        assert self.route is not None
        self.plane.traffic.heard(self.route, lower)
        self._whole(body, lower)

    def on_head(self, status: int, lower: bytes, raw: bytes) -> None:
        self.status = status
        assert self.route is not None
        self.plane.traffic.heard(self.route, lower)
        if status >= 300:  # redirects are not followed: a credential goes to the home's own address only
            self.phase, self._raw_head = ERROR_BODY, raw
            self.deadline = min(self.plane.now() + self._idle, self._total_by)
            return
        if not self.asked.stream:
            self.phase, self._raw_head = WHOLE, raw
            self.deadline = self._content_by
            return
        if b"event-stream" not in lower and b"eventstream" not in lower:
            self.phase, self._raw_head = WHOLE, raw
            self.deadline = self._content_by
            return
        self.phase = STREAM
        self.deadline = self._content_by
        self.lane = self._lane()

    def on_body(self, payload: bytes, wire: bytes | None) -> None:
        if self.phase == STREAM:
            self._on_stream(payload, wire)
            return
        self._pieces.append(payload)
        self._body_size += len(payload)
        limit = ANSWER_BYTES_MAX if self.phase == WHOLE else ERROR_BYTES_MAX
        if self._body_size > limit:
            self._failed(
                Outcome(action="next_home", kind="too_large_answer", status=502, message="too large")
            )
        elif self._body_size > len(payload):
            self.deadline = min(self.plane.now() + self._idle, self._total_by)

    def on_end(self) -> None:
        self.connection = None
        if self.phase == STREAM:
            self._stream_over("cut")
        elif self.phase == WHOLE:
            body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
            self._whole(body, self._raw_head.lower())
        elif self.phase == ERROR_BODY:
            self._refused(b"".join(self._pieces))

    def on_lost(self, why: str) -> None:
        connection, self.connection = self.connection, None
        if self.phase == STREAM:
            self._stream_over("cut" if why in ("closed", "reset") else why)
            return
        stale = connection is not None and connection.used > 1 and not connection.answered
        if stale and not self._retried_stale and self.phase == HEADING:
            # A kept connection that the home had closed meanwhile: no fault of the home, and no attempt.
            self._retried_stale = True
            self.phase = CONNECTING
            assert self.route is not None
            self._open(self.route)
            return
        if self.phase == ERROR_BODY:
            self._refused(b"".join(self._pieces))
            return
        kind = "truncated" if self.phase == WHOLE else why
        self._failed(Outcome(action="next_home", kind=kind, status=502, message="the connection broke"))

    def on_writable(self, writable: bool) -> None:
        """The home takes no more of a large request for now. Its body is ours already: nobody is held up."""

    # --- what the deadlines and the caller's connection say ---

    def expired(self) -> None:
        """Called by the deadlines: something took too long."""
        now = self.plane.now()
        if self.phase == STREAM and self.lane is not None and self.lane.state == FINISHED:
            self._drop_connection()
            self._stream_over("cut")
            return
        if self.client.paused and self.committed:
            self.client.abort()
            return
        if now >= self._total_by:
            kind = "total_timeout"
        elif self.phase == STREAM:
            kind = (
                "idle_timeout"
                if self.lane is not None and self.lane.state == LIVE
                else "first_content_timeout"
            )
        else:
            kind = _TIMEOUTS.get(self.phase, "connect_timeout")
        self._drop_connection()
        if self.phase == STREAM and self.committed:
            self._cut(kind)
        elif self.phase != WAITING or kind == "total_timeout":
            self._failed(Outcome(action="next_home", kind=kind, status=504, message="it took too long"))

    def hold(self, paused: bool) -> None:
        """The caller reads slower than the home writes."""
        if self.connection is None or self.phase != STREAM:
            return
        now = self.plane.now()
        if paused:
            self.connection.transport.pause_reading()
            self.deadline = min(now + SLOW_CALLER_SECONDS, self._total_by)
        else:
            self.connection.transport.resume_reading()
            self.deadline = min(now + self._idle, self._total_by)

    # --- whole answers ---

    def _whole(self, body: bytes, lower: bytes) -> None:
        """A whole answer has come; is it one? `lower`: its head, in lower case."""
        route = self.route
        assert route is not None
        asked = self.asked
        if asked.stream or lower.find(b"\r\ncontent-type: text/html") >= 0:
            self._failed(
                Outcome(action="next_home", kind="wrong_content_type", status=502, message="not an answer")
            )
            return
        try:
            if asked.side is not None:
                body, usage = asked.side.answer(route, body)
                told = Whole(True, usage, "")
            elif self._passing and asked.dialect in WHOLES:
                told = WHOLES[asked.dialect](body)
            elif self._passing:
                told = whole_of(route.codec.read_answer(body))
            else:
                answer = route.codec.read_answer(body)
                told = whole_of(answer)
                if not answer.id or not answer.model:  # Bedrock names neither, and SDKs want both
                    answer = msgspec.structs.replace(
                        answer, id=answer.id or self.id, model=answer.model or route.model_name
                    )
                body = asked.near.write_answer(answer, asked.conversation)
        except (DialectError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._failed(
                Outcome(action="next_home", kind="unreadable", status=502, message="unreadable answer")
            )
            return
        if not told.complete:
            self._failed(
                Outcome(action="next_home", kind="truncated", status=502, message="incomplete answer")
            )
            return
        self.answer = body
        self.usage, self.told = told.usage, told
        self.first_content = self.ended = self.plane.now()
        self.plane.attempt_ended(self, route, None, self.ended)
        self.ending = "ok"
        self.log_status, self.sent_bytes = 200, len(body)
        self.client.write(
            whole_reply(
                route, self.attempts, self.plane.receipt_name(self.id), self._raw_head, body, self.changes
            )
        )
        self._close()

    def _refused(self, body: bytes) -> None:
        """An error status, with what the home said about it."""
        route = self.route
        assert route is not None
        headers = headers_of(self._raw_head)
        outcome = route.codec.outcome(self.status, headers, body)
        if outcome.action == "answer":
            outcome = Outcome(action="next_home", kind="bad_gateway", status=self.status)
        self._failed(outcome, body=body)
