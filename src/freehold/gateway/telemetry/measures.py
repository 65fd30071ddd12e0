"""Calls to metrics: histograms and sums per set of attributes, kept since the start. Pure."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from freehold.gateway.telemetry import names
from freehold.gateway.telemetry.names import Measure, Name
from freehold.gateway.telemetry.spans import (
    Attempt,
    Whole,
    first_chunk_s,
    input_tokens,
    operation,
    present,
    provider,
    request_model,
)
from freehold.types.records import CallRecord

SERIES_MAX: Final = 5_000  # further sets of attributes are counted as dropped

Labels = tuple[tuple[Name, str | int | float | bool | tuple[str, ...]], ...]


class Tally:
    """The values of one measure under one set of attributes."""

    __slots__ = ("counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    @property
    def count(self) -> int:
        return sum(self.counts)


class Measures:
    """Everything measured since the start."""

    def __init__(self) -> None:
        self.tallies: dict[tuple[Measure, Labels], Tally] = {}
        self.dropped = 0

    def take(self, whole: Whole) -> None:
        call = whole.call
        for one in whole.attempts:
            self._attempt(call, one)
        error = call.error if call.outcome not in ("ok", "refused", "filtered") else None
        labels = tuple(present({
            names.OPERATION: operation(call), names.WORKLOAD: call.workload, names.OUTCOME: call.outcome,
            names.ERROR_TYPE: error,
        }).items())  # fmt: skip
        took = call.took
        if took is not None and took.total_us is not None:
            self.add(names.REQUEST_DURATION, labels, took.total_us / 1e6)
        if call.stream and took is not None and took.first_content_us is not None:
            self.add(names.FIRST_TOKEN, labels, took.first_content_us / 1e6)
        if call.cost is not None and call.cost.nano_usd is not None:
            paid = present({
                names.WORKLOAD: call.workload, names.KEY: call.key,
                names.HOME: call.actual.home if call.actual is not None else None,
            })  # fmt: skip
            self.add(names.CALL_COST, tuple(paid.items()), call.cost.nano_usd / 1e9)
        if call.rescued:
            self.add(names.CALLS_RESCUED, tuple(present({names.WORKLOAD: call.workload}).items()), 1)

    def _attempt(self, call: CallRecord, one: Attempt) -> None:
        plain = present({
            names.OPERATION: operation(call), names.PROVIDER: provider(one.home),
            names.REQUEST_MODEL: request_model(call, one.home), names.HOME: one.home.home,
            names.WORKLOAD: call.workload,
        })  # fmt: skip
        labels = tuple((plain | ({names.ERROR_TYPE: one.error} if one.error else {})).items())
        self.add(names.OPERATION_DURATION, labels, (one.end_ns - one.start_ns) / 1e9)
        if not one.answered:
            return
        first = first_chunk_s(call, one)
        if first is not None:
            self.add(names.FIRST_CHUNK, labels, first)
        if call.tokens is not None:
            counts = {"input": input_tokens(call.tokens), "output": call.tokens.output}
            for kind, count in counts.items():
                if count is not None:
                    self.add(names.TOKEN_USAGE, (*labels, (names.TOKEN_TYPE, kind)), count)

    def add(self, measure: Measure, labels: Labels, value: float) -> None:
        tally = self.tallies.get((measure, labels))
        if tally is None:
            if len(self.tallies) >= SERIES_MAX:
                self.dropped += 1
                return
            tally = self.tallies[measure, labels] = Tally(measure.bounds)
        tally.counts[bisect_left(measure.bounds, value)] += 1
        tally.total += value
