"""One call, from its first attempt to its end: the state machine that the connections drive.

Nothing here waits. The caller's connection, the home's connection and the deadlines call in; every path ends
in `_close`, exactly once, which leaves the records.
"""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from freehold.dialects import DialectError, Failure, Outcome
from freehold.dialects.base import StreamWriter
from freehold.gateway.allowance import Held
from freehold.gateway.asked import Asked
from freehold.gateway.deadlines import NEVER
from freehold.gateway.failover import Give, Go, Place, Tried, next_step
from freehold.gateway.fitting import LeftOut, can_continue
from freehold.gateway.keys import Caller
from freehold.gateway.outgoing import Sent, request_for
from freehold.gateway.passing import ENDED, FAILED, FINISHED, LIVE, WATCHES, WHOLES, PassLane
from freehold.gateway.replies import headers_of, refusal_extra, stream_head, whole_reply
from freehold.gateway.rescue import KEPT_BYTES_MAX, Lane, cut_failure, rescue_of, restart_mark
from freehold.gateway.routes import Plan, Route
from freehold.gateway.seams import Client, Shared
from freehold.gateway.story import EventLane, Join, Story, tokens_left
from freehold.gateway.upstream import Upstream
from freehold.gateway.watchlane import WatchLane
from freehold.types.conversation import End, Finished, StreamError, Usage
from freehold.types.names import RecordId
from freehold.types.records import Outcome as Ending

ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024
ERROR_BYTES_MAX: Final = 1024 * 1024
AFTER_FINISH_SECONDS: Final = 1.0  # for usage and the last frame, once the answer is complete
SLOW_CALLER_SECONDS: Final = 60.0  # a caller that takes nothing for so long has gone
CONNECTING, HEADING, ERROR_BODY, WHOLE, STREAM, WAITING, SETTLING, DONE = range(8)
_END: Final = End()
_TIMEOUTS = {HEADING: "header_timeout", ERROR_BODY: "idle_timeout", WHOLE: "idle_timeout"}


class Call:
    """Serves one caller's connection with the answer of one home."""

    __slots__ = (
        "_body_size",
        "_content_by",
        "_delay",
        "_idle",
        "_left_out",
        "_opening",
        "_order",
        "_passing",
        "_pieces",
        "_raw_head",
        "_request",
        "_rescue",
        "_retried_stale",
        "_total_by",
        "asked",
        "attempt_started",
        "attempts",
        "caller",
        "choices",
        "client",
        "committed",
        "connection",
        "deadline",
        "ended",
        "ending",
        "error",
        "extra_forward",
        "first_content",
        "held",
        "id",
        "joined",
        "lane",
        "log_status",
        "phase",
        "plan",
        "plane",
        "restarts",
        "route",
        "said",
        "sent_bytes",
        "started",
        "status",
        "tried",
        "usage",
        "writer",
    )  # fmt: skip

    def __init__(
        self, plane: Shared, client: Client, id: RecordId, asked: Asked, plan: Plan, caller: Caller,
        forward: bytes, restarts: bool, started: float,
    ) -> None:  # fmt: skip
        self.plane, self.client, self.id, self.asked, self.plan = plane, client, id, asked, plan
        self.caller, self.extra_forward, self.restarts, self.started = caller, forward, restarts, started
        self.attempts = 0
        self.held: Held | None = None  # of its key's limits, where it has any
        self.tried: tuple[Tried, ...] = ()
        self.route: Route | None = None
        self.connection: Upstream | None = None
        self.phase = CONNECTING
        self.deadline = NEVER
        self.committed = False
        self.lane: Lane | None = None
        self.writer: StreamWriter | None = None
        self.said = plane.gather()
        self.usage: Usage | None = None
        self.joined: str | None = None
        self.first_content: float | None = None
        self.status = self.log_status = self.sent_bytes = 0
        self.ended = 0.0
        self.ending: Ending = "failed"
        self.error: str | None = None
        self._opening: asyncio.Task[None] | None = None
        self._delay: asyncio.TimerHandle | None = None
        self._pieces: list[bytes] = []
        self._body_size = 0
        self._raw_head = b""
        self._request = b""
        self._retried_stale = self._passing = False
        self._rescue: Story | None = None
        self._left_out: list[LeftOut] = []
        self._order: tuple[Route, ...] = ()
        self.choices: tuple[tuple[Route, ...], tuple[str, ...]] = ((), ())

    # --- attempts ---

    def start(self) -> None:
        self._total_by = self.started + self.plan.waits.total
        self.choices = self.plan.ordered(self.started, self.plane.chance.random)
        self._order = self.choices[0]
        if self.asked.stored is not None:
            self._order = self.plane.pinned(self.asked.stored, self._order)
        self.plane.deadlines.add(self)
        if self._order:
            self._try(self._order[0], self.started)
        else:
            self._give(self.plane.gone(self.asked.stored, self.plan))

    def _try(self, route: Route, now: float) -> None:
        self.route, self.attempt_started = route, now
        self.phase = CONNECTING
        self.attempts += 1
        self._retried_stale = False
        waits = route.waits
        self._idle = waits.idle
        self._content_by = min(now + waits.first_content, self._total_by)
        self.deadline = self._total_by
        request = self._request_for(route)
        if request is None:
            return
        self._request = request
        route.health.asked()
        connection = route.pool.take()
        if connection is None:
            self._open(route)
        else:
            self._send(connection, now)

    def _open(self, route: Route) -> None:
        self._opening = route.pool.open(self._opened, self._not_opened, route.waits.connect)

    def _opened(self, connection: Upstream) -> None:
        self._opening = None
        if self.phase != CONNECTING:
            connection.release()
            return
        self._send(connection, self.plane.now())

    def _not_opened(self, why: str) -> None:
        self._opening = None
        if self.phase == CONNECTING:
            self._failed(Outcome(action="next_home", kind=why, status=502, message="no connection"))

    def _send(self, connection: Upstream, now: float) -> None:
        self.connection = connection
        self.phase = HEADING
        assert self.route is not None
        deadline = now + self.route.waits.header
        self.deadline = deadline if deadline < self._content_by else self._content_by
        connection.send(self, self._request)

    def _request_for(self, route: Route) -> bytes | None:
        """The bytes to send, or None where this home had to be left out and the next step is under way."""
        try:
            made = request_for(self.asked, route, self.extra_forward, self._rescue, self.joined)
        except DialectError as error:
            self._refused_by_fit(error)
            return None
        if isinstance(made, Sent):
            self._passing = made.passing
            return made.request
        self._passing = False
        if isinstance(made, LeftOut):
            self._left_out.append(made)
            fault = Outcome(action="next_home", kind="unsupported", status=400, message=made.why)
            self._failed(fault, ours=True)
        else:
            self._failed(
                Outcome(action="next_home", kind="auth", status=503, message="no credential is ready")
            )
        return None

    def _refused_by_fit(self, error: DialectError) -> None:
        """The request cannot be read, or no home could do what it asks: the caller's fault, in our words."""
        fault = Outcome(action="client_fault", kind="bad_request", status=error.status, message=error.what)
        failure = Failure(
            status=error.status, kind="bad_request", what=error.what, why=error.why, fix=error.fix,
            code=error.code,
        )  # fmt: skip
        self._failed(fault, ours=True, failure=failure)

    # --- what the home's connection says ---

    def on_head(self, status: int, lower: bytes, raw: bytes) -> None:
        self.status = status
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

    def _lane(self) -> Lane:
        route = self.route
        assert route is not None
        asked = self.asked
        if self._passing:
            keep = KEPT_BYTES_MAX if self.plan.policy.on_cut in ("continue", "reask") else 0
            if asked.dialect in WATCHES:
                return PassLane(asked.dialect, keep, asked.hides_usage)
            return WatchLane(asked.near, keep, asked.near.stream_writer(asked.conversation).content_type)
        if self._rescue is None:
            self.writer = asked.near.stream_writer(asked.conversation)
            return self._event_lane(Story(), None)
        assert self.writer is not None
        if self.joined == "restarted":
            return self._event_lane(Story(), None)
        join = Join(self._rescue, trims_overlap=self.joined == "reasked")
        return self._event_lane(self._rescue, join)

    def _event_lane(self, story: Story, join: Join | None) -> EventLane:
        route = self.route
        assert route is not None and self.writer is not None
        return EventLane(
            route.codec.stream_reader(), self.writer, story, join, id=self.id, model=route.model_name
        )

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

    def _on_stream(self, payload: bytes, wire: bytes | None) -> None:
        lane = self.lane
        assert lane is not None
        out = lane.feed(payload)
        state = lane.state
        now = self.plane.now()
        if state == LIVE:
            if out:
                self._show(out, wire if out is payload else None, now)
            if not self.client.paused:
                deadline = now + self._idle
                self.deadline = deadline if deadline < self._total_by else self._total_by
            return
        if out:
            self._show(out, None, now, last=state == ENDED)
        if state == ENDED:
            self._stream_done(said_last=bool(out))
        elif state == FAILED:
            self._cut(lane.why)
        elif state == FINISHED:
            self.deadline = min(now + AFTER_FINISH_SECONDS, self._total_by)

    def on_end(self) -> None:
        self.connection = None
        if self.phase == STREAM:
            self._stream_over("cut")
        elif self.phase == WHOLE:
            self._whole(b"".join(self._pieces) if len(self._pieces) != 1 else self._pieces[0])
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

    def _stream_over(self, why: str) -> None:
        lane = self.lane
        assert lane is not None
        out = lane.close()
        if lane.state == ENDED:
            if out:
                self._show(out, None, self.plane.now(), last=True)
            self._stream_done(said_last=bool(out))
        else:
            self._cut(why if lane.why in ("", "cut") else lane.why)

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

    # --- ends of an attempt ---

    def _whole(self, body: bytes) -> None:
        """A whole answer has come; is it one?"""
        route = self.route
        assert route is not None
        asked = self.asked
        lower = self._raw_head.lower()
        if asked.stream or b"\r\ncontent-type: text/html" in lower:
            self._failed(
                Outcome(action="next_home", kind="wrong_content_type", status=502, message="not an answer")
            )
            return
        try:
            if asked.side is not None:
                body, usage = asked.side.answer(route, body)
                complete = True
            elif self._passing and asked.dialect in WHOLES:
                complete, usage, _ = WHOLES[asked.dialect](body)
            elif self._passing:
                passed = route.codec.read_answer(body)
                complete, usage = passed.finish != "error", passed.usage
            else:
                answer = route.codec.read_answer(body)
                complete, usage = answer.finish != "error", answer.usage
                if not answer.id or not answer.model:  # Bedrock names neither, and SDKs want both
                    answer = msgspec.structs.replace(
                        answer, id=answer.id or self.id, model=answer.model or route.model_name
                    )
                body = asked.near.write_answer(answer, asked.conversation)
        except (DialectError, msgspec.DecodeError, UnicodeDecodeError):
            self._failed(
                Outcome(action="next_home", kind="unreadable", status=502, message="unreadable answer")
            )
            return
        if not complete:
            self._failed(
                Outcome(action="next_home", kind="truncated", status=502, message="incomplete answer")
            )
            return
        self.said.add(body)
        self.usage = usage
        self.first_content = self.ended = self.plane.now()
        self.plane.attempt_ended(self, route, None, self.ended)
        self.ending = "ok"
        if self.plane.strict or self.plan.policy.evidence == "strict":
            self._answer_when_durable(body)
        else:
            self._answer(body)

    def _answer(self, body: bytes) -> None:
        route = self.route
        assert route is not None
        self.log_status, self.sent_bytes = 200, len(body)
        self.client.write(whole_reply(route, self.attempts, self.id, self._raw_head, body))
        self._close()

    def _answer_when_durable(self, body: bytes) -> None:
        """Strict: the record is on disk before the caller sees the answer."""
        self.phase = SETTLING
        self.log_status = 200
        self.plane.settle(self, lambda: self._answer(body))

    def _refused(self, body: bytes) -> None:
        """An error status, with what the home said about it."""
        route = self.route
        assert route is not None
        headers = headers_of(self._raw_head)
        outcome = route.codec.outcome(self.status, headers, body)
        if outcome.action == "answer":
            outcome = Outcome(action="next_home", kind="bad_gateway", status=self.status)
        self._failed(outcome, body=body)

    def _failed(
        self, outcome: Outcome, *, body: bytes = b"", ours: bool = False, failure: Failure | None = None
    ) -> None:
        """This attempt came to nothing; do what the failover rules say. `ours`: the home was not asked."""
        route = self.route
        assert route is not None
        self._drop_connection()
        if not ours:
            self._attempt_ended(outcome)
        self.tried = (*self.tried, Tried(home=route.id, outcome=outcome))
        left_ms = (self._total_by - self.plane.now()) * 1000
        step = next_step(self._places(), self.tried, self.plan.rules, left_ms, str(self.plan.workload.id))
        if isinstance(step, Give):
            if self.committed:
                self._end_with_error(step.failure)
            elif failure is not None and step.verbatim:
                self._give(failure)
            else:
                self._give(step.failure, body if step.verbatim and self._passing else b"")
            return
        self._go(step)

    def _places(self) -> tuple[Place, ...]:
        """The homes of this call in its order; while a stream is being rescued, those that can take it up."""
        routes = self._order
        if self._rescue is not None and self.joined == "continued":
            routes = tuple(route for route in routes if can_continue(route))
        return tuple(route.place for route in routes)

    def _go(self, step: Go) -> None:
        route = next(route for route in self._order if route.id == step.home)
        self._pieces, self._body_size, self.lane = [], 0, None
        if step.after_ms:
            self.phase, self.deadline = WAITING, self._total_by
            self._delay = self.plane.loop.call_later(step.after_ms / 1000, self._resume, route)
        else:
            self._try(route, self.plane.now())

    def _resume(self, route: Route) -> None:
        self._delay = None
        self._try(route, self.plane.now())

    # --- streams ---

    def _show(self, out: bytes, wire: bytes | None, now: float, *, last: bool = False) -> None:
        """Give the caller bytes of the answer; the response head goes with the first of them."""
        self.sent_bytes += len(out)
        self.said.add(out)
        client = self.client
        if not self.committed:
            self.committed = True
            self.first_content = now
            assert self.route is not None
            client.write(self._stream_head() + client.chunk(out) + (client.last_chunk if last else b""))
        elif last:
            client.write(client.chunk(out) + client.last_chunk)
        elif wire is not None and client.chunked:
            client.write(wire)
        else:
            client.write(client.chunk(out))

    def _stream_head(self) -> bytes:
        route = self.route
        assert route is not None
        content_type = "text/event-stream"
        if self.writer is not None:
            content_type = self.writer.content_type
        elif isinstance(self.lane, WatchLane):
            content_type = self.lane.content_type
        self.log_status = 200
        return stream_head(route, self.attempts, self.id, content_type, self.joined, self.client.framing)

    def _stream_done(self, *, said_last: bool) -> None:
        lane = self.lane
        assert lane is not None
        if not said_last:
            self.client.write(self.client.last_chunk)
        self.usage = lane.usage
        self._attempt_ended(None)
        self.ending = "ok"
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.release()
        self._close()

    def _cut(self, why: str) -> None:
        """A stream broke. Before its first content that is an attempt like any other."""
        kind = why.partition(":")[0]
        outcome = Outcome(action="next_home", kind=kind, status=502, message=why)
        lane = self.lane
        if not self.committed:
            self._failed(outcome)
            return
        self._drop_connection()
        self.usage = lane.usage if lane is not None else None
        if self._rescue is None or self.joined != "continued":
            found = rescue_of(self.plan.policy, self.restarts, lane, self.asked, self.writer)
            if isinstance(found, str):
                self._attempt_ended(outcome)
                self._end_with_error(cut_failure(self._home_id(), why, found))
                return
            self._rescue, self.writer, self.joined = found.story, found.writer, found.joined
            if self.joined == "restarted":
                self.client.write(self.client.chunk(restart_mark(self.asked)))
        if self._rescue is not None and self._nothing_left(outcome):
            return
        self._failed(outcome)

    def _nothing_left(self, outcome: Outcome) -> bool:
        """The caller's token limit was reached where the stream broke: the answer is complete as it is."""
        story = self._rescue
        left = tokens_left(self.asked.conversation, story) if story is not None else None
        if left is None or left > 0 or self.joined != "continued":
            return False
        assert story is not None and self.writer is not None
        self._attempt_ended(outcome)
        join = Join(story, trims_overlap=False)
        closing = b"".join(self.writer.write(event) for event in join.take(Finished(finish="length")))
        self.client.write(self.client.chunk(closing + self.writer.write(_END)) + self.client.last_chunk)
        self.ending = "ok"
        self._close()
        return True

    def _end_with_error(self, failure: Failure) -> None:
        """The truth, in the caller's dialect, as the last event of the stream."""
        writer = self.writer or self.asked.near.stream_writer(self.asked.conversation)
        event = StreamError(kind=failure.code, message=failure.message, status=failure.status)
        self.client.write(self.client.chunk(writer.write(event)) + self.client.last_chunk)
        self.error = failure.code
        self.ending = "failed"
        self._close()

    # --- ends of the call ---

    def _give(self, failure: Failure, verbatim: bytes = b"") -> None:
        """An answer that is a refusal: the home's own words, or ours in the caller's dialect."""
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
        extra = refusal_extra(self.route, self.attempts, self.id, may_retry)
        if verbatim:
            self.log_status = self.status
            self.client.reply(self.status, {"content-type": "application/json"}, verbatim, extra)
        else:
            written = self.asked.near.write_error(failure)
            self.log_status = written.status
            self.client.reply(written.status, written.headers, written.body, extra)
        self._close()

    def client_gone(self) -> None:
        """The caller hung up: the home is told so, and what it did is recorded."""
        if self.phase == DONE:
            return
        self.ending = "cancelled"
        if self.lane is not None:
            self.usage = self.lane.usage
        if self.route is not None and self.phase not in (WAITING, SETTLING):
            self.route.health.gave_up()
        self._drop_connection()
        self._close()

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

    def _drop_connection(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.abandon()
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
        if self._delay is not None:
            self._delay.cancel()
            self._delay = None

    def _attempt_ended(self, outcome: Outcome | None) -> None:
        """Tell the home's health how it ended, and record an attempt that failed."""
        route = self.route
        assert route is not None
        now = self.plane.now()
        self.plane.attempt_ended(self, route, outcome, now)

    def _home_id(self) -> str:
        return str(self.route.id) if self.route is not None else ""

    def _close(self) -> None:
        self.phase = DONE
        self.deadline = NEVER
        if not self.ended:
            self.ended = self.plane.now()
        self.plane.deadlines.discard(self)
        self.plane.call_ended(self)
        self.client.call_done()
