"""When calls of a drill come: as in a recorded trace, or by chance. Pure but for reading the file."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from freehold.errors import InputError
from freehold.types.names import WorkloadId

ROWS_MAX: Final = 1_000_000
# Lengths of answers, in words; a trace's are taken to the nearest of these, so that each can be checked.
LENGTHS: Final = (5, 10, 20, 30, 45, 60)
_MEAN_LENGTH: Final = 20.0
_COLUMNS: Final = ("TIMESTAMP", "GeneratedTokens")


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    at_s: float
    workload: WorkloadId
    tokens: int


Times = Callable[[WorkloadId, float], float]  # how many times the usual demand a workload has at a moment


def by_chance(calls: int, seconds: float, chance: random.Random) -> list[tuple[float, int]]:
    """As many calls at times that do not know of each other (Poisson), with lengths spread around a mean."""
    at = sorted(chance.random() * seconds for _ in range(calls))
    return [(one, _length(chance.expovariate(1 / _MEAN_LENGTH))) for one in at]


def as_recorded(rows: Sequence[tuple[float, int]], calls: int, seconds: float) -> list[tuple[float, int]]:
    """The first so many arrivals of a trace, its time stretched or squeezed to ours."""
    taken = rows[:calls]
    if len(taken) < 2:
        return [(0.0, _length(tokens)) for _, tokens in taken]
    first = taken[0][0]
    scale = seconds / max(taken[-1][0] - first, 1e-9) * (len(taken) - 1) / len(taken)
    return [((at - first) * scale, _length(tokens)) for at, tokens in taken]


def read_trace(path: Path) -> list[tuple[float, int]]:
    """Seconds and output tokens of each row of an Azure LLM inference trace."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [_row(row) for row in islice(csv.DictReader(file), ROWS_MAX)]
    except (OSError, UnicodeDecodeError, KeyError, ValueError, TypeError, csv.Error) as error:
        raise InputError(
            f"{path} is not a trace that can be read", why=str(error)[:200] or type(error).__name__,
            fix=f"give a CSV with the columns {' and '.join(_COLUMNS)}, as Azure publishes them",
            code="cli.bad-trace",
        ) from error  # fmt: skip
    if not rows:
        raise InputError(
            f"{path} holds no arrivals", why="it has a head and no rows", fix="give another file",
            code="cli.bad-trace",
        )  # fmt: skip
    return rows


def _row(row: Mapping[str, str]) -> tuple[float, int]:
    written = row["TIMESTAMP"]
    whole, _, parts = written.partition(".")
    at = datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{parts[:9] or 0}")
    return at, int(row["GeneratedTokens"])


def schedule(
    arrivals: Sequence[tuple[float, int]], demand: Mapping[WorkloadId, float], times: Times,
    chance: random.Random,
) -> list[Arrival]:  # fmt: skip
    """Who each call is from, by their shares of the demand, times what a workload asks for then."""
    names, weights = list(demand), list(demand.values())
    found: list[Arrival] = []
    for at, tokens in arrivals:
        workload = chance.choices(names, weights)[0]
        wanted = times(workload, at)
        count = int(wanted) + (chance.random() < wanted - int(wanted))
        found += [Arrival(at_s=at, workload=workload, tokens=tokens)] * count
    return found


def _length(tokens: float) -> int:
    return min(LENGTHS, key=lambda one: abs(one - tokens))
