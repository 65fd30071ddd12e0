"""What a call leaves behind: its record, its attempts' records, one log line. Content joins in `content`."""

from __future__ import annotations

import copy
from typing import Final, TextIO

import msgspec

from freehold.dialects import Outcome
from freehold.gateway.allowance import Allowance
from freehold.gateway.call import Call
from freehold.gateway.routes import Plan, Route
from freehold.types.conversation import Usage
from freehold.types.homes import Price
from freehold.types.names import Digest, PolicyId, RecordId
from freehold.types.records import AttemptRecord, CallRecord, Cost, Tokens, Took

_NO_USAGE: Final = {"tokens": "the home reported no usage", "cost": "the home reported no usage"}
_NO_PRICE: Final = {"cost": "the home has no price"}
_NO_CACHE_PRICE: Final = {"cost": "the home has no price for cached tokens"}
_HOLDS: Final = "it holds the stored state that the call names"
_FLOPS: Final = "undisclosed"
MTOK: Final = 1_000_000
_NO_PRICES: Final = Price()
_set = msgspec.structs.force_setattr


def cost_of(usage: Usage | None, price: Price) -> tuple[Cost | None, dict[str, str]]:
    """What the tokens cost at the home's prices, or why that is not known."""
    if usage is None or usage.fresh is None or usage.output is None:
        return None, _NO_USAGE
    if price.input_nano_usd_per_mtok is None or price.output_nano_usd_per_mtok is None:
        return None, _NO_PRICE
    nano = usage.fresh * price.input_nano_usd_per_mtok + usage.output * price.output_nano_usd_per_mtok
    for count, each in (
        (usage.cache_read, price.cache_read_nano_usd_per_mtok),
        (usage.cache_write, price.cache_write_nano_usd_per_mtok),
    ):
        if count:
            if each is None:
                return None, _NO_CACHE_PRICE
            nano += count * each
    return Cost(nano_usd=nano // MTOK, price_source=price.source or None, price_as_of=price.as_of or None), {}


def call_record(call: Call, estate: Digest | None, time_ns: int, seconds: float) -> CallRecord:
    route, usage, workload = call.route, call.usage, call.plan.workload
    cost, unknown = (None, _NO_USAGE) if route is None else cost_of(usage, route.home.price)
    first = call.first_content
    return CallRecord(
        id=call.id,
        time_ns=time_ns,
        estate=estate,
        workload=workload.id,
        policy=workload.policy.id,
        planned=call.plan.routes[0].facts if call.plan.routes else None,
        actual=None if route is None else route.facts,
        actual_known=None if route is None else "assumed",
        tier=None if route is None else route.home.tier,
        tokens=None if usage is None else tokens_of(usage),
        useful_flops=_FLOPS,
        cost=cost,
        took=Took(
            first_content_us=None if first is None else int((first - call.started) * 1e6),
            total_us=int(seconds * 1e6),
        ),
        outcome=call.ending,
        error=call.error,
        key=call.caller.id,
        unknown=unknown,
        dialect=call.asked.inbound.dialect,
        stream=call.asked.stream,
        status=call.log_status or None,
        attempts=call.attempts,
        rescued=bool(call.tried) and call.ending == "ok",
        joined=call.joined,
        why_home=why_home(call),
    )


def add_accounts(record: CallRecord, call: Call, allowance: Allowance | None) -> None:
    """Whose cost it is, and what it counted against the limits of its key."""
    if call.caller.tags:
        _set(record, "tags", call.caller.tags)
    if call.held is not None and allowance is not None:
        cost = record.cost
        charged = allowance.charge(call, cost.nano_usd if cost is not None else None)
        if charged is not None:
            _set(record, "charged", charged)


def template_of(plan: Plan, route: Route, estate: Digest | None) -> CallRecord:
    """What every call that this home answers for this workload has in common."""
    return CallRecord(
        id=RecordId(""), time_ns=0, estate=estate, workload=plan.workload.id, policy=plan.policy.id,
        planned=plan.routes[0].facts, actual=route.facts, actual_known="assumed", tier=route.home.tier,
        useful_flops=_FLOPS, outcome="ok", status=200,
    )  # fmt: skip


def answered_record(call: Call, template: CallRecord, time_ns: int, seconds: float) -> CallRecord:
    """The record of a call that went as calls go: a copy of the template with what is this call's own.

    Fields are set by force on a copy that nobody has seen yet, which costs a third of building it anew.
    """
    usage, first = call.usage, call.first_content
    record = copy.copy(template)
    _set(record, "id", call.id)
    _set(record, "time_ns", time_ns)
    if usage is not None:
        _set(record, "tokens", tokens_of(usage))
    price = call.route.home.price if call.route is not None else _NO_PRICES
    cost, unknown = cost_of(usage, price)
    _set(record, "cost", cost)
    _set(record, "unknown", unknown)
    first_us = None if first is None else int((first - call.started) * 1e6)
    _set(record, "took", Took(first_content_us=first_us, total_us=int(seconds * 1e6)))
    _set(record, "dialect", call.asked.inbound.dialect)
    _set(record, "stream", call.asked.stream)
    _set(record, "key", call.caller.id)
    _set(record, "why_home", why_home(call))
    if call.attempts > 1:
        _set(record, "attempts", call.attempts)
        _set(record, "rescued", True)
        _set(record, "joined", call.joined)
    return record


def why_home(call: Call) -> str | None:
    """The order's reason for the home that was asked last; None if none was."""
    if call.route is not None and call.asked.stored is not None:
        return _HOLDS
    routes, reasons = call.choices
    for route, why in zip(routes, reasons, strict=True):
        if route is call.route:
            return why
    return None


def tokens_of(usage: Usage) -> Tokens:
    return Tokens(
        fresh=usage.fresh, cache_read=usage.cache_read, cache_write=usage.cache_write,
        reasoning=usage.reasoning, output=usage.output,
    )  # fmt: skip


def attempt_record(
    call: Call, route: Route, outcome: Outcome, id: RecordId, time_ns: int, seconds: float
) -> AttemptRecord:
    return AttemptRecord(
        id=id, time_ns=time_ns, call=call.id, number=call.attempts, workload=call.plan.workload.id,
        policy=call.plan.policy.id, actual=route.facts, actual_known="assumed", tier=route.home.tier,
        outcome="failed", error=f"gateway.attempt-{outcome.kind.replace('_', '-')}"[:100],
        status=outcome.status, retry_after_ms=outcome.retry_after_ms, took=Took(total_us=int(seconds * 1e6)),
        unknown=_NO_USAGE, key=call.caller.id,
    )  # fmt: skip


def denied_record(
    id: RecordId, time_ns: int, *, estate: Digest | None, code: str, status: int, dialect: str | None,
    workload: str | None, policy: PolicyId | None, client_fault: bool, key: str | None,
) -> CallRecord:  # fmt: skip
    """A call that no home was asked for."""
    return msgspec.convert(
        {
            "kind": "call/1", "id": id, "time_ns": time_ns, "estate": estate, "error": code, "status": status,
            "dialect": dialect, "workload": workload, "policy": policy, "key": key, "attempts": 0,
            "outcome": "client_fault" if client_fault else "denied",
            "unknown": {"tokens": "no home was asked", "cost": "no home was asked"},
        },
        CallRecord,
    )  # fmt: skip


class CallLog:
    """One line per call, written a batch at a time; never a body, never a key, never a target's query."""

    LINES_MAX: Final = 10_000

    def __init__(self, out: TextIO | None) -> None:
        self._out = out
        self._lines: list[str] = []
        self.dropped = 0

    def call(self, call: Call, seconds: float) -> None:
        if self._out is None:
            return
        route = call.route
        usage = call.usage
        asked = call.asked
        line = (
            f"{call.id} {call.plan.workload.id} {route.id if route is not None else '-'} {asked.dialect}"
            f"{' stream' if asked.stream else ''} {call.ending} {call.log_status} {call.attempts}x"
            f" {seconds * 1000:.1f}ms {call.sent_bytes}B {usage.output if usage is not None else '?'}tok"
            f" {call.caller.id or '-'}{f' {call.error}' if call.error else ''}"
            f"{f' {call.joined}' if call.joined else ''}\n"
        )
        if len(self._lines) < self.LINES_MAX:
            self._lines.append(line)
        else:
            self.dropped += 1

    def denied(self, id: str, dialect: str, code: str, status: int) -> None:
        if self._out is not None and len(self._lines) < self.LINES_MAX:
            self._lines.append(f"{id} - - {dialect} denied {status} {code}\n")

    def event(self, words: str) -> None:
        if self._out is not None:
            self._lines.append(f"{words}\n")

    def flush(self) -> None:
        lines, self._lines = self._lines, []
        if self._out is None or not lines:
            return
        if self.dropped:
            lines.append(
                f"{self.dropped} log lines were dropped: they came faster than they could be written\n"
            )
            self.dropped = 0
        try:
            self._out.write("".join(lines))
            self._out.flush()
        except (OSError, ValueError):
            self._out = None  # nobody reads the log any more; the records are kept elsewhere
