"""How many units a workload needs at the least, whole ones: what a linear program does not see.

Half a replica in each of ten regions would outlive the loss of any one; whole replicas take two. A row for
each workload says so, which brings the bound near to what can be reached where workloads are small.
"""

from __future__ import annotations

import msgspec
import numpy as np

from freehold.plan.solver.problem import EPSILON, Bools, Floats, Problem

SPARE_SHARE_MIN = 1e-3  # of demand: leaving less than this unserved must not be what makes a unit unneeded


class Counts(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Units of each workload, plus `relief` for each unit of demand unserved, are at least `least`."""

    least: Floats  # W; 0: nothing more than the other rows say
    relief: Floats  # W


def counts(problem: Problem) -> Counts:
    count = len(problem.workloads)
    least, relief = np.zeros(count), np.zeros(count)
    for w in range(count):
        demand, mine = float(problem.demand[w]), problem.choices(w)
        if demand <= EPSILON or mine.start == mine.stop:
            continue
        serves = problem.serves[mine]
        most = float(serves[~problem.standby[mine]].max(initial=0.0))
        if most <= 0:
            continue
        by_demand, spare = _whole(demand, most)
        apart = _apart(problem, w, float(serves.max()))
        least[w] = max(by_demand, apart)
        if least[w] <= demand / most + EPSILON:
            least[w] = 0.0
            continue
        # With nothing served no unit is needed; with a little less served, perhaps one fewer.
        relief[w] = least[w] / (spare if by_demand > 1 else demand)
    return Counts(least=least, relief=relief)


def _whole(demand: float, most: float) -> tuple[float, float]:
    """Units for the demand, and how much less demand would take one fewer."""
    units = float(np.ceil(demand / most - EPSILON))
    spare = demand - (units - 1) * most
    if spare < SPARE_SHARE_MIN * demand:
        units, spare = units - 1, spare + most
    return units, spare


def _apart(problem: Problem, w: int, most: float) -> float:
    """One unit somewhere, and beside it, outside everything that may be lost with it, what must survive."""
    must = problem.must[w]
    if not len(must):
        return 0.0
    beside = np.ceil(problem.keep[w, must] * problem.demand[w] / most - EPSILON)
    dies: Bools = problem.member[np.ix_(must, problem.place[problem.choices(w)])]
    return 1.0 + float((dies * beside[:, None]).max(axis=0).min())
