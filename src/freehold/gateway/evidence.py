"""What a call leaves behind: its record, its attempts' records, one log line. Content joins in `content`."""

from __future__ import annotations

import re
from operator import methodcaller
from typing import Any, Final, TextIO

import msgspec

from freehold.dialects import Failure, Inbound, Outcome
from freehold.gateway.call import Call
from freehold.gateway.route import Plan
from freehold.gateway.template import NO_USAGE, Template, tokens_of
from freehold.types.names import Digest, KeyId, RecordId
from freehold.types.records import AttemptRecord, CallRecord, Charged, Took

NO_KEY: Final = "no key was given"
_HOLDS: Final = "it holds the stored state that the call names"
_NOT_ASKED: Final = "no home was asked"
_IN_THE_CALL: Final = dict.fromkeys(("tokens", "cost", "useful_flops"), "in the call's record")
_OPERATIONS: Final = {"generate": "chat", "count": "count_tokens", "embed": "embeddings"}
CHANGES_MAX: Final = 20  # of one request, in its record
CHANGE_CHARS_MAX: Final = 300
_QUOTED: Final = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")
_set = msgspec.structs.force_setattr
_copy = methodcaller("__copy__")  # what copy.copy comes to, at half the price


def call_record(call: Call, estate: Digest | None, time_ns: int, seconds: float) -> CallRecord:
    """The record of a call, however it went."""
    template = call.route.template if call.route is not None else None
    if template is None:
        return unasked_record(call, estate, time_ns, seconds)
    record = answered_record(call, template, time_ns, seconds)
    _set(record, "outcome", call.ending)
    _set(record, "error", call.error)
    _set(record, "status", call.log_status or None)
    _set(record, "attempts", call.attempts)
    _set(record, "rescued", bool(call.tried) and call.ending == "ok")
    _set(record, "joined", call.joined)
    return record


def unasked_record(call: Call, estate: Digest | None, time_ns: int, seconds: float) -> CallRecord:
    """A call that came as far as its homes, and found none that could be asked."""
    plan = call.plan
    return CallRecord(
        id=call.id, time_ns=time_ns, estate=estate, workload=plan.workload.id, policy=plan.policy.id,
        policy_digest=plan.policy_digest, planned=plan.routes[0].facts if plan.routes else None,
        outcome=call.ending, error=call.error, key=call.caller.id, dialect=call.asked.inbound.dialect,
        operation=operation_of(call.asked.inbound), stream=call.asked.stream, status=call.log_status or None,
        attempts=0, took=Took(queue_us=int(call.queued_seconds * 1e6), total_us=int(seconds * 1e6)),
        choice=choice_of(call),
        unknown=without_home(called=True, key=call.caller.id),
        trace=None if call.asked.trace is None else call.asked.trace.header,
    )  # fmt: skip


def answered_record(call: Call, template: Template, time_ns: int, seconds: float) -> CallRecord:
    """The record of a call that went as calls go: a copy of the template with what is this call's own.

    Fields are set by force on a copy that nobody has seen yet, which costs a third of building it anew.
    """
    usage, told, first = call.usage, call.told, call.first_content
    asked, cost = call.asked, template.cost(usage)
    key = (
        asked.inbound.dialect, asked.stream, call.caller.id, why_home(call), cost is None, first is None,
        "" if told is None else told.finish, told is None or not told.vendor_id,
        "" if told is None else told.model, usage is None or (
            usage.fresh is None, usage.output is None, usage.cache_read is None, usage.cache_write is None,
            usage.reasoning is None,
        ), asked.inbound.operation,
    )  # fmt: skip
    like = template.likes.get(key) or template.keep(key, _like(call, template))
    record: CallRecord = _copy(like)
    _set(record, "id", call.id)
    _set(record, "time_ns", time_ns)
    if usage is not None:
        _set(record, "tokens", tokens_of(usage))
        _set(record, "cost", cost)
        if template.parameters is not None:
            _set(record, "useful_flops", template.flops(usage))
    if told is not None and told.vendor_id:
        _set(record, "vendor_id", told.vendor_id)
    first_us = None if first is None else int((first - call.started) * 1e6)
    queue_us = int(call.queued_seconds * 1e6)
    _set(record, "took", Took(queue_us=queue_us, first_content_us=first_us, total_us=int(seconds * 1e6)))
    if call.choices.basis is not None:
        _set(record, "choice", choice_of(call))
    if asked.trace is not None:
        _set(record, "trace", asked.trace.header)
    if call.changes:
        _set(record, "adapted", adapted(call.changes))
    if call.attempts > 1:
        _set(record, "attempts", call.attempts)
        _set(record, "rescued", bool(call.tried))
        _set(record, "joined", call.joined)
    return record


def add_accounts(record: CallRecord, tags: dict[str, str], charged: Charged | None) -> None:
    """For a record that nobody has seen yet."""
    if tags:
        _set(record, "tags", tags)
    if charged is not None:
        _set(record, "charged", charged)


def adapted(changes: tuple[str, ...]) -> tuple[str, ...]:
    """As a record may say it: what is quoted are the caller's words, and those are content."""
    return tuple(_QUOTED.sub("'...'", one)[:CHANGE_CHARS_MAX] for one in changes[:CHANGES_MAX])


def _like(call: Call, template: Template) -> CallRecord:
    """What the records of all calls like this one have in common."""
    asked, told, usage, key = call.asked, call.told, call.usage, call.caller.id
    actual, known = template.actual(told)
    unknown = template.unknown(usage, told, content=call.first_content is not None)
    return msgspec.structs.replace(
        template.record, actual=actual, actual_known=known, dialect=asked.inbound.dialect,
        operation="chat" if asked.side is None else operation_of(asked.inbound), stream=asked.stream, key=key,
        unknown=unknown if key is not None else {**unknown, "key": NO_KEY}, why_home=why_home(call),
        finish=told.finish or None if told is not None else None, useful_flops=template.flops(usage),
    )  # fmt: skip


def why_home(call: Call) -> str | None:
    """The order's reason for the home that was asked last; None if none was."""
    if call.route is not None and call.asked.stored:
        return _HOLDS
    routes, reasons = call.choices.routes, call.choices.reasons
    if routes and routes[0] is call.route:
        return reasons[0]
    for route, why in zip(routes, reasons, strict=True):
        if route is call.route:
            return why
    return None


def choice_of(call: Call) -> dict[str, Any] | None:
    """What the order was made from, as plain values that every reader of records can keep."""
    basis = call.choices.basis
    return None if basis is None else msgspec.to_builtins(basis)


def operation_of(inbound: Inbound) -> str:
    return _OPERATIONS.get(inbound.operation, inbound.operation)


def attempt_record(
    call: Call, outcome: Outcome | None, id: RecordId, time_ns: int, seconds: float
) -> AttemptRecord:
    """One try. Without an outcome it has only begun: the answer's content is about to be shown."""
    route = call.route
    assert route is not None
    head = route.template.record
    began = outcome is None
    unknown = {
        "tokens": "not yet" if began else NO_USAGE, "cost": "not yet" if began else NO_USAGE,
    }  # fmt: skip
    if began:
        unknown["outcome"] = "it had only begun; another record says how it ended"
    if call.caller.id is None:
        unknown["key"] = NO_KEY
    return AttemptRecord(
        id=id, time_ns=time_ns, call=call.id, number=call.attempts, estate=head.estate,
        workload=head.workload, policy=head.policy, policy_digest=head.policy_digest, planned=head.planned,
        actual=route.facts, actual_known=head.actual_known, tier=head.tier, useful_flops=head.useful_flops,
        outcome=None if outcome is None else "failed",
        error=None if outcome is None else f"gateway.attempt-{outcome.kind.replace('_', '-')}"[:100],
        status=None if outcome is None else outcome.status,
        retry_after_ms=None if outcome is None else outcome.retry_after_ms,
        took=Took(queue_us=0, total_us=int(seconds * 1e6)), unknown=unknown, key=call.caller.id, begun=began,
        hedge=call.hedge,
    )  # fmt: skip


def answering_attempt(call: Call, record: CallRecord, id: RecordId) -> AttemptRecord:
    """The try that gave the answer, where others came to nothing before it. Its tokens are in the call."""
    seconds = call.ended - call.attempt_started
    return AttemptRecord(
        id=id, time_ns=record.time_ns, call=call.id, number=call.attempts, estate=record.estate,
        workload=record.workload, policy=record.policy, policy_digest=record.policy_digest,
        planned=record.planned, actual=record.actual, actual_known=record.actual_known, tier=record.tier,
        outcome=record.outcome, took=Took(queue_us=0, total_us=int(seconds * 1e6)), key=record.key,
        status=record.status, unknown={**record.unknown, **_IN_THE_CALL}, hedge=call.hedge,
    )  # fmt: skip


def denied_record(
    id: RecordId, time_ns: int, *, estate: Digest | None, failure: Failure, inbound: Inbound,
    plan: Plan | None, key: KeyId | None,
) -> CallRecord:  # fmt: skip
    """A call that no home was asked for."""
    return CallRecord(
        id=id, time_ns=time_ns, estate=estate, error=failure.code, status=failure.status,
        dialect=inbound.dialect, operation=operation_of(inbound),
        workload=plan.workload.id if plan is not None else None,
        policy=plan.policy.id if plan is not None else None,
        policy_digest=plan.policy_digest if plan is not None else None, key=key, attempts=0,
        outcome="client_fault" if 400 <= failure.status < 429 else "denied",
        unknown=without_home(called=plan is not None, key=key),
    )  # fmt: skip


def without_home(*, called: bool, key: KeyId | None) -> dict[str, str]:
    """Why the record of a call that no home was asked for says so little."""
    unknown = dict.fromkeys(
        ("actual", "actual_known", "tier", "tokens", "useful_flops", "cost", "finish", "vendor_id"),
        _NOT_ASKED,
    )
    if not called:
        unknown |= dict.fromkeys(("workload", "policy_digest", "planned"), "it was refused before")
        unknown["took"] = "it was refused at once"
    if key is None:
        unknown["key"] = NO_KEY
    return unknown


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
        # Text and whole numbers alone: compiled, that is one copy of the bytes.
        home = "-" if route is None else route.id
        stream = " stream" if asked.stream else ""
        tenths = int(seconds * 10_000)
        tokens = "?" if usage is None or usage.output is None else str(usage.output)
        error = "" if call.error is None else " " + call.error
        joined = "" if call.joined is None else " " + call.joined
        line = (
            f"{call.id} {call.plan.workload.id} {home} {asked.dialect}{stream} {call.ending}"
            f" {call.log_status} {call.attempts}x {tenths // 10}.{tenths % 10}ms"
            f" {call.sent_bytes}B {tokens}tok {call.caller.id or '-'}{error}{joined}\n"
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
