"""How much goes where: headroom of all pools, calls that wait for room, and what attempts say of either.

The calls and the plane speak to this; the rules are in `headroom`, `queueing` and `order`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from freehold.clock import Clock
from freehold.dialects import Failure, Outcome
from freehold.gateway.amounts import Amount
from freehold.gateway.asked import Asked
from freehold.gateway.capacity import Capacity
from freehold.gateway.choosing import Ordered
from freehold.gateway.failover import THROTTLES
from freehold.gateway.queueing import Entry, Queue, QueueRules
from freehold.gateway.ratelimits import told_of
from freehold.gateway.route import Plan, Route
from freehold.types.conversation import Usage

QUOTA_SECONDS: Final = 60.0  # a quota that is used up is not asked for again sooner


class Held(Protocol):
    """What is needed of a call that waits for room."""

    plan: Plan
    asked: Asked

    @property
    def total_by(self) -> float: ...
    def wait_for_room(self, ticket: Ticket) -> None: ...
    def let_go(self, choices: Ordered[Route], waited_seconds: float) -> None: ...
    def no_room(self, wait_seconds: float, waited_seconds: float) -> None: ...


class Ticket:
    """A place in a queue; given back when the caller leaves."""

    __slots__ = ("_queue", "entry")

    def __init__(self, queue: Queue[Held], entry: Entry[Held]) -> None:
        self._queue, self.entry = queue, entry

    def cancel(self) -> None:
        self._queue.leave(self.entry)


class Traffic:
    def __init__(
        self, loop: asyncio.AbstractEventLoop, clock: Clock, now: Callable[[], float], chance: random.Random
    ) -> None:
        self._loop, self._clock, self._now, self._chance = loop, clock, now, chance
        self.capacity = Capacity()
        self._rules = QueueRules()
        self._queues: dict[str, Queue[Held]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.queued_count = self.turned_away_count = 0

    def take_rules(self, rules: QueueRules) -> None:
        self._rules = rules
        for queue in self._queues.values():
            queue.rules = rules

    def tick(self) -> None:
        self.capacity.tick(self._now())

    # --- what attempts say ---

    def heard(self, route: Route, lower: bytes) -> None:
        """The head of an answer has come. Where it tells no limits, finding that out is all it costs."""
        headroom = route.headroom
        if headroom.starting > 0:
            headroom.starting -= 1
        if lower.find(b"-ratelimit-") < 0 and not (route.tells_use and lower.find(b"-utilization:") >= 0):
            return
        now = self._now()
        if headroom.wants_head(now):
            headroom.tell(told_of(lower, self._clock.now_ns()), now)

    def failed(self, route: Route, outcome: Outcome, sent_at: float, amount: Amount) -> Outcome:
        """A throttle closes the pool for a while, for all of its homes. The outcome, with how long."""
        if outcome.kind not in THROTTLES:
            return outcome
        told = outcome.retry_after_ms
        wait = None if told is None else told / 1000
        if outcome.kind == "quota_exhausted":
            wait = max(wait or 0.0, QUOTA_SECONDS)
        until = route.headroom.throttle(amount, wait, sent_at, self._now())
        if told is not None or outcome.kind == "quota_exhausted":
            return outcome
        return msgspec.structs.replace(outcome, retry_after_ms=int(until * 1000) + 1)

    def ended(self, route: Route, amount: Amount, usage: Usage | None, body_bytes: int) -> None:
        """An attempt is over, and used so much as far as it was told."""
        if usage is None or usage.output is None or usage.fresh is None:
            route.headroom.ended(amount, None, None, body_bytes)
            return
        read = usage.fresh + (usage.cache_read or 0) + (usage.cache_write or 0)
        route.headroom.ended(amount, read, usage.output, body_bytes)

    # --- waiting ---

    def __len__(self) -> int:
        return sum(len(queue) for queue in self._queues.values())

    def lengths(self) -> dict[str, int]:
        return {workload: len(queue) for workload, queue in self._queues.items()}

    def hold(self, call: Held, wait_seconds: float, *, ahead: bool = False) -> bool:
        """Let it wait until there is room, which is said to come in `wait_seconds`; False: it is too long."""
        now = self._now()
        workload = str(call.plan.workload.id)
        queue = self._queues.get(workload)
        if queue is None:
            queue = self._queues[workload] = Queue(self._rules)
        left = call.total_by - now
        if not queue.admits(wait_seconds, left):
            if not ahead:
                self._turned_away(call)
            return False
        self.queued_count += 1
        call.wait_for_room(Ticket(queue, queue.join(call, now, left, ahead=ahead)))
        if self._timer is None:
            self._timer = self._loop.call_later(queue.next_look(wait_seconds, now), self._serve)
        return True

    def _serve(self) -> None:
        """Let go whoever has room now, first come first served; turn away whoever waited long enough."""
        self._timer = None
        now = self._now()
        looks = [look for queue in self._queues.values() if (look := self._serve_one(queue, now)) is not None]
        if looks and self._timer is None:
            self._timer = self._loop.call_later(min(looks), self._serve)

    def _serve_one(self, queue: Queue[Held], now: float) -> float | None:
        wait = 0.0
        while (first := queue.first()) is not None:
            call = first.call
            choices = call.plan.ordered(now, self._chance.random, call.asked.body)
            wait = choices.wait_seconds
            if wait > 0:
                break
            queue.take()
            call.let_go(choices, now - first.since)
        for entry in queue.overdue(now):
            self._turned_away(entry.call)
            entry.call.no_room(wait, now - entry.since)
        return queue.next_look(wait, now) if len(queue) else None

    def _turned_away(self, call: Held) -> None:
        self.turned_away_count += 1
        for route in call.plan.routes:
            route.headroom.turned_away()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def no_room(plan: Plan, wait_seconds: float, waited_seconds: float) -> Failure:
    """Every pool of the workload is full, for longer than a call may wait."""
    waited = f" after waiting {waited_seconds:.1f} s" if waited_seconds else ""
    homes = ", ".join(str(route.id) for route in plan.routes[:8])
    return Failure(
        status=429, kind="rate_limited",
        what=f"no home of workload {str(plan.workload.id)!r} has room{waited}",
        why=f"the limits of {homes} are used up for another {wait_seconds:.1f} s",
        fix="come back then, or add capacity", code="gateway.no-room",
        retry_after_ms=max(int(wait_seconds * 1000), 100),
    )  # fmt: skip
