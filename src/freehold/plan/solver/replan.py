"""After a loss: place again only what it displaced, beside everything that still stands."""

from __future__ import annotations

import msgspec
import numpy as np

from freehold.plan.solver.problem import EPSILON, Bools, Floats, Ints, Problem
from freehold.plan.solver.rounding import place_one
from freehold.plan.solver.search import ranked, replaced

CHOICES_EACH = 8
FREED_AT_ONCE = 60  # displaced workloads placed exactly together; more go in batches
SECONDS_MAX = 0.4


class Replanned(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    units: Floats
    displaced: Ints  # the workloads that were touched; every other stands where it stood
    unserved: Ints


def replan(problem: Problem, units: Floats, lost: Bools, *, timed: bool = True) -> Replanned:
    """`lost` says which places are gone. Whoever had nothing there, standby included, is not touched."""
    alive = ~lost[problem.place]
    standing = units * alive
    displaced = np.unique(problem.workload[np.flatnonzero((units > 0) & ~alive)])
    cost = np.where(alive, problem.cost, np.inf)
    open_ = msgspec.structs.replace(problem, most=np.where(alive, problem.most, 0.0))
    found = standing.copy()
    left = problem.sizes - problem.used(found)
    largest = np.zeros(len(problem.workloads))
    np.maximum.at(largest, problem.workload, problem.amount)
    for w in displaced[np.argsort(-largest[displaced], kind="stable")].tolist():
        _give_back(problem, w, found, left)
        place_one(open_, w, cost, found, left)
    order = ranked(problem, cost)
    for start in range(0, len(displaced), FREED_AT_ONCE):
        batch = displaced[start : start + FREED_AT_ONCE]
        seconds = SECONDS_MAX if timed else float("inf")
        better = replaced(open_, found, batch, order, CHOICES_EACH, seconds, nodes_max=60)
        if better is not None and not open_.breaks(better) and open_.price(better) < open_.price(found):
            found = better
    missing = problem.demand - problem.served(found)
    short = np.flatnonzero(missing > EPSILON * np.maximum(1.0, problem.demand))
    return Replanned(units=found, displaced=displaced, unserved=short)


def _give_back(problem: Problem, w: int, units: Floats, left: Floats) -> None:
    """What is left of a displaced workload is placed again with the rest of it."""
    mine = problem.choices(w)
    for j in range(mine.start, mine.stop):
        if units[j]:
            left[list(problem.place_limits[problem.place[j]])] += problem.amount[j] * units[j]
            for limit, takes in problem.extras:
                left[limit] += takes[j] * units[j]
            units[j] = 0.0
