"""A second home, asked while the first is unusually slow; the first to answer is heard, the other let go.

The second try is a call of its own whose caller is nobody, until it has something to say. Then it takes the
place of the first, or finds that it came too late. It makes no further tries while it is nobody's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import msgspec

from freehold.dialects import Failure, Outcome
from freehold.gateway.call import Call
from freehold.gateway.callstate import CONNECTING, DONE, HEADING, STREAM, WHOLE
from freehold.gateway.deadlines import NEVER, Deadlines
from freehold.gateway.evidence import attempt_record
from freehold.gateway.hedge import Budget, HedgeRules, Times, delay_of
from freehold.gateway.order import COOLING_RANK
from freehold.gateway.route import Route
from freehold.gateway.seams import AtWork, Client, Shared
from freehold.types.contracts import Recorder
from freehold.types.names import RecordId

TICK_SECONDS: Final = 0.01
TIMES_MAX: Final = 4096
_OPEN: Final = (CONNECTING, HEADING, WHOLE, STREAM)
_OUTRUN: Final = Outcome(action="next_home", kind="outrun", status=0, message="another home was faster")


class Keeping(Protocol):
    """What hedging needs of the plane."""

    loop: asyncio.AbstractEventLoop
    deadlines: Deadlines
    recorder: Recorder
    now: Callable[[], float]
    new_id: Callable[[], RecordId]
    traffic: Any
    clock: Any
    strict: bool


class Hedging:
    """The hedges of one process, their budget, and what is known of the homes' times."""

    def __init__(self, plane: Keeping, rules: HedgeRules) -> None:
        self._plane, self._rules = plane, rules
        self._budget = Budget(rules)
        self._times: dict[tuple[str, bool], Times] = {}
        self._shadows: dict[Call, Shadow] = {}
        self.started_count = self.won_count = 0
        self._timer = plane.loop.call_later(TICK_SECONDS, self._tick)

    def take_rules(self, rules: HedgeRules) -> None:
        if rules != self._rules:
            self._rules = self._budget.rules = rules
            self._times.clear()

    def close(self) -> None:
        self._timer.cancel()
        for shadow in list(self._shadows.values()):
            shadow.withdraw()

    def answered(self, call: Call, route: Route, seconds: float) -> None:
        """A home answered a call, so soon after it was asked."""
        key = (route.id, call.asked.stream)
        times = self._times.get(key)
        if times is None:
            if len(self._times) >= TIMES_MAX:
                self._times.clear()
            times = self._times[key] = Times(self._rules.quantile)
        times.add(seconds)
        self._budget.called(route.nano_usd)

    # --- who is slow, and who came too late ---

    def _tick(self) -> None:
        self._timer = self._plane.loop.call_later(TICK_SECONDS, self._tick)
        for call, shadow in list(self._shadows.items()):
            if call.committed or call.phase not in _OPEN:
                shadow.withdraw()
        now = self._plane.now()
        for call in [one for one in self._plane.deadlines.waiting if isinstance(one, Call)]:
            if self._is_slow(call, now):
                self._hedge(call, now)

    def _is_slow(self, call: Call, now: float) -> bool:
        route = call.route
        if (
            route is None
            or call.committed
            or call.phase not in _OPEN
            or call.attempts != 1
            or call in self._shadows
        ):
            return False
        if isinstance(call, Shadow) or call.asked.stored or call.asked.side is not None:
            return False
        if call.held is not None and call.held.counts:
            return False  # nobody tells what the one that is let go has used, and its key's limit counts that
        delay = delay_of(self._times.get((route.id, call.asked.stream)), self._rules)
        return delay is not None and now - call.attempt_started > delay

    def _hedge(self, call: Call, now: float) -> None:
        route = self._other(call, now)
        strict = self._plane.strict or call.plan.policy.evidence == "strict"  # there records come first
        if route is None or strict or not self._budget.allows(route.nano_usd):
            return
        self._budget.hedged(route.nano_usd)
        self.started_count += 1
        shadow = self._shadows[call] = Shadow(call, self)
        shadow.begin(route, now)

    def _other(self, call: Call, now: float) -> Route | None:
        """The next home in the call's order that is well, has room and serves the same model."""
        for route in call.choices.routes:
            if route is call.route or route.substitute or route.health.rank(now) >= COOLING_RANK:
                continue
            if route.headroom.fits(len(call.asked.body), now):
                return route
        return None

    # --- what becomes of them ---

    def forget(self, shadow: Shadow) -> None:
        self._shadows.pop(shadow.of, None)

    def inherits(self, call: Call) -> bool:
        """The first try has come to nothing: if a second is under way, the call is its from now on."""
        shadow = self._shadows.get(call)
        if shadow is None:
            return False
        shadow.tried = call.tried
        self.won(shadow, lost=False)
        return True

    def won(self, shadow: Shadow, *, lost: bool = True) -> None:
        """The shadow takes the place of its call. `lost`: the first try was still at work."""
        self.won_count += 1
        call, plane = shadow.of, self._plane
        self.forget(shadow)
        if lost:
            self.let_go(call, hedge=False)
        client = call.client
        shadow.client, shadow.won = client, True
        shadow.held, call.held = call.held, None
        client.begin(shadow)
        call.phase, call.deadline = DONE, NEVER
        plane.deadlines.discard(call)

    def let_go(self, call: Call, *, hedge: bool) -> None:
        """The home is told to stop, and that it was asked is recorded."""
        plane, route, now = self._plane, call.route, self._plane.now()
        call.drop()
        if route is None:
            return
        route.health.gave_up()
        if call.amount is not None:
            plane.traffic.ended(route, call.amount, None, 0)
            call.amount = None
        made = attempt_record(call, _OUTRUN, plane.new_id(), plane.clock.now_ns(), now - call.attempt_started)
        unknown = {"tokens": "it was stopped on the way", "cost": "it was stopped on the way"}
        plane.recorder.record(
            msgspec.structs.replace(made, outcome="cancelled", status=None, hedge=hedge, unknown=unknown)
        )


class Nobody:
    """The caller of a try that may not speak yet."""

    def __init__(self, shadow: Shadow, real: Client) -> None:
        self._shadow, self._asker = shadow, real

    @property
    def paused(self) -> bool:
        return False

    @property
    def chunked(self) -> bool:
        return self._asker.chunked

    @property
    def call(self) -> AtWork | None:
        return self._shadow

    @property
    def last_chunk(self) -> bytes:
        return self._asker.last_chunk

    @property
    def framing(self) -> bytes:
        return self._asker.framing

    def chunk(self, data: bytes) -> bytes:
        return self._asker.chunk(data)

    def write(self, data: bytes) -> None:
        """It has something to say: is anybody still waiting for it?"""
        if self._shadow.speak():
            self._asker.write(data)

    def begin(self, call: AtWork) -> None:
        """Nobody begins nothing."""

    def reply(self, status: int, headers: Mapping[str, str], body: bytes, extra: bytes = b"") -> None:
        """A refusal that nobody hears: the first try is still at work."""

    def refuse(self, status: int, why: str) -> None:
        """As above."""

    def finish_reply(self) -> None:
        """As above."""

    def call_done(self) -> None:
        """As above."""

    def abort(self) -> None:
        """As above."""


class Shadow(Call):
    """The second try."""

    __slots__ = ("_hedging", "of", "won")
    hedge = True

    def __init__(self, of: Call, hedging: Hedging) -> None:
        plane: Shared = of.plane
        super().__init__(
            plane, Nobody(self, of.client), of.id, of.asked, of.plan, of.caller, of.extra_forward,
            of.restarts, of.started,
        )  # fmt: skip
        self.of, self._hedging, self.won = of, hedging, False
        self.queued_seconds = of.queued_seconds

    def begin(self, route: Route, now: float) -> None:
        self._total_by, self.choices = self.of.total_by, self.of.choices
        self._order = self.of.choices.routes
        self.attempts = self.of.attempts
        self.plane.deadlines.add(self)
        self._try(route, now)

    def speak(self) -> bool:
        """True: this try is the call from now on."""
        if self.won:
            return True
        if self.of.committed or self.of.phase not in _OPEN:
            self.withdraw()
            return False
        self._hedging.won(self)
        return True

    def withdraw(self) -> None:
        """Too late."""
        if self.won or self.phase == DONE:
            return
        self._hedging.let_go(self, hedge=True)
        self._retire()

    def _retire(self) -> None:
        self._hedging.forget(self)
        self.phase, self.deadline = DONE, NEVER
        self.plane.deadlines.discard(self)

    def _failed(
        self, outcome: Outcome, *, body: bytes = b"", ours: bool = False, failure: Failure | None = None
    ) -> None:
        if self.won:
            super()._failed(outcome, body=body, ours=ours, failure=failure)
            return
        self._drop_connection()
        if not ours:
            told = outcome
            self._throttled(outcome)
            self._attempt_ended(told)
        self._retire()

    def _close(self) -> None:
        if self.won:
            super()._close()
        elif self.phase != DONE:
            self._retire()
