"""How good and how fast is placement? Freehold beside plain HiGHS and CP-SAT, on the pinned tight instance.

    python -m bench.plan tight [--seconds 60]     1,000 x 200, three seeds, one core
    python -m bench.plan large [--seconds 300]    10,000 x 1,000
    python -m bench.plan peers [--seconds 30]     beside plain HiGHS, and CP-SAT where ortools is installed
    python -m bench.plan replan                   after the loss of a region
    python -m bench.plan outage                   the same from a plan in force, predictions included
    python -m bench.plan skypilot FOLDER          SkyPilot's optimizer on the same tasks and prices

Seconds are seconds of one core used by the process, with wall time beside them: machines are shared. Peers
keep their own time, which is wall time: each is given the wall time that Freehold's seconds took just before.

Every part keeps its figures in bench/results/plan/PART.json, and all of them are written to
bench/results/plan.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bench.harness import RESULTS, Environment, environment
from bench.instances import tight
from bench.plan_estate import generate
from freehold.estate.catalog import load
from freehold.plan.make import make
from freehold.plan.perf.chip import chip_of
from freehold.plan.perf.constants import packaged
from freehold.plan.repair import repair
from freehold.plan.solver.highs import integer_program
from freehold.plan.solver.problem import EPSILON, Problem
from freehold.plan.solver.replan import replan
from freehold.plan.solver.search import program
from freehold.plan.solver.solve import Budget, Progress, solve
from freehold.plan.way import Silicon
from freehold.types.names import HomeId

FOLDER = RESULTS / "plan"
MARKS_S = (2, 5, 10, 20, 30, 60, 120, 300)
SEEDS = (0, 1, 2)
OUTAGES_MAX = 40  # homes with work on them that are lost, one at a time


class Part(msgspec.Struct, kw_only=True):
    environment: Environment
    rows: list[dict[str, Any]]


def one_core() -> None:
    """The figures are for one core, whatever the machine has."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


class CoreClock:
    """Seconds of one core that this process has used: on a shared machine, wall time is other people's
    too."""

    def now_ns(self) -> int:
        return time.time_ns()

    def monotonic_ns(self) -> int:
        return time.process_time_ns()


def tight_part(seconds: float) -> list[dict[str, Any]]:
    return [solved(tight(seed=seed), seed, seconds) for seed in SEEDS]


def large_part(seconds: float) -> list[dict[str, Any]]:
    return [solved(tight(workloads=10_000, homes=1000, seed=0), 0, seconds)]


def solved(problem: Problem, seed: int, seconds: float) -> dict[str, Any]:
    """The gap to the bound at each mark, as it stood then."""
    seen: list[Progress] = []
    started = time.perf_counter()
    found = solve(problem, seed=seed, budget=Budget(seconds=seconds), clock=CoreClock(), progress=seen.append)
    wall = time.perf_counter() - started
    gaps = {}
    for mark in MARKS_S:
        before = [at for at in seen if at.seconds <= mark]
        if before and mark <= seconds * 1.2:
            gaps[str(mark)] = round(100 * (before[-1].price / found.bound - 1), 3)
    missing = float(np.maximum(0, problem.demand - problem.served(found.units)).sum())
    return {
        "who": "Freehold", "workloads": len(problem.workloads), "homes": len(problem.places),
        "choices": problem.size[2], "seed": seed, "bound": round(found.bound, 2),
        "price": round(found.price, 2),
        "gap_pct": gaps, "gap_pct_end": round(100 * found.gap, 3), "unserved": missing,
        "broken": len(problem.breaks(found.units)), "cpu_seconds": round(found.seconds, 1),
        "wall_seconds": round(wall, 1), "steps": found.steps, "peak_mb": peak_mb(),
    }  # fmt: skip


def peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def peers_part(seconds: float) -> list[dict[str, Any]]:
    """Round by round: Freehold, plain HiGHS, CP-SAT."""
    rows, where = [], environment()
    for seed in SEEDS:
        problem = tight(seed=seed)
        ours = solved(problem, seed, seconds)
        wall = max(seconds, ours["wall_seconds"])
        shown = (
            "who",
            "seed",
            "bound",
            "price",
            "gap_pct_end",
            "unserved",
            "broken",
            "cpu_seconds",
            "wall_seconds",
        )
        rows.append({name: ours[name] for name in shown})
        for ask in (plain_highs, cp_sat):
            rows.append(ask(problem, seed, ours["bound"], wall))
            print(rows[-1], flush=True)
        write("peers", rows, where)  # a round at a time: this takes long
    return rows


class Took:
    """Wall and CPU seconds since it was made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def so_far(self) -> tuple[float, float]:
        return time.perf_counter() - self._wall, time.process_time() - self._cpu


def row_of(
    who: str, problem: Problem, seed: int, bound: float, units: Any, took: Took, proved: float | None
) -> dict[str, Any]:
    wall, cpu = took.so_far()
    row: dict[str, Any] = {
        "who": who, "seed": seed, "bound": round(bound, 2), "cpu_seconds": round(cpu, 1),
        "wall_seconds": round(wall, 1),
    }  # fmt: skip
    if proved is not None:
        row["own_bound_gap_pct"] = round(100 * (proved / bound - 1), 3)
    if units is None:
        return {**row, "price": None, "gap_pct_end": None, "unserved": None}
    missing = float(np.maximum(0, problem.demand - problem.served(units)).sum())
    price = problem.price(units)
    gap = round(100 * (price / bound - 1), 3)
    return {**row, "price": round(price, 2), "gap_pct_end": gap, "unserved": missing,
            "broken": len(problem.breaks(units))}  # fmt: skip


def plain_highs(problem: Problem, seed: int, bound: float, seconds: float) -> dict[str, Any]:
    """The whole model given to HiGHS at once."""
    everything, free = np.arange(problem.size[2]), np.arange(len(problem.workloads))
    took = Took()
    arrays = program(problem, np.zeros(len(everything)), free, everything, problem.sizes)
    found = integer_program(*arrays, seed=seed, seconds_max=seconds - took.so_far()[0], gap=1e-4)
    units = None if found.values is None else np.round(found.values[: len(everything)])
    return row_of("plain HiGHS", problem, seed, bound, units, took, found.bound)


def cp_sat(problem: Problem, seed: int, bound: float, seconds: float) -> dict[str, Any]:
    """The whole model given to CP-SAT, in a process of its own: it brings a HiGHS that clashes with ours."""
    if importlib.util.find_spec("ortools") is None:
        return {
            "who": "CP-SAT",
            "seed": seed,
            "price": None,
            "note": "left out: ortools is not installed here",
        }
    took, used = Took(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "problem.npz"
        np.savez(path, **arrays_of(problem))
        words = [sys.executable, "-m", "bench.plan_cpsat", str(path), str(seconds), str(seed)]
        done = subprocess.run(words, capture_output=True, check=True, text=True)
        said = msgspec.json.decode(done.stdout.splitlines()[-1], type=dict[str, Any])
        units = np.load(path.with_suffix(".units.npy")) if said["found"] else None
    row = row_of("CP-SAT", problem, seed, bound, units, took, said["bound"])
    spent = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - used
    return {**row, "cpu_seconds": round(spent, 1)}


def arrays_of(problem: Problem) -> dict[str, Any]:
    """What CP-SAT's model is made of: every must-domain of a workload may hold one unit at most."""
    w, d = np.nonzero(problem.keep > 0)
    return {
        "workload": problem.workload, "place": problem.place, "cost": problem.cost, "amount": problem.amount,
        "most": problem.most, "demand": problem.demand, "penalty": problem.penalty, "sizes": problem.sizes,
        "must_workload": w, "must_domain": d, "member": problem.member, "group": problem.place_commitment,
        "group_size": np.array([one.size for one in problem.commitments]),
        "group_saving": np.array([one.saving for one in problem.commitments]),
    }  # fmt: skip


def replan_part(seconds: float) -> list[dict[str, Any]]:
    rows = []
    for seed in SEEDS:
        problem = tight(seed=seed)
        placed = solve(problem, seed=seed, budget=Budget(seconds=seconds), clock=CoreClock()).units
        took, displaced, unserved, others = [], [], 0, 0
        for domain in range(0, len(problem.domains), 3):
            started = time.process_time()
            found = replan(problem, placed, problem.member[domain])
            took.append(time.process_time() - started)
            displaced.append(len(found.displaced))
            unserved += len(found.unserved)
            moved = set(np.unique(problem.workload[np.abs(found.units - placed) > EPSILON]).tolist())
            others += len(moved - set(found.displaced.tolist()))
        rows.append(
            {
                "who": "Freehold", "seed": seed, "losses": len(took),
                "displaced_median": statistics.median(displaced),
                "cpu_seconds_median": round(statistics.median(took), 3),
                "cpu_seconds_max": round(max(took), 3),
                "unserved": unserved, "touched_beside_the_displaced": others,
            }
        )  # fmt: skip
    return rows


def outage_part(seconds: float) -> list[dict[str, Any]]:
    """From a plan in force to the mended one: build, predictions, placement, bound and replay included."""
    catalog = load()
    silicon = Silicon(
        chips={str(id): chip_of(chip) for id, chip in catalog.silicon.items()}, constants=packaged()
    )
    estate, settings = generate()
    took = Took()
    before = make(estate, settings, silicon, budget=Budget(seconds=seconds), price_rules=False).plan
    _, whole = took.so_far()
    first, displaced, unserved, moved = [], [], 0, 0
    used = sorted({one.home for one in before.placements})
    for home in used[:: max(1, len(used) // OUTAGES_MAX)]:
        took = Took()
        after = repair(estate, settings, silicon, before, frozenset({HomeId(home)})).plan
        first.append(took.so_far()[1])
        displaced.append(len(after.repaired))
        unserved += len(after.unserved)
        again = set(after.repaired)
        moved += sum(after.of(name) != before.of(name) for name in estate.workloads if name not in again)
    return [
        {
            "who": "Freehold", "workloads": len(estate.workloads), "homes": len(estate.homes),
            "whole_plan_cpu_seconds": round(whole, 1), "whole_plan_gap_pct": round(100 * before.gap, 2),
            "losses": len(first), "displaced_median": statistics.median(displaced),
            "displaced_max": max(displaced), "cpu_seconds_median": round(statistics.median(first), 3),
            "cpu_seconds_max": round(max(first), 3), "unserved": unserved,
            "unserved_before": len(before.unserved), "touched_beside_the_displaced": moved,
        }
    ]  # fmt: skip


def skypilot_part(folder: Path) -> list[dict[str, Any]]:
    """Figures made by bench/plan_skypilot.py, which runs in another environment."""
    from bench.plan_tasks import compared

    return compared(folder)


HEAD = """# plan

Written by `python -m bench.plan PART`; the figures as JSON are in [plan/](plan).

- Gaps are to the bound of the linear relaxation, in percent, as they stood after so many CPU seconds of
  one core. The machine was shared: wall seconds are beside them. Limits of sub-problems are in wall
  time, which a loaded machine makes shorter.
- skypilot: dollars per unit are Freehold's predictions for both choices, at the cheapest price that
  passed validation; SkyPilot's own list price is beside it. It compares dollars per hour of a machine,
  whatever the machine does in that hour.
- peers: three rounds of Freehold, plain HiGHS and CP-SAT, one core each; "broken" counts rules that a
  placement breaks, "unserved" the demand it leaves out, both of which Freehold's never do.
- outage: from a plan in force to the mended one, for homes with work on them; the whole plan beside it
  was made in one sitting of ten seconds.
"""


def write(part: str, rows: list[dict[str, Any]], where: Environment) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    body = msgspec.json.format(msgspec.json.encode(Part(environment=where, rows=rows)), indent=1)
    (FOLDER / f"{part}.json").write_bytes(body)
    pages = [HEAD]
    for path in sorted(FOLDER.glob("*.json")):
        found = msgspec.json.decode(path.read_bytes(), type=Part)
        keys = list(dict.fromkeys(key for row in found.rows for key in row if row[key] is not None))
        lines = [f"## {path.stem}", "", "| " + " | ".join(keys) + " |", "|" + "---|" * len(keys)]
        lines += ["| " + " | ".join(str(row.get(key, "")) for key in keys) + " |" for row in found.rows]
        at = found.environment
        lines.append(
            f"\nMeasured {at.date} by `{at.command}` at commit `{at.commit}` on one core of {at.cpu}, "
            f"load {at.load_1min:.1f} at the start, Python {at.python}; fixed loop {at.score_ms:.0f} ms.\n"
        )
        pages.append("\n".join(lines))
    (RESULTS / "plan.md").write_text("\n".join(pages), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=["tight", "large", "peers", "replan", "outage", "skypilot"])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--seconds", type=float)
    words = parser.parse_args()
    where = environment()
    one_core()
    usual = {"tight": 60.0, "large": 300.0, "peers": 30.0, "replan": 10.0, "outage": 10.0}
    seconds = words.seconds or usual.get(words.part, 0.0)
    if words.part == "skypilot":
        rows = skypilot_part(words.folder or Path())
    else:
        parts = {
            "tight": tight_part, "large": large_part, "peers": peers_part, "replan": replan_part,
            "outage": outage_part,
        }  # fmt: skip
        rows = parts[words.part](seconds)
    write(words.part, rows, where)
    for row in rows:
        print(row)


if __name__ == "__main__":
    main()
