"""What one call is at any moment, and what every way it can end has in common.

A call is read in this order: its state (here), its ends (`callends`), its attempts (`attempts`), its stream
(`streaming`), and what the connections and the deadlines tell it (`call`). Each adds to the one before.
"""

from __future__ import annotations

import asyncio
from typing import Final

from freehold.dialects import Outcome
from freehold.dialects.base import StreamWriter
from freehold.gateway.allowance import Held
from freehold.gateway.amounts import Amount
from freehold.gateway.asked import Asked
from freehold.gateway.choosing import NO_ORDER, Ordered
from freehold.gateway.content import Hashed, Said
from freehold.gateway.deadlines import NEVER, Waiting
from freehold.gateway.failover import Tried
from freehold.gateway.fitting import LeftOut
from freehold.gateway.keys import Caller
from freehold.gateway.rescue import Lane
from freehold.gateway.route import Plan, Route
from freehold.gateway.seams import Client, Shared
from freehold.gateway.story import Story
from freehold.gateway.told import Told
from freehold.gateway.traffic import Ticket
from freehold.gateway.upstream import Served, Upstream
from freehold.types.conversation import Usage
from freehold.types.names import RecordId
from freehold.types.records import Outcome as Ending

# Phases.
CONNECTING: Final = 0
HEADING: Final = 1
ERROR_BODY: Final = 2
WHOLE: Final = 3
STREAM: Final = 4
WAITING: Final = 5
DONE: Final = 6


class CallState(Served, Waiting):
    """The fields of a call. What a field is for stands where it is used."""

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
        "amount",
        "answer",
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
        "notes",
        "phase",
        "plan",
        "plane",
        "queued_seconds",
        "restarts",
        "route",
        "said",
        "seal",
        "sent_bytes",
        "started",
        "status",
        "streams",
        "told",
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
        self.streams, self.seal = asked.stream, plane.sealings.seal
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
        self.said: Said | Hashed | None = None  # a stream's answer, as it comes
        self.answer = b""  # a whole answer
        self.usage: Usage | None = None
        self.told: Told | None = None  # what the answer says of itself
        self.notes: tuple[str, ...] = ()  # what had to be changed for the home
        self.joined: str | None = None
        self.first_content: float | None = None
        self.status = self.log_status = self.sent_bytes = 0
        self.ended = 0.0
        self.ending: Ending = "failed"
        self.error: str | None = None
        self._opening: asyncio.Task[None] | None = None
        self._delay: asyncio.TimerHandle | Ticket | None = None
        self.amount: Amount | None = None  # what the attempt at work is counted for
        self.queued_seconds = 0.0
        self._pieces: list[bytes] = []
        self._body_size = 0
        self._raw_head = b""
        self._request = b""
        self._retried_stale = self._passing = False
        self._rescue: Story | None = None
        self._left_out: tuple[LeftOut, ...] = ()
        self._order: tuple[Route, ...] = ()
        self.choices: Ordered[Route] = NO_ORDER

    hedge = False  # was it asked beside another home, which was slow?

    def drop(self) -> None:
        """Hang up on the home, if one is at work."""
        self._drop_connection()

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

    @property
    def changes(self) -> tuple[str, ...]:
        """What became of the request on its way: homes left out, and what was changed for the one asked."""
        if not self.notes and not self._left_out:
            return ()
        return (*(f"{one.home} left out: {one.why}" for one in self._left_out), *self.notes)

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
