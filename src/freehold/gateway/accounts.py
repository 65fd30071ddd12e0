"""What follows the end of a call: counters, its record, its log line.

None of it keeps a caller waiting: calls that end within a moment of each other are accounted for together,
after their answers were written. Together is also cheaper: the same few functions run on one after the other.
A key whose limits count what calls use waits for nothing: it may have a call that needs the rest.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from freehold.clock import Clock
from freehold.dialects import Failure
from freehold.gateway.allowance import Allowance
from freehold.gateway.call import Call
from freehold.gateway.content import Said, Sealings, Shown
from freehold.gateway.evidence import (
    CallLog,
    add_accounts,
    answered_record,
    answering_attempt,
    attempt_record,
    call_record,
)
from freehold.gateway.metrics import Metrics
from freehold.gateway.telemetry.messages import Heard
from freehold.gateway.traffic import Traffic
from freehold.types.names import Digest, RecordId
from freehold.types.records import AlarmRecord, CallRecord

TOGETHER_SECONDS: Final = 0.002  # what ends within it is accounted for together


class Accounts:
    """The books of one process."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, clock: Clock, now: Callable[[], float],
        new_id: Callable[[], RecordId], sealings: Sealings, metrics: Metrics, log: CallLog, traffic: Traffic,
    ) -> None:  # fmt: skip
        self._loop, self._clock, self._now, self._new_id = loop, clock, now, new_id
        self._sealings, self._metrics, self._log, self._pools = sealings, metrics, log, traffic
        self._ended: deque[Call] = deque()
        self.estate: Digest | None = None  # of the generation at work
        self.hear: Callable[[str, Heard], None] | None = None  # who is told what was said, if anybody is
        self.allowance: Allowance | None = None

    def ended(self, call: Call) -> None:
        """What the next call must know is told at once: what is free, and who has seen the prompt."""
        self._use(call)
        held = call.held
        if held is not None and self.allowance is not None and not self.allowance.free_now(call, held):
            self._loop.call_soon(self.settle)
        elif not self._ended:
            self._loop.call_later(TOGETHER_SECONDS, self.settle)
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
        record = self._record_of(call, int(call.ended * 1e9) + behind_ns, seconds)
        if call.attempts > 1 and call.ending == "ok":  # else the call's record says all there is to its try
            self._sealings.recorder.record(answering_attempt(call, record, self._new_id()))
        cost = record.cost
        self._metrics.spent_on(record.workload, record.key, None if cost is None else cost.nano_usd)
        if self.hear is not None:
            said = call.said
            answer = said.whole() if isinstance(said, Said | Shown) else call.answer
            self.hear(call.id, Heard(call.asked.inbound, call.asked.body, answer, call.asked.stream))
        if call.caller.tags or (call.held is not None and not call.held.settled):
            self._charge(record, call)
        self._sealings.record(record, call.seal, call.asked.body, call.answer, call.said)
        self._log.call(call, seconds)

    def _charge(self, record: CallRecord, call: Call) -> None:
        """Whose cost it is, and what it counts against the limits of its key."""
        charged = None
        if self.allowance is not None:
            cost = record.cost
            charged = self.allowance.settle(call, None if cost is None else cost.nano_usd)
        add_accounts(record, call.caller.tags, charged)

    def _count(self, call: Call, seconds: float) -> None:
        metrics, where, usage = self._metrics, call.route, call.usage
        if where is not None and call.ending == "ok":
            tally = where.tally
            if tally is None:
                tally = where.tally = metrics.tally(str(call.plan.workload.id), where.id)
            if call.tried:
                tally.answered(seconds, None, usage)
                key = (str(call.plan.workload.id), call.joined or "failover")
                metrics.rescued[key] = metrics.rescued.get(key, 0) + 1
            else:
                first = call.first_content
                tally.answered(seconds, None if first is None else first - call.attempt_started, usage)
            return
        home = where.id if where is not None else ""
        metrics.call(str(call.plan.workload.id), home, call.ending, seconds)
        if usage is not None and where is not None:
            if usage.fresh is not None:
                metrics.used(home, "input", usage.fresh)
            if usage.output is not None:
                metrics.used(home, "output", usage.output)

    def _use(self, call: Call) -> None:
        """What the last attempt used of its pool, and which home has now seen the prompt."""
        route, amount = call.route, call.amount
        if route is None or amount is None:
            return
        body, call.amount = call.asked.body, None
        self._pools.ended(route, amount, call.usage, len(body))
        if call.ending == "ok":
            call.plan.chooser.answered(route, call.choices.prefix, body, call.ended)

    def _record_of(self, call: Call, time_ns: int, seconds: float) -> CallRecord:
        where = call.route
        if where is None or call.ending != "ok":
            return call_record(call, self.estate, time_ns, seconds)
        return answered_record(call, where.template, time_ns, seconds)

    # --- under a strict policy ---

    def begun(self, call: Call) -> RecordId:
        """Record that content of this call is about to be shown."""
        id, seconds = self._new_id(), self._now() - call.attempt_started
        self._sealings.recorder.record(attempt_record(call, None, id, self._clock.now_ns(), seconds))
        return id

    def not_shown(self, call: Call, failure: Failure) -> None:
        """Record that an answer was kept from its caller, whatever its own record says."""
        denied = self._metrics.denied
        denied[failure.code] = denied.get(failure.code, 0) + 1
        self._log.event(f"{call.id} was answered, and the answer not shown: {failure.why}")
        self._sealings.recorder.record(
            AlarmRecord(
                id=self._new_id(), time_ns=self._clock.now_ns(), alarm="gateway.answer-not-shown",
                about=str(call.id), workload=call.plan.workload.id, error=failure.code,
            )
        )  # fmt: skip
