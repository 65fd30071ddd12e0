"""A streamed answer: held until its first content, shown event by event, taken up when it is cut."""

from __future__ import annotations

from typing import Final

from freehold.dialects import Outcome
from freehold.gateway.attempts import Attempts
from freehold.gateway.passing import ENDED, FAILED, FINISHED, LIVE, WATCHES, PassLane
from freehold.gateway.replies import stream_head
from freehold.gateway.rescue import KEPT_BYTES_MAX, Lane, cut_failure, rescue_of, seam_mark
from freehold.gateway.story import EventLane, Join, Story, tokens_left
from freehold.gateway.watchlane import WatchLane
from freehold.types.conversation import End, Finished

AFTER_FINISH_SECONDS: Final = 1.0  # for usage and the last frame, once the answer is complete
_END: Final = End()


class Streaming(Attempts):
    """A call whose answer may be a stream."""

    __slots__ = ()

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

    def _on_stream(self, payload: bytes, wire: bytes | None) -> None:
        lane = self.lane
        assert lane is not None
        out = lane.feed(payload)
        state = lane.state
        now = self.plane.now()
        if state == LIVE:
            if wire is not None and out is payload and self.committed and self.client.chunked:
                self._pass(out, wire)  # as nearly always: on the wire as it came
            elif out:
                self._show(out, now)
            if not self.client.paused:
                deadline = now + self._idle
                self.deadline = deadline if deadline < self._total_by else self._total_by
            return
        if out:
            self._show(out, now, last=state == ENDED)
        if state == ENDED:
            self._stream_done(said_last=bool(out))
        elif state == FAILED:
            self._cut(lane.why)
        elif state == FINISHED:
            self.deadline = min(now + AFTER_FINISH_SECONDS, self._total_by)

    def _stream_over(self, why: str) -> None:
        lane = self.lane
        assert lane is not None
        out = lane.close()
        if lane.state == ENDED:
            if out:
                self._show(out, self.plane.now(), last=True)
            self._stream_done(said_last=bool(out))
        else:
            self._cut(why if lane.why in ("", "cut") else lane.why)

    def _pass(self, out: bytes, wire: bytes) -> None:
        """Give the caller a piece of the answer as the home framed it."""
        self.client.write(wire)
        said = self.said
        assert said is not None
        said.add(out)
        self.sent_bytes += len(out)

    def _show(self, out: bytes, now: float, *, last: bool = False) -> None:
        """Give the caller bytes of the answer; the response head goes with the first of them."""
        self.sent_bytes += len(out)
        client = self.client
        if not self.committed:
            self.committed = True
            self.said = self.plane.sealings.gather(self.seal)
            self.first_content = now
            assert self.route is not None
            client.write(self._stream_head() + client.chunk(out) + (client.last_chunk if last else b""))
        elif last:
            client.write(client.chunk(out) + client.last_chunk)
        else:
            client.write(client.chunk(out))
        said = self.said
        assert said is not None
        said.add(out)

    def _stream_head(self) -> bytes:
        route = self.route
        assert route is not None
        content_type = "text/event-stream"
        if self.writer is not None:
            content_type = self.writer.content_type
        elif isinstance(self.lane, WatchLane):
            content_type = self.lane.content_type
        self.log_status = 200
        return stream_head(
            route, self.attempts, self.plane.receipt_name(self.id), content_type, self.changes,
            self.client.framing,
        )  # fmt: skip

    def _stream_done(self, *, said_last: bool) -> None:
        lane = self.lane
        assert lane is not None
        if not said_last:
            self.client.write(self.client.last_chunk)
        self.usage, self.told = lane.usage, lane
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
            mark = seam_mark(self.asked, found.joined)
            if mark:
                assert self.said is not None
                self.said.add(mark)
                self.client.write(self.client.chunk(mark))
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
        self.ending = "ok"  # before the write: under a strict policy it waits for the record
        self.client.write(self.client.chunk(closing + self.writer.write(_END)) + self.client.last_chunk)
        self._close()
        return True
