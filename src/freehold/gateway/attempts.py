"""From one home to the next: the attempts of a call, and what follows when one came to nothing."""

from __future__ import annotations

from freehold.dialects import DialectError, Failure, Outcome
from freehold.gateway.callends import Ends
from freehold.gateway.callstate import CONNECTING, HEADING, WAITING
from freehold.gateway.failover import Give, Go, Place, Tried, next_step
from freehold.gateway.fitting import LeftOut, can_continue
from freehold.gateway.outgoing import Sent, quick_request, request_for
from freehold.gateway.routes import Route
from freehold.gateway.upstream import Upstream


class Attempts(Ends):
    """A call that asks homes, one after the other, as the failover rules say."""

    __slots__ = ()

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
                self._passing = True
                return quick
        try:
            made = request_for(asked, route, self._rescue, self.joined)
        except DialectError as error:
            self._refused_by_fit(error)
            return None
        if isinstance(made, Sent):
            self._passing = made.passing
            return made.request
        self._passing = False
        if isinstance(made, LeftOut):
            self._left_out = (*self._left_out, made)
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
