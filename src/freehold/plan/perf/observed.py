"""Measurements out of evidence: what the records of calls, jobs and training steps say about the speed of
chips.

Calls: where the chips behind a home are known, its speed is the tokens that came out while at least one
call was open, and its batch the number of calls open on average. A record is made when the call is over.
Jobs and steps: tokens trained over the time they took.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from freehold.plan.perf.evidence import Measurement
from freehold.plan.perf.predict import Work
from freehold.types.records import AnyRecord, CallRecord, JobRecord, StepRecord

CALLS_MIN = 20  # fewer calls say more about chance than about chips
BUSY_SECONDS_MIN = 1.0
US_PER_S, NS_PER_S = 1e6, 1e9


class Behind(msgspec.Struct, frozen=True, kw_only=True):
    """What stands behind a home or a job, which records do not say."""

    silicon: str
    chips: int
    model: str
    precision: str = "bf16"


def observed(records: Iterable[AnyRecord], homes: Mapping[str, Behind]) -> list[Measurement]:
    calls: dict[str, list[CallRecord]] = defaultdict(list)
    steps: dict[str, list[AnyRecord]] = defaultdict(list)
    for record in records:
        home = record.actual.home if record.actual else None
        if home is None or home not in homes or record.took is None or not record.took.total_us:
            continue
        if (
            isinstance(record, CallRecord)
            and record.tokens
            and record.tokens.output
            and record.outcome == "ok"
        ):
            calls[home].append(record)
        elif _trains(record) and record.tokens and record.tokens.fresh:
            steps[home].append(record)
    found = [one for home, mine in calls.items() if (one := _served(home, homes[home], mine)) is not None]
    return [*found, *(_trained(home, homes[home], mine) for home, mine in steps.items())]


def _trains(record: AnyRecord) -> bool:
    """A job says what it did when it is finished; what it said on the way is in that."""
    return isinstance(record, StepRecord) or (isinstance(record, JobRecord) and record.state == "finished")


def _served(home: str, behind: Behind, calls: Sequence[CallRecord]) -> Measurement | None:
    if len(calls) < CALLS_MIN:
        return None
    spans = sorted((call.time_ns - _total_us(call) * 1000, call.time_ns) for call in calls)
    busy_s, open_s = _busy(spans) / NS_PER_S, sum(end - start for start, end in spans) / NS_PER_S
    if busy_s < BUSY_SECONDS_MIN:
        return None
    out = sum(call.tokens.output or 0 for call in calls if call.tokens)
    into = sum((call.tokens.fresh or 0) + (call.tokens.cache_read or 0) for call in calls if call.tokens)
    work = Work(
        kind="serve", precision=behind.precision, inputs=into / len(calls), outputs=out / len(calls),
        batch=max(1, round(open_s / busy_s)),
    )  # fmt: skip
    return Measurement(
        silicon=behind.silicon, model=behind.model, work=work, chips=behind.chips, tokens_per_s=out / busy_s,
        source=f"{len(calls)} calls of {home}", as_of=_day(max(end for _, end in spans)), records_of=home,
    )  # fmt: skip


def _trained(home: str, behind: Behind, steps: Sequence[AnyRecord]) -> Measurement:
    tokens = sum(step.tokens.fresh or 0 for step in steps if step.tokens)
    seconds = sum(_total_us(step) for step in steps) / US_PER_S
    return Measurement(
        silicon=behind.silicon, model=behind.model, work=Work(kind="train", precision=behind.precision),
        chips=behind.chips, tokens_per_s=tokens / seconds, source=f"{len(steps)} steps at {home}",
        as_of=_day(max(step.time_ns for step in steps)), records_of=home,
    )  # fmt: skip


def _busy(spans: Sequence[tuple[int, int]]) -> int:
    """Time during which at least one span was open."""
    total, until = 0, 0
    for start, end in spans:
        total += max(0, end - max(start, until))
        until = max(until, end)
    return total


def _total_us(record: AnyRecord) -> int:
    return record.took.total_us or 0 if record.took else 0


def _day(ns: int) -> str:
    return datetime.fromtimestamp(ns / NS_PER_S, UTC).date().isoformat()
