"""The user's own measurements, and what they change: a factor per chip and family, shrunk towards what was
known."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import msgspec

from freehold.errors import InputError
from freehold.plan.perf.chip import Chip
from freehold.plan.perf.constants import Constants, Factor, family_of
from freehold.plan.perf.predict import Work, predict
from freehold.plan.perf.shape import ModelShape, guessed, shape_of

NOISE = 0.1  # log error of one own measurement: runs differ
MEASUREMENTS_MAX = 10_000
SOURCES_SHOWN = 2
FACTOR_LOG_MAX = 3.0  # further off than 20 times is a mistake in the measurement, not a fact of the chip


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens per second that were seen on chips of one kind."""

    silicon: str
    model: str
    work: Work
    chips: int
    tokens_per_s: float
    source: str
    as_of: str
    parameters_b: float | None = None  # where the model's shape is not known
    records_of: str = ""  # the home whose records it was read from; read again, they replace it

    def shape(self) -> ModelShape:
        if self.parameters_b is not None:
            return guessed(self.model, self.parameters_b)
        return shape_of(self.model)


def calibrated(constants: Constants, found: Sequence[Measurement], chips: dict[str, Chip]) -> Constants:
    """The constants with the factors of measured chips moved towards what was measured."""
    logs: dict[tuple[str, str], list[float]] = defaultdict(list)
    spreads: dict[tuple[str, str], float] = {}
    latest: dict[tuple[str, str], str] = {}
    told: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)  # an ordered set
    for one in found:
        if one.silicon not in chips:
            raise InputError(
                f"a measurement is of silicon {one.silicon!r}, which the catalog does not have",
                why=f"there are {len(chips)} kinds of silicon",
                fix="correct the name, or add the chip to a catalog file",
                code="plan.unknown-silicon",
            )
        said = predict(one.shape(), one.work, chips[one.silicon], constants, chips=one.chips)
        if said.tokens_per_s is None or said.log_spread is None:
            continue
        key = (one.silicon, family_of(one.work.kind))
        log = math.log(one.tokens_per_s / said.tokens_per_s)
        logs[key].append(max(-FACTOR_LOG_MAX, min(FACTOR_LOG_MAX, log)))
        spreads[key] = said.log_spread
        latest[key] = max(latest.get(key, ""), one.as_of)
        told[key][one.source] = None
    factors = dict(constants.factors)
    for (silicon, family), seen in logs.items():
        name = f"{silicon}/{family}"
        before = factors.get(name)
        weight = len(seen) / (len(seen) + (NOISE / spreads[silicon, family]) ** 2)
        factors[name] = Factor(
            log_mean=(before.log_mean if before else 0.0) + weight * sum(seen) / len(seen),
            points=len(seen) + (before.points if before else 0),
            source=_own(list(told[silicon, family]))
            + (f"; {before.source}" if before and before.source else ""),
            as_of=latest[silicon, family],
        )
    return msgspec.structs.replace(constants, factors=factors)


def _own(sources: Sequence[str]) -> str:
    """The latest few by name."""
    shown = ", ".join(reversed(sources[-SOURCES_SHOWN:]))
    more = len(sources) - SOURCES_SHOWN
    return f"own measurements: {shown}" + (f" and {more} more" if more > 0 else "")


def load_measurements(path: Path) -> list[Measurement]:
    """What was kept earlier; nothing where there is no file."""
    if not path.exists():
        return []
    try:
        found = msgspec.json.decode(path.read_bytes(), type=list[Measurement])
    except msgspec.DecodeError as error:
        raise InputError(
            f"{path} does not hold measurements",
            why=str(error),
            fix="remove it and run freehold calibrate again",
            code="plan.bad-measurements",
        ) from error
    return found[-MEASUREMENTS_MAX:]


def keep_measurements(path: Path, found: Sequence[Measurement]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    body = msgspec.json.format(msgspec.json.encode(list(found)[-MEASUREMENTS_MAX:]), indent=1)
    partial = path.with_suffix(".partial")
    partial.write_bytes(body)
    partial.replace(path)
