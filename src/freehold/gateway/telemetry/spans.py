"""Records to spans: a call is one span, each attempt at a home a child of it. Pure.

Attempts are recorded before their call, so they wait here for it. The one attempt of a call that needed no
other has no record of its own: it is the call's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal, NamedTuple

from freehold.gateway.telemetry import names
from freehold.gateway.telemetry.names import Name
from freehold.gateway.telemetry.trace import Caught, is_sampled, read, span_of, trace_of
from freehold.types.records import AnyRecord, AttemptRecord, CallRecord, HomeFacts, Record, Tokens

WAITING_MAX: Final = 5_000  # calls of which an attempt failed and whose own record is still to come
ATTEMPTS_MAX: Final = 64  # of one call

Value = str | int | float | bool | tuple[str, ...]
Attributes = dict[Name, Value]
Words = Callable[[], Mapping[Name, str]]
_WELL: Final = frozenset({"ok", "refused", "filtered"})


class Span(NamedTuple):
    """One span, in no library's words."""

    trace: str
    id: str
    parent: str  # "" for a root
    name: str
    kind: Literal["server", "client"]
    start_ns: int
    end_ns: int
    attributes: Attributes
    error: str  # "" where it went well
    state: str = ""


class Attempt(NamedTuple):
    """One try at one home: what spans and metrics are both made from."""

    number: int
    home: HomeFacts
    start_ns: int
    end_ns: int
    error: str
    status: int | None
    hedge: bool
    answered: bool


class Whole(NamedTuple):
    """A call and its attempts."""

    call: CallRecord
    attempts: tuple[Attempt, ...]

    @property
    def start_ns(self) -> int:
        return self.call.time_ns - _us(self.call) * 1000


class Gathering:
    """Puts each call together with its attempts."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[AttemptRecord]] = {}
        self.dropped = 0

    def take(self, record: AnyRecord) -> Whole | None:
        if isinstance(record, AttemptRecord):
            if not record.begun:  # of those, another record says how they ended
                self._wait(record)
            return None
        if not isinstance(record, CallRecord):
            return None
        return Whole(record, tuple(_attempts(record, self._waiting.pop(record.id, []))))

    def _wait(self, record: AttemptRecord) -> None:
        kept = self._waiting.setdefault(record.call, [])
        if len(kept) < ATTEMPTS_MAX:
            kept.append(record)
        else:
            self.dropped += 1
        if len(self._waiting) > WAITING_MAX:  # the oldest call will hardly end any more
            self.dropped += len(self._waiting.pop(next(iter(self._waiting))))


def _attempts(call: CallRecord, recorded: list[AttemptRecord]) -> Iterable[Attempt]:
    start_ns, answered = call.time_ns - _us(call) * 1000, False
    for one in recorded:
        home, well = one.actual or HomeFacts(), one.outcome in _WELL
        error = "" if well else (one.error or one.outcome or "failed").removeprefix("gateway.attempt-")
        began_ns = one.time_ns - _us(one) * 1000
        yield Attempt(one.number, home, began_ns, one.time_ns, error, one.status, one.hedge, well)
        start_ns = max(start_ns, one.time_ns)
        answered = answered or well
    well = call.outcome in _WELL
    if answered or call.actual is None or (not well and len(recorded) >= call.attempts):
        return
    error = "" if well else call.error or call.outcome or "failed"
    number = max(call.attempts, 1)
    yield Attempt(number, call.actual, start_ns, call.time_ns, error, call.status, False, well)


def spans_of(whole: Whole, share: float, words: Words = dict) -> tuple[Span, ...]:
    """The call's span first; nothing where the trace is not sampled. `words`: what was said."""
    call = whole.call
    caught = _caught(call)
    trace = trace_of(call.id, caught)
    if not is_sampled(trace, caught, share):
        return ()
    own, parent = span_of(call.id), caught.parent if caught is not None else ""
    failed = "" if call.outcome in _WELL else call.error or call.outcome or "failed"
    top = Span(
        trace, own, parent, f"{operation(call)} {call.workload or 'refused'}", "server", whole.start_ns,
        call.time_ns, _of_call(call), failed, caught.state if caught is not None else "",
    )  # fmt: skip
    children = (
        Span(
            trace, span_of(call.id, one.number), own,
            f"{operation(call)} {request_model(call, one.home) or 'unknown'}", "client", one.start_ns,
            one.end_ns, _of_attempt(call, one, words), one.error,
        )
        for one in whole.attempts
    )  # fmt: skip
    return (top, *children)


def _caught(call: CallRecord) -> Caught | None:
    return None if call.trace is None else read(call.trace.encode())


def _of_call(call: CallRecord) -> Attributes:
    cost = None if call.cost is None else call.cost.nano_usd
    return present({
        names.OPERATION: operation(call), names.RECEIPT: str(call.id), names.WORKLOAD: call.workload,
        names.POLICY: call.policy, names.KEY: call.key, names.OUTCOME: call.outcome,
        names.ATTEMPTS: call.attempts, names.RESCUED: call.rescued, names.JOINED: call.joined,
        names.WHY_HOME: call.why_home, names.COST: cost, names.DIALECT: call.dialect,
        names.HOME: call.actual.home if call.actual is not None else None, names.TIER: call.tier,
        names.STATUS_CODE: call.status, names.REQUEST_STREAM: call.stream,
        names.ERROR_TYPE: None if call.outcome in _WELL else call.error or call.outcome,
    })  # fmt: skip


def _of_attempt(call: CallRecord, one: Attempt, words: Words) -> Attributes:
    home = one.home
    found: dict[Name, Value | None] = {
        names.OPERATION: operation(call), names.PROVIDER: provider(home),
        names.REQUEST_MODEL: request_model(call, home), names.REQUEST_STREAM: call.stream,
        names.HOME: home.home, names.OPERATOR: home.operator, names.REGION: home.region,
        names.SILICON: home.silicon, names.ATTEMPT: one.number,
        names.WORKLOAD: call.workload, names.STATUS_CODE: one.status, names.ERROR_TYPE: one.error or None,
        names.HEDGE: one.hedge or None,
    }  # fmt: skip
    if one.answered:
        found[names.RESPONSE_ID] = call.vendor_id
        found[names.RESPONSE_MODEL] = home.model if call.actual_known == "reported" else None
        found[names.FINISH_REASONS] = None if call.finish is None else (call.finish,)
        found[names.TIME_TO_FIRST_CHUNK] = first_chunk_s(call, one)
        found |= _tokens(call.tokens)
        found |= dict(words())
    return present(found)


def _tokens(tokens: Tokens | None) -> dict[Name, Value | None]:
    if tokens is None:
        return {}
    return {
        names.INPUT_TOKENS: input_tokens(tokens), names.OUTPUT_TOKENS: tokens.output,
        names.CACHE_READ_TOKENS: tokens.cache_read, names.CACHE_WRITE_TOKENS: tokens.cache_write,
        names.REASONING_TOKENS: tokens.reasoning,
    }  # fmt: skip


def input_tokens(tokens: Tokens) -> int | None:
    """The convention counts cached tokens in; a record keeps them apart."""
    if tokens.fresh is None:
        return None
    return tokens.fresh + (tokens.cache_read or 0) + (tokens.cache_write or 0)


def first_chunk_s(call: CallRecord, one: Attempt) -> float | None:
    """From asking the home that answered to its first content; only streams have one."""
    first_us = None if call.took is None else call.took.first_content_us
    if first_us is None or not call.stream:
        return None
    start_ns = call.time_ns - _us(call) * 1000
    return max(0.0, (start_ns + first_us * 1000 - one.start_ns) / 1e9)


def request_model(call: CallRecord, home: HomeFacts) -> str | None:
    """As the estate calls it; the record of an answer has the vendor's own name for it, where it told one."""
    planned = call.planned
    return planned.model if planned is not None and planned.home == home.home else home.model


def provider(home: HomeFacts) -> str:
    return names.PROVIDERS.get(home.api or "") or home.vendor or "unknown"


def operation(call: CallRecord) -> str:
    return call.operation or names.OPERATION_DEFAULT


def present(found: dict[Name, Value | None]) -> Attributes:
    """What is not known is left out."""
    return {name: value for name, value in found.items() if value is not None}


def _us(record: Record) -> int:
    return record.took.total_us or 0 if record.took is not None else 0
