"""Can everything be served at all? And, if one limit or demand may give way, by how little?"""

from __future__ import annotations

import numpy as np

from freehold.plan.solver.highs import INFINITY, Outcome, integer_program
from freehold.plan.solver.problem import EPSILON, Floats, Problem
from freehold.plan.solver.search import program


def servable(problem: Problem, *, seed: int = 0, seconds_max: float = INFINITY) -> bool | None:
    """True, False, or None where it was not decided in time. Costs play no part."""
    asked = problem.demand > EPSILON
    share = np.where(asked, 1.0 / np.where(asked, problem.demand, 1.0), 0.0)
    found = _solved(problem, np.zeros(problem.size[2]), share, problem.demand, seed, seconds_max)
    if found.values is not None and found.objective <= EPSILON:
        return True
    return False if found.optimal or found.bound > EPSILON else None


def most_served(problem: Problem, w: int, *, seed: int = 0, seconds_max: float = INFINITY) -> float | None:
    """The largest share of one workload that can be served with all of the others; None where unknown."""
    may_miss = np.zeros(len(problem.workloads))
    may_miss[w] = problem.demand[w]
    weight = np.ones(len(problem.workloads))
    found = _solved(problem, np.zeros(problem.size[2]), weight, may_miss, seed, seconds_max)
    return 1.0 - found.objective / problem.demand[w] if found.optimal else None


def least_needed(
    problem: Problem, limit: int, *, seed: int = 0, seconds_max: float = INFINITY
) -> float | None:
    """The least of a limit with which everything is served, however much there is; None where unknown."""
    takes = problem.draws[limit, problem.place] * problem.amount
    for index, extra in problem.extras:
        if index == limit:
            takes = takes + extra
    none = np.zeros(len(problem.workloads))
    found = _solved(problem, takes, none, none, seed, seconds_max)
    return found.objective if found.optimal else None


def _solved(
    problem: Problem, per_unit: Floats, per_missing: Floats, may_miss: Floats, seed: int, seconds_max: float
) -> Outcome:
    """The whole model with other costs: of units, and of demand left unserved, which has a most."""
    everything, count = np.arange(problem.size[2]), len(problem.workloads)
    cost, upper, integral, low, high, rows = program(
        problem, np.zeros(len(everything)), np.arange(count), everything, problem.sizes
    )
    cost, upper = np.zeros(len(cost)), upper.copy()
    cost[: len(everything)] = per_unit
    cost[len(everything) : len(everything) + count] = per_missing
    upper[len(everything) : len(everything) + count] = may_miss
    return integer_program(
        cost, upper, integral, low, high, rows, seed=seed, seconds_max=seconds_max, gap=0.0
    )
