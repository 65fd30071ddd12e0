"""What a workload asks for, as numbers: a peak to be ready for, an average to pay for, work to be done by a
time."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from freehold.errors import InputError
from freehold.plan.perf.align import call_tokens
from freehold.plan.perf.shape import shape_of
from freehold.plan.settings import PlanSettings, WorkSettings
from freehold.types.homes import Workload
from freehold.types.names import WorkloadId
from freehold.types.sampling import AlignShape

SEGMENTS = 4  # steps a load curve is cut into
TRACE_ROWS_MAX = 5_000_000
TRACE_BUCKET_S = 60
INPUT_TOKENS_ASSUMED, OUTPUT_TOKENS_ASSUMED = 1000, 250


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A layer of demand: so many requests a minute, wanted for this share of the time. The top comes
    first."""

    requests_per_min: float
    duty: float


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One workload, ready to be planned. `peak` is in requests per minute; for jobs it is 1, the job."""

    workload: Workload
    settings: WorkSettings
    peak: float
    segments: tuple[Segment, ...]
    inputs: float
    outputs: float
    assumed: tuple[str, ...] = ()

    @property
    def is_job(self) -> bool:
        return self.workload.kind == "train" or (
            self.workload.kind == "batch" and self.settings.tokens is not None
        )

    @property
    def mean(self) -> float:
        return sum(segment.requests_per_min * segment.duty for segment in self.segments)


def asked(workload: Workload, settings: PlanSettings, folder: Path = Path()) -> Asked | str:
    """The demand of a workload, or why it cannot be planned."""
    mine = settings.work.get(workload.id, WorkSettings())
    assumed = []
    inputs, outputs = workload.input_tokens, workload.output_tokens
    if workload.kind == "train" or (workload.kind == "batch" and mine.tokens is not None):
        if mine.tokens is None and mine.chip_hours is None:
            return "says neither plan.work.tokens nor plan.work.chip_hours"
        whole = (Segment(requests_per_min=1.0, duty=1.0),)
        return Asked(
            workload=workload, settings=mine, peak=1.0, segments=whole,
            inputs=float(inputs or INPUT_TOKENS_ASSUMED), outputs=float(outputs or OUTPUT_TOKENS_ASSUMED),
        )  # fmt: skip
    if mine.trace is not None:
        rates, inputs, outputs = read_trace(folder / mine.trace)
    elif workload.requests_per_min is None:
        return "says no requests_per_min, so its demand is unknown"
    else:
        rates = [share * workload.requests_per_min for share in mine.curve or (1.0,)]
    if inputs is None or outputs is None:
        assumed.append(f"{INPUT_TOKENS_ASSUMED} input and {OUTPUT_TOKENS_ASSUMED} output tokens a call")
    if not rates or max(rates) <= 0:
        return "has no demand"
    return Asked(
        workload=workload, settings=mine, peak=max(rates), segments=segments(rates),
        inputs=float(inputs or INPUT_TOKENS_ASSUMED), outputs=float(outputs or OUTPUT_TOKENS_ASSUMED),
        assumed=tuple(assumed),
    )  # fmt: skip


def roles(workload: Workload, shape: AlignShape, settings: PlanSettings) -> list[Asked]:
    """The roles of an alignment run as jobs: what is sampled as a batch, what is trained as a gang.

    Whoever samples needs new weights after every sync: data that moves, unless it is at data_at.
    """
    mine = settings.work.get(workload.id, WorkSettings())
    whole = (Segment(requests_per_min=1.0, duty=1.0),)
    found = []
    for load in shape.roles:
        trains = load.train_ratio > 0
        inputs, outputs = call_tokens(load)
        ratio = load.train_ratio if trains else load.output_ratio or load.input_ratio / inputs
        moved_gb = shape.weight_syncs * shape_of(load.model).weights_gb("bf16")
        found.append(
            Asked(
                workload=msgspec.structs.replace(
                    workload, id=WorkloadId(f"{workload.id}/{load.role}"), kind="train" if trains else "batch"
                ),
                settings=msgspec.structs.replace(
                    mine, model=load.model, tokens=max(1.0, shape.policy_tokens * ratio),
                    data_gb=moved_gb if load.role == "policy" and not trains else 0.0,
                ),
                peak=1.0, segments=whole, inputs=inputs, outputs=outputs,
            )
        )  # fmt: skip
    return found


def segments(rates: Sequence[float]) -> tuple[Segment, ...]:
    """The load curve in layers of equal height, top first; how long each is wanted falls with its height."""
    peak = max(rates)
    if min(rates) == peak:
        return (Segment(requests_per_min=peak, duty=1.0),)
    height = peak / SEGMENTS
    found = []
    for layer in reversed(range(SEGMENTS)):
        inside = [min(height, max(0.0, rate - layer * height)) for rate in rates]
        found.append(Segment(requests_per_min=height, duty=sum(inside) / (height * len(rates))))
    return tuple(found)


def read_trace(path: Path) -> tuple[list[float], int, int]:
    """Calls per minute, and the mean input and output tokens, of a CSV whose columns are time, input,
    output."""
    minutes: Counter[int] = Counter()
    inputs = outputs = count = 0
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            next(rows, None)
            for row in rows:
                if not row:
                    continue
                minutes[int(_seconds(row[0]) // TRACE_BUCKET_S)] += 1
                inputs, outputs, count = inputs + int(row[1]), outputs + int(row[2]), count + 1
                if count > TRACE_ROWS_MAX:
                    raise ValueError(f"more than {TRACE_ROWS_MAX} rows")
    except (OSError, ValueError, IndexError) as error:
        raise InputError(
            f"the trace {str(path)!r} cannot be read",
            why=f"it should be a CSV of time, input tokens and output tokens, one call a row: {error}",
            fix="correct plan.work.NAME.trace, or give a curve instead",
            code="plan.bad-trace",
        ) from error
    if not count:
        raise InputError(
            f"the trace {str(path)!r} holds no calls", why="there is nothing to plan for",
            fix="give a trace with at least one row", code="plan.bad-trace",
        )  # fmt: skip
    first, last = min(minutes), max(minutes)
    rates = [float(minutes.get(minute, 0)) for minute in range(first, last + 1)]
    return rates, math.ceil(inputs / count), math.ceil(outputs / count)


def _seconds(text: str) -> float:
    """Seconds as a number, or a timestamp; more than six digits of a second are cut."""
    try:
        return float(text)
    except ValueError:
        head, dot, tail = text.partition(".")
        return datetime.fromisoformat(f"{head}{dot}{tail[:6]}" if dot else head).timestamp()
