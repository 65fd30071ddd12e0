"""Fitting the performance model to published points, and asking what it says of points it has not seen.

One least-squares problem: the shares of `Physics`, and factors for stacks and chips, each pulled towards what
is expected without it. A stack is *young* where it is neither CUDA nor XLA; how much slower young stacks
are, is one number for all of them, so that a stack nobody measured is not taken for a mature one.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from scipy.optimize import least_squares  # type: ignore[import-untyped]  # scipy ships no types

from freehold.estate.catalog import load
from freehold.plan.perf.chip import Chip, chip_of
from freehold.plan.perf.constants import MATURE_STACKS as MATURE
from freehold.plan.perf.constants import Constants, Factor, Family, Physics, Spread, family_of
from freehold.plan.perf.physics import serve_time, train_flops_per_token, train_utilisation
from freehold.plan.perf.shape import ModelShape, shape_of

CHIPS = {
    "H100-80GB-SXM": "h100", "H200-141GB-SXM": "h200", "B200": "b200", "MI300X": "mi300x",
    "TPU-v5e": "tpu-v5e", "TPU-v5p": "tpu-v5p", "TPU-v6e": "tpu-v6e", "Trainium1": "trainium1",
    "Trainium2": "trainium2", "Inferentia2": "inferentia2",
}  # fmt: skip
# Start of each share, and how far (in logs) a fit may reasonably move it.
START = {
    "train_share": (0.48, 0.3), "serve_share": (0.52, 0.3), "balance_exponent": (0.42, 0.3),
    "memory_share": (0.75, 0.15), "step_ms": (2.0, 0.7), "layer_us": (10.0, 0.7), "link_share": (0.2, 0.5),
    "recompute": (0.68, 0.2), "mixture": (0.81, 0.2),
}  # fmt: skip
NOISE = {"train": 0.08, "serve-offline": 0.15, "serve-decode": 0.35}  # log error of a point, by its kind
PULL = {"young": 1.0, "stack": 0.25, "stack-family": 0.2, "chip": 0.12}  # how far a factor may stray
SEQUENCE_ASSUMED, TOKENS_ASSUMED = 4096, 128


class Point(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    shape: ModelShape
    chip: Chip
    precision: str
    chips: int
    inputs: int | None
    outputs: int | None
    batch: int | None
    sequence: int
    metric: str
    value: float
    source: str

    @property
    def family(self) -> Family:
        return family_of(self.kind)

    @property
    def publisher(self) -> str:
        """Who measured it: the source without commit and remarks."""
        return self.source.split("@")[0].split(" (")[0]

    @property
    def slower_is_more(self) -> bool:
        return "ms" in self.metric


def read_points(path: Path) -> list[Point]:
    silicon = load().silicon
    chips = {name: chip_of(silicon[id]) for name, id in CHIPS.items()}  # type: ignore[index]  # plain names

    def number(word: str, text: str) -> int | None:
        found = re.search(rf"\b{word}=(\d+)", text)
        return int(found[1]) if found else None

    with path.open(encoding="utf-8") as file:
        return [
            Point(
                kind=row["workload_kind"], shape=shape_of(row["model"]), chip=chips[row["chip"]],
                precision=row["precision"], chips=int(row["n_chips"]), inputs=number("ISL", row["batch_seq"]),
                outputs=number("OSL", row["batch_seq"]), batch=number("batch", row["batch_seq"]),
                sequence=number("seq", row["batch_seq"]) or SEQUENCE_ASSUMED, metric=row["metric"],
                value=float(row["value"]), source=row["source"],
            )
            for row in csv.DictReader(file)
        ]  # fmt: skip


def expected(point: Point, physics: Physics) -> float | None:
    """What physics alone says, in the unit of the point."""
    if point.kind == "train":
        share = train_utilisation(
            point.shape, point.precision, point.chip, point.chips, point.sequence, physics
        )
        rate = point.chip.compute_tflops(point.precision)
        if share is None or rate is None:
            return None
        if point.metric == "MFU_pct":
            return 100 * share
        return share * rate[0] * 1e12 / train_flops_per_token(point.shape, point.sequence)
    inputs, outputs = point.inputs or TOKENS_ASSUMED, point.outputs or TOKENS_ASSUMED
    batch = point.batch if point.kind == "serve-offline" else point.batch or 1
    time = serve_time(
        point.shape, point.precision, point.chip, point.chips, inputs, outputs, physics, batch=batch
    )
    if time is None:
        return None
    if point.kind == "serve-offline":
        return time.output_tokens_per_s
    return time.step_s * 1e3 if point.slower_is_more else time.batch / time.step_s


def effects(chip: Chip, family: Family) -> list[tuple[str, str]]:
    """The factors that a chip's speed is made of: (level, name)."""
    young = [] if chip.stack in MATURE else [("young", "young")]
    return [
        *young, ("stack", chip.stack), ("stack-family", f"{chip.stack}/{family}"),
        ("chip", f"{chip.id}/{family}"),
    ]  # fmt: skip


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    physics: Physics
    effects: dict[tuple[str, str], float]

    def predict(self, point: Point) -> float | None:
        base = expected(point, self.physics)
        if base is None:
            return None
        log = sum(self.effects.get(key, 0.0) for key in effects(point.chip, point.family))
        return base * math.exp(-log if point.slower_is_more else log)


def fit(points: Sequence[Point]) -> Fit:
    keys = sorted({key for point in points for key in effects(point.chip, point.family)})
    place = {key: len(START) + index for index, key in enumerate(keys)}

    def physics_of(x: np.ndarray) -> Physics:
        shares = {
            name: start * math.exp(x[index] * width)
            for index, (name, (start, width)) in enumerate(START.items())
        }
        return Physics(**shares)

    def residuals(x: np.ndarray) -> np.ndarray:
        physics, out = physics_of(x), []
        for point in points:
            base = expected(point, physics)
            if base is None:
                out.append(0.0)
                continue
            log = math.log(point.value / base) * (-1 if point.slower_is_more else 1)
            log -= sum(x[place[key]] for key in effects(point.chip, point.family))
            out.append(log / NOISE[point.kind])
        pulls = [x[place[key]] / PULL[key[0]] for key in keys]
        return np.array([*out, *x[: len(START)], *pulls])

    found = least_squares(residuals, np.zeros(len(START) + len(keys)), loss="soft_l1", max_nfev=60).x
    return Fit(physics=physics_of(found), effects={key: float(found[place[key]]) for key in keys})


def known(point: Point, train: Sequence[Point]) -> str:
    """What the training points say of this point's chip and family of work: measured, related or unknown."""
    same = [other for other in train if other.family == point.family]
    if any(other.chip.id == point.chip.id for other in same):
        return "measured"
    if point.chip.stack in MATURE or any(other.chip.stack == point.chip.stack for other in same):
        return "related"
    return "unknown"


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """What was said of a point by a fit that had not seen it."""

    point: Point
    fold: str
    predicted: float
    known: str

    @property
    def error(self) -> float:
        return abs(self.predicted / self.point.value - 1)

    @property
    def log_error(self) -> float:
        return math.log(self.point.value / self.predicted)


def folds(points: Sequence[Point], by: str) -> dict[str, list[Point]]:
    out: dict[str, list[Point]] = {}
    for point in points:
        out.setdefault(point.publisher if by == "source" else point.chip.id, []).append(point)
    return dict(sorted(out.items()))


def left_out(points: Sequence[Point], by: str) -> list[LeftOut]:
    """Every point predicted by a fit without its source, or without its chip."""
    found = []
    for name, held in folds(points, by).items():
        train = [point for point in points if point not in held]
        fitted = fit(train)
        for point in held:
            if (predicted := fitted.predict(point)) is not None:
                found.append(LeftOut(point=point, fold=name, predicted=predicted, known=known(point, train)))
    return found


Z80 = 1.2816  # a normal variable is within this many standard deviations 80 % of the time
SPREAD_LEAST = 0.05


KINDS = {"train": "train", "serve-offline": "serve", "serve-decode": "decode"}


def spread_of(seen: Sequence[LeftOut], kind: str, status: str) -> float:
    """A standard deviation such that 80 % of the left-out errors of such points lie within its interval.

    Levels that know less are never narrower.
    """
    order = ("measured", "related", "unknown")
    wanted = order[: order.index(status) + 1]
    sizes = [
        _quantile(
            [abs(one.log_error) for one in seen if one.known == level and KINDS[one.point.kind] == kind]
        )
        for level in wanted
    ]
    return max(SPREAD_LEAST, *(size / Z80 for size in sizes))


def _quantile(values: Sequence[float]) -> float:
    return float(np.quantile(values, 0.8)) if len(values) >= 2 else 0.0


def constants_of(points: Sequence[Point], as_of: str) -> Constants:
    """The fit to every point, with spreads from left-out ones."""
    fitted = fit(points)
    seen = [*left_out(points, "source"), *left_out(points, "chip")]
    factors: dict[str, Factor] = {}
    young = fitted.effects.get(("young", "young"), 0.0)
    for family in ("train", "serve"):
        factors[f"young/{family}"] = Factor(log_mean=round(young, 4), points=0, source="mean of young stacks")
        for stack in sorted({point.chip.stack for point in points}):
            mine = [p for p in points if p.chip.stack == stack and p.family == family]
            log = fitted.effects.get(("stack", stack), 0.0) + (0.0 if stack in MATURE else young)
            log += fitted.effects.get(("stack-family", f"{stack}/{family}"), 0.0)
            factors[f"{stack}/{family}"] = _factor(log, mine, as_of)
        for chip in sorted({point.chip.id for point in points}):
            mine = [p for p in points if p.chip.id == chip and p.family == family]
            if mine:
                log = fitted.effects[("chip", f"{chip}/{family}")]
                factors[f"{chip}/{family}"] = _factor(log, mine, as_of)
    spread = {
        kind: Spread(**{s: round(spread_of(seen, kind, s), 3) for s in ("measured", "related", "unknown")})
        for kind in KINDS.values()
    }
    rounded = {name: round(value, 4) for name, value in msgspec.structs.asdict(fitted.physics).items()}
    return Constants(physics=Physics(**rounded), factors=factors, spread=spread, as_of=as_of)


def _factor(log: float, mine: Sequence[Point], as_of: str) -> Factor:
    sources = "; ".join(sorted({point.publisher for point in mine}))
    return Factor(log_mean=round(log, 4), points=len(mine), source=sources, as_of=as_of)
