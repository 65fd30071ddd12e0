"""The pinned tight instance given whole to CP-SAT: one worker, costs in cents. Run by bench/plan.py.

    python -m bench.plan_cpsat PROBLEM.npz SECONDS SEED

Imports neither Freehold nor highspy: two copies of one solver in a process do not go together.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np


def main(path: Path, seconds: float, seed: int) -> None:
    from ortools.sat.python import cp_model  # type: ignore[import-not-found]  # in another environment

    started = time.perf_counter()
    with np.load(path) as file:
        p = {name: file[name] for name in file.files}
    model, units = modelled(cp_model, p)
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = max(1.0, seconds - (time.perf_counter() - started))
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed
    found = solver.solve(model) in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    if found:
        np.save(path.with_suffix(".units.npy"), np.array([float(solver.value(unit)) for unit in units]))
    print(json.dumps({"found": found, "bound": solver.best_objective_bound / 100}))


def modelled(cp_model: Any, p: dict[str, Any]) -> tuple[Any, list[Any]]:
    """Units of every choice, demand left unserved, and what is used of each commitment."""
    model = cp_model.CpModel()
    units = [model.new_int_var(0, int(most), "") for most in p["most"]]
    unserved = [model.new_int_var(0, int(demand), "") for demand in p["demand"]]
    for w, demand in enumerate(p["demand"]):
        mine = np.flatnonzero(p["workload"] == w).tolist()
        model.add(sum(units[j] for j in mine) + unserved[w] >= int(demand))
    for w, d in zip(p["must_workload"], p["must_domain"], strict=True):
        inside = np.flatnonzero((p["workload"] == w) & p["member"][d, p["place"]]).tolist()
        if inside:
            model.add(sum(units[j] for j in inside) <= 1)
    for place, size in enumerate(p["sizes"]):
        mine = np.flatnonzero(p["place"] == place).tolist()
        model.add(sum(int(p["amount"][j]) * units[j] for j in mine) <= int(size))
    used = []
    for g, size in enumerate(p["group_size"]):
        mine = np.flatnonzero(p["group"][p["place"]] == g).tolist()
        used.append(model.new_int_var(0, int(size), ""))
        model.add(used[-1] <= sum(int(p["amount"][j]) * units[j] for j in mine))
    cents = sum(round(100 * c) * unit for c, unit in zip(p["cost"], units, strict=True))
    cents += sum(round(100 * c) * one for c, one in zip(p["penalty"], unserved, strict=True))
    model.minimize(cents - sum(round(100 * s) * one for s, one in zip(p["group_saving"], used, strict=True)))
    return model, units


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
