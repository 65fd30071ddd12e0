"""How wrong is the performance model about chips and publishers it has not seen?

    python -m bench.predict POINTS.csv

Leaves out one source at a time, then one chip at a time; beside it the one-constant roofline and the nearest
measured neighbour, on the same points. Chips count equally, however many points each has.
"""

from __future__ import annotations

import argparse
import itertools
import math
import statistics
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.fitting import KINDS, Z80, LeftOut, Point, fit, folds, known, left_out, read_points, spread_of
from bench.harness import RESULTS, Environment, environment
from freehold.estate.catalog import load
from freehold.plan.perf.physics import train_flops_per_token
from freehold.plan.prices import cheapest

NAIVE_MFU = {"nvidia": 0.42, "google": 0.48, "aws": 0.30, "amd": 0.42}
NAIVE_MEMORY, NAIVE_COMPUTE, NAIVE_USABLE = 0.75, 0.45, 0.9
GOALS = {"train": 0.08, "serve": 0.15}


def roofline(point: Point) -> float | None:
    """The one-constant model: no overheads, no communication, no balance, one share for everything."""
    chip, shape, n = point.chip, point.shape, point.chips
    rate = chip.compute_tflops(point.precision)
    if rate is None or chip.bandwidth_tb_per_s is None or chip.memory_gb is None:
        return None
    if point.kind == "train":
        share = NAIVE_MFU[chip.maker]
        if point.metric == "MFU_pct":
            return 100 * share
        return share * rate[0] * 1e12 / train_flops_per_token(shape, point.sequence)
    inputs, outputs = point.inputs or 128, point.outputs or 128
    context = inputs + outputs / 2
    flops = rate[0] * 1e12 * n * NAIVE_COMPUTE
    free_gb = chip.memory_gb * n * NAIVE_USABLE - shape.weights_gb(point.precision)
    batch = point.batch or max(1.0, free_gb / (shape.kv_gb_per_token(point.precision) * (inputs + outputs)))
    batch = batch if point.kind == "serve-offline" else point.batch or 1
    reads = shape.weights_gb(point.precision) + batch * shape.kv_gb_per_token(point.precision) * context
    step = max(
        reads / (chip.bandwidth_tb_per_s * 1e3 * n * NAIVE_MEMORY), 2e9 * shape.active_b * batch / flops
    )
    if point.kind == "serve-decode":
        return step * 1e3 if point.slower_is_more else batch / step
    return 1 / (2e9 * shape.active_b * inputs / flops / outputs + step / batch)


def neighbour(point: Point, train: Sequence[Point]) -> float | None:
    """The nearest measured point of its kind and unit, scaled by chips, peak rate and size of the model."""
    same = [p for p in train if p.kind == point.kind and p.metric == point.metric]
    if not same:
        return None

    def features(p: Point) -> list[float]:
        rate = p.chip.compute_tflops(p.precision)
        return [
            math.log(p.shape.active_b), math.log(rate[0] if rate else 1.0),
            math.log(p.chip.bandwidth_tb_per_s or 1.0), math.log(p.inputs or p.sequence),
            math.log(p.outputs or 128), math.log(p.batch or 64),
        ]  # fmt: skip

    here = features(point)
    best = min(same, key=lambda p: sum((a - b) ** 2 for a, b in zip(here, features(p), strict=True)))
    if point.metric == "MFU_pct":
        return best.value
    mine, other = point.chip.compute_tflops(point.precision), best.chip.compute_tflops(best.precision)
    scale = (
        (mine[0] if mine else 1.0) / (other[0] if other else 1.0) / point.shape.active_b * best.shape.active_b
    )
    scale *= point.chips / best.chips if "total" in point.metric or point.slower_is_more else 1.0
    return best.value / scale if point.slower_is_more else best.value * scale


class Score(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    left_out: str
    method: str
    chips: dict[str, float]  # median error of each
    points: int

    @property
    def macro(self) -> float:
        return statistics.fmean(self.chips.values())


def score(points: Sequence[Point], by: str, seen: Sequence[LeftOut]) -> list[Score]:
    """The three methods on the same points."""
    other = {
        id(point): (roofline(point), neighbour(point, [p for p in points if p not in held]))
        for held in folds(points, by).values()
        for point in held
    }
    out = []
    for kind in ("train", "serve", "decode"):
        mine = [one for one in seen if KINDS[one.point.kind] == kind]
        for method in ("freehold", "roofline", "neighbour"):
            errors: dict[str, list[float]] = {}
            for one in mine:
                naive, near = other[id(one.point)]
                said = {"freehold": one.predicted, "roofline": naive, "neighbour": near}[method]
                if said is not None:
                    errors.setdefault(one.point.chip.id, []).append(abs(said / one.point.value - 1))
            medians = {chip: statistics.median(found) for chip, found in sorted(errors.items())}
            if medians:
                count = sum(map(len, errors.values()))
                out.append(Score(kind=kind, left_out=by, method=method, chips=medians, points=count))
    return out


def coverage(points: Sequence[Point], by: str) -> dict[str, tuple[int, int]]:
    """How many 80 % intervals hold: each fold judged by spreads that never saw the fold, nested."""
    held_in: dict[str, list[bool]] = {}
    for held in folds(points, by).values():
        train = [p for p in points if p not in held]
        fitted = fit(train)
        inner = [*left_out(train, "source"), *left_out(train, "chip")]
        for point in held:
            predicted = fitted.predict(point)
            if predicted is None:
                continue
            one = LeftOut(point=point, fold="", predicted=predicted, known=known(point, train))
            spread = spread_of(inner, KINDS[point.kind], one.known)
            held_in.setdefault(KINDS[point.kind], []).append(abs(one.log_error) <= Z80 * spread)
    return {kind: (sum(found), len(found)) for kind, found in held_in.items()}


class Pairs(msgspec.Struct, frozen=True, kw_only=True):
    right: int
    of: int


def pairs(seen: Sequence[LeftOut], prices: dict[str, float], kind: str) -> Pairs:
    """Two chips, the same model and work: does the model say rightly which costs less for a token?"""
    right = total = 0
    mine = [one for one in seen if KINDS[one.point.kind] == kind and one.point.chip.id in prices]
    for a, b in itertools.combinations(mine, 2):
        p, q = a.point, b.point
        alike = (p.shape.name, p.inputs, p.outputs, p.metric) == (q.shape.name, q.inputs, q.outputs, q.metric)
        if not alike or p.chip.id == q.chip.id or p.sequence != q.sequence:
            continue
        real = [usd_per_unit(one.point, one.point.value, prices) for one in (a, b)]
        said = [usd_per_unit(one.point, one.predicted, prices) for one in (a, b)]
        total += 1
        right += (real[0] < real[1]) == (said[0] < said[1])
    return Pairs(right=right, of=total)


def usd_per_unit(point: Point, value: float, prices: dict[str, float]) -> float:
    """Proportional to dollars per token."""
    price = prices[point.chip.id]
    if point.metric == "MFU_pct":
        rate = point.chip.compute_tflops(point.precision)
        return price / (value * (rate[0] if rate else 1.0))
    if point.metric == "tokens_per_s_per_chip":
        return price / value
    return price * point.chips * (value if point.slower_is_more else 1 / value)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    environment: Environment
    points: int
    scores: list[Score]
    coverage: dict[str, dict[str, tuple[int, int]]]
    pairs: dict[str, dict[str, Pairs]]
    prices_usd_per_chip_hour: dict[str, float]

    def markdown(self) -> str:
        lines = ["# predict", "", "How far predictions are from measurements that the fit had not seen.", ""]
        lines += [
            "| kind | left out | method | macro median error | by chip | points |",
            "|---|---|---|---:|---|---:|",
        ]
        for one in self.scores:
            chips = ", ".join(f"{chip} {100 * error:.0f}" for chip, error in one.chips.items())
            goal = (
                f" (goal {100 * GOALS[one.kind]:.0f})"
                if one.method == "freehold" and one.kind in GOALS
                else ""
            )
            lines.append(
                f"| {one.kind} | {one.left_out} | {one.method} | {100 * one.macro:.1f} %{goal} "
                f"| {chips} | {one.points} |"
            )
        lines += [
            "",
            "| kind | left out | 80 % intervals that hold (goal 70 to 90) "
            "| order of $/token right (goal 90) |",
            "|---|---|---:|---:|",
        ]
        for by, found in self.coverage.items():
            for kind, (held, of) in found.items():
                pair = self.pairs[by].get(kind, Pairs(right=0, of=0))
                order = f"{pair.right} of {pair.of}" if pair.of else "no two chips share a model and work"
                lines.append(f"| {kind} | {by} | {held} of {of} ({100 * held / of:.0f} %) | {order} |")
        where = self.environment
        return "\n".join(lines) + "\n\n" + "".join(f"- {note}\n" for note in NOTES) + (
            f"\nMeasured {where.date} by `{where.command}` at commit `{where.commit}`.\n\n"
            f"```json\n{msgspec.json.format(msgspec.json.encode(self), indent=2).decode()}\n```\n"
        )  # fmt: skip


NOTES = (
    "Macro: the median error of each chip, averaged over chips. Errors are |predicted / published - 1|.",
    "Several points are one run in two units (utilisation, tokens per second); both are kept, as published.",
    "The roofline's constants were chosen with these points in view (its Trainium figure is from them), so "
    "its figures are in-sample; Freehold's and the neighbour's are not.",
    "Memory rules, the form of the physics and which stacks count as young were chosen by somebody who had "
    "seen the points: only the constants are left out, not the ideas.",
    "That one engine runs 1,024 sequences at most, and the prior of the share of a link that sums across "
    "chips reach (0.2), were chosen among five variants by these scores; before, serving stood at 24 and "
    "18 %.",
    "Decode points: chips and batch of the Neuron rows are recalled by the collector; no threshold is set.",
    "Prices: the cheapest on-demand price of a chip that passed validation; without one it forms no pairs.",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("points", type=Path)
    points = read_points(parser.parse_args().points)
    seen = {by: left_out(points, by) for by in ("source", "chip")}
    catalog = load()
    prices = {id: price.chip_hour_usd for id, price in cheapest(catalog.offers, catalog.silicon).items()}
    report = Report(
        environment=environment(), points=len(points),
        scores=[one for by, found in seen.items() for one in score(points, by, found)],
        coverage={by: coverage(points, by) for by in seen},
        pairs={by: {k: pairs(found, prices, k) for k in KINDS.values()} for by, found in seen.items()},
        prices_usd_per_chip_hour=prices,
    )  # fmt: skip
    path = RESULTS / "predict.md"
    path.write_text(report.markdown(), encoding="utf-8")
    print(report.markdown().split("```json")[0])


if __name__ == "__main__":
    main()
