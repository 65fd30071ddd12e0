"""What follows the end of a call: counters, its record, its log line.

None of it keeps a caller waiting: calls that end in one turn of the loop are accounted for together in the
next, after their answers were written. Together is also cheaper: the same few functions run on one after the
other.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from freehold.clock import Clock
from freehold.gateway.call import Call
from freehold.gateway.content import Hashed, Said, Sealing, add_digests
from freehold.gateway.evidence import CallLog, answered_record, call_record, template_of
from freehold.gateway.metrics import Metrics
from freehold.gateway.traffic import Traffic
from freehold.types.contracts import Recorder
from freehold.types.names import Digest
from freehold.types.records import CallRecord


class Accounts:
    """The books of one process. `strict`: records of answers are on disk before the answer, see `record`."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, clock: Clock, now: Callable[[], float], recorder: Recorder,
        sealing: Sealing | None, metrics: Metrics, log: CallLog, traffic: Traffic, *, strict: bool,
    ) -> None:  # fmt: skip
        self._loop, self._clock, self._now, self._recorder = loop, clock, now, recorder
        self._sealing, self._metrics, self._log, self._strict = sealing, metrics, log, strict
        self._pools = traffic
        self._ended: deque[Call] = deque()
        self.estate: Digest | None = None  # of the generation at work

    def gather(self) -> Said | Hashed:
        return Hashed() if self._sealing is None else Said()

    def ended(self, call: Call) -> None:
        if not self._ended:
            self._loop.call_soon(self.settle)
        self._ended.append(call)

    def settle(self) -> None:
        """Account for every call that ended since the last time."""
        ended = self._ended
        if not ended:
            return
        behind_ns = self._clock.now_ns() - int(self._now() * 1e9)  # from the loop's clock to the wall's
        try:
            while ended:
                self._account(ended.popleft(), behind_ns)
        finally:
            if ended:  # one of them could not be told; the others are not to be lost with it
                self._loop.call_soon(self.settle)

    def _account(self, call: Call, behind_ns: int) -> None:
        seconds = call.ended - call.started
        self._count(call, seconds)
        self._traffic(call)
        strict = self._strict or call.plan.policy.evidence == "strict"
        if not strict or call.ending != "ok" or call.asked.stream:
            self.record(call, int(call.ended * 1e9) + behind_ns, seconds)
        self._log.call(call, seconds)

    def _count(self, call: Call, seconds: float) -> None:
        metrics, where, workload = self._metrics, call.route, str(call.plan.workload.id)
        home = where.id if where is not None else ""
        metrics.call(workload, home, call.ending, seconds)
        if call.tried and call.ending == "ok":
            key = (workload, call.joined or "failover")
            metrics.rescued[key] = metrics.rescued.get(key, 0) + 1
        usage = call.usage
        if usage is not None and where is not None:
            if usage.fresh is not None:
                metrics.used(home, "input", usage.fresh)
            if usage.output is not None:
                metrics.used(home, "output", usage.output)

    def _traffic(self, call: Call) -> None:
        """What the last attempt used of its pool, and which home has now seen the prompt."""
        route = call.route
        if route is None or call.amount is None:
            return
        size = len(call.asked.body)
        self._pools.ended(route, call.amount, call.usage, size)
        call.amount = None
        if call.ending == "ok":
            call.plan.chooser.answered(route, call.choices.prefix, call.asked.body, call.ended)

    def record(self, call: Call, time_ns: int, seconds: float) -> asyncio.Task[None] | None:
        """Record now; where content is to be sealed first, the task that does both."""
        record = self._record_of(call, time_ns, seconds)
        if self._sealing is None or isinstance(call.said, Hashed):
            if isinstance(call.said, Hashed):
                add_digests(record, call.asked.body, call.said)
            self._recorder.record(record)
            return None
        return self._sealing.record(record, call.asked.body, call.said.whole())

    def _record_of(self, call: Call, time_ns: int, seconds: float) -> CallRecord:
        where = call.route
        if where is None or call.ending != "ok":
            return call_record(call, self.estate, time_ns, seconds)
        template = where.template
        if template is None:
            template = where.template = template_of(call.plan, where, self.estate)
        return answered_record(call, template, time_ns, seconds)
