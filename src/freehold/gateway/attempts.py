"""From one home to the next: the attempts of a call, and what follows when one came to nothing."""

from __future__ import annotations

import functools
from typing import Final

from freehold.dialects import DialectError, Failure, Outcome
from freehold.gateway.callends import Ends
from freehold.gateway.callstate import CONNECTING, DONE, HEADING, WAITING
from freehold.gateway.choosing import Ordered
from freehold.gateway.deadlines import NEVER
from freehold.gateway.failover import THROTTLES, Give, Go, Place, Tried, first_cause, next_step
from freehold.gateway.fitting import LeftOut, can_continue
from freehold.gateway.outgoing import Sent, quick_request, request_for
from freehold.gateway.route import Route
from freehold.gateway.stored import files_in, gone, holders, unreached
from freehold.gateway.traffic import Ticket, no_room
from freehold.gateway.upstream import Upstream

NOT_READY_MS: Final = 1000  # a credential may come any moment; the home is not at fault for longer


class Attempts(Ends):
    """A call that asks homes, one after the other, as the failover rules say."""

    __slots__ = ()

    def start(self) -> None:
        self._total_by = self.started + self.plan.waits.total
        self.choices = self.plan.ordered(self.started, self.plane.chance.random, self.asked.body)
        self._order = self.choices.routes
        self.plane.deadlines.add(self)
        asked = self.asked
        if not asked.stored and len(self._order) > 1:  # with one home there is nothing to choose
            asked.stored = files_in(asked.keeper, asked.body)
        if asked.stored:
            self.plane.find_pins(self, self._start_pinned)
        elif self.choices.wait_seconds:
            self._wait_or_refuse(self.choices.wait_seconds)
        else:
            self._try(self._order[0], self.started)

    def _start_pinned(self) -> None:
        """The call names what a vendor keeps; who holds it is known by now, if anybody knows it."""
        if self.phase == DONE:
            return
        stored, home_of = self.asked.stored, functools.partial(self.plane.pins.home_of, key=self.caller.id)
        self._order = holders(stored, self._order, self.asked.keeper, home_of)
        if self._order:
            self._try(self._order[0], self.plane.now())
        else:
            self._give(gone(stored, self.plan, self.asked.keeper, home_of))

    def _try(self, route: Route, now: float) -> None:
        self.route, self.attempt_started = route, now
        self.phase = CONNECTING
        self.attempts += 1
        self._retried_stale = False
        waits = route.waits
        self._idle = waits.idle
        content_by = now + waits.first_content
        self._content_by = content_by if content_by < self._total_by else self._total_by
        self.deadline = self._total_by
        request = self._request_for(route)
        if request is None:
            return
        self._request = request
        route.health.asked()
        headroom = route.headroom
        self.amount = amount = headroom.amount(len(self.asked.body))
        headroom.send(amount)
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

    def _not_opened(self, kind: str, words: str) -> None:
        self._opening = None
        if self.phase == CONNECTING:
            self._failed(Outcome(action="next_home", kind=kind, status=502, message=words))

    def _send(self, connection: Upstream, now: float) -> None:
        self.connection = connection
        self.phase = HEADING
        assert self.route is not None
        deadline = now + self.route.waits.header
        self.deadline = deadline if deadline < self._content_by else self._content_by
        connection.send(self, self._request)

    def _request_for(self, route: Route) -> bytes | None:
        """The bytes to send, or None where this home had to be left out and the next step is under way."""
        asked = self.asked
        if self._rescue is None and asked.side is None:
            quick = quick_request(asked, route, self.extra_forward)
            if quick is not None:
                self._passing, self.notes = True, ()
                return quick
        try:
            made = request_for(asked, route, self._rescue, self.joined)
        except DialectError as error:
            self._refused_by_fit(error)
            return None
        if isinstance(made, Sent):
            self._passing, self.notes = made.passing, made.notes
            return made.request
        self._passing = False
        if isinstance(made, LeftOut):
            self._left_out = (*self._left_out, made)
            fault = Outcome(action="next_home", kind="unsupported", status=400, message=made.why)
            self._failed(fault, ours=True)
        else:
            why = f"no credential is ready: {made.why or 'it has run out'}"
            self._failed(
                Outcome(action="next_home", kind="auth", status=503, message=why, retry_after_ms=NOT_READY_MS)
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

    def _failed(
        self, outcome: Outcome, *, body: bytes = b"", ours: bool = False, failure: Failure | None = None
    ) -> None:
        """This attempt came to nothing; do what the failover rules say. `ours`: the home was not asked."""
        route = self.route
        assert route is not None
        self._drop_connection()
        if not ours:
            as_told, outcome = outcome, self._throttled(outcome)
            self._attempt_ended(as_told)
        self.tried = (*self.tried, Tried(home=route.id, outcome=outcome))
        left_ms = (self._total_by - self.plane.now()) * 1000
        places = self._places()
        step = next_step(places, self.tried, self.plan.rules, left_ms, str(self.plan.workload.id))
        if isinstance(step, Give):
            told = unreached(step.failure, self.asked.stored)
            if self.committed:
                self._end_with_error(told)
            elif failure is not None and step.verbatim:
                self._give(failure)
            else:
                self._give(told, body if step.verbatim and self._passing else b"")
            return
        self._go(step, all_full=all(place.wait_ms for place in places))

    def _throttled(self, outcome: Outcome) -> Outcome:
        """Where the home has no more to give for now: its pool is told, and the outcome says for how long."""
        if outcome.kind not in THROTTLES or self.route is None or self.amount is None:
            return outcome
        return self.plane.traffic.failed(self.route, outcome, self.attempt_started, self.amount)

    def _places(self) -> tuple[Place, ...]:
        """The homes of this call in its order; while a stream is being rescued, those that can take it up."""
        routes = self._order
        if self._rescue is not None and self.joined == "continued":
            routes = tuple(route for route in routes if can_continue(route))
        now, size = self.plane.now(), len(self.asked.body)
        places = []
        for route in routes:
            wait = route.headroom.wait(route.headroom.amount(size), now)
            places.append(route.place if wait <= 0 else route.place.full(int(wait * 1000) + 1))
        return tuple(places)

    def _go(self, step: Go, *, all_full: bool) -> None:
        route = next(route for route in self._order if route.id == step.home)
        self._pieces, self._body_size, self.lane = [], 0, None
        if (
            step.for_room
            and all_full
            and not self.committed
            and self.plane.traffic.hold(self, step.after_ms / 1000, ahead=True)
        ):
            return
        if step.after_ms:
            self.phase, self.deadline = WAITING, self._total_by
            self._delay = self.plane.loop.call_later(step.after_ms / 1000, self._resume, route)
        else:
            self._try(route, self.plane.now())

    def _resume(self, route: Route) -> None:
        self._delay = None
        self._try(route, self.plane.now())

    # --- waiting for room ---

    @property
    def total_by(self) -> float:
        return self._total_by

    def _wait_or_refuse(self, wait_seconds: float) -> None:
        if not self.plane.traffic.hold(self, wait_seconds):
            self.no_room(wait_seconds, 0.0)

    def wait_for_room(self, ticket: Ticket) -> None:
        self.phase, self._delay = WAITING, ticket
        self.deadline = NEVER  # the queue lets nobody wait for longer than the call may

    def let_go(self, choices: Ordered[Route], waited_seconds: float) -> None:
        """Room has come."""
        self._delay = None
        self.queued_seconds += waited_seconds
        self.choices = choices
        if not self.asked.stored:  # else room came, and nobody else holds what the call names
            self._order = choices.routes
        self._try(self._order[0], self.plane.now())

    def no_room(self, wait_seconds: float, waited_seconds: float) -> None:
        """None has come, for as long as a call may wait."""
        self._delay = None
        self.queued_seconds += waited_seconds
        if self.tried:
            self._give(first_cause(self.tried, str(self.plan.workload.id)))
        else:
            self._give(no_room(self.plan, wait_seconds, waited_seconds))
