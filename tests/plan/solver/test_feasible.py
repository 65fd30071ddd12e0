from __future__ import annotations

import msgspec
import numpy as np
import pytest

from freehold.plan.solver.feasible import least_needed, most_served, servable
from freehold.plan.solver.problem import EPSILON, Problem
from tests.plan.solver.small import every, over, small

SEEDS = range(12)


def whole(problem: Problem) -> list[np.ndarray]:  # type: ignore[type-arg]  # of floats
    """Every placement that serves everything and breaks nothing."""
    return [
        units
        for units in every(problem)
        if not over(problem, units) and (problem.served(units) >= problem.demand - EPSILON).all()
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_servable_is_what_exhaustive_search_says(seed: int) -> None:
    problem = small(seed, workloads=3, places=3, tight=0.6)
    assert servable(problem) == bool(whole(problem))


@pytest.mark.parametrize("seed", SEEDS)
def test_least_needed_is_the_least_that_any_whole_placement_takes(seed: int) -> None:
    problem = small(seed, workloads=3, places=3, tight=0.9)
    opened = msgspec.structs.replace(problem.limits[0], size=1e9)
    wide = msgspec.structs.replace(problem, limits=(opened, *problem.limits[1:]))
    found = whole(wide)
    expected = min((float(wide.used(units)[0]) for units in found), default=None)
    assert least_needed(wide, 0) == pytest.approx(expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_most_served_leaves_room_for_everybody_else(seed: int) -> None:
    problem = small(seed, workloads=3, places=3, tight=0.6)
    share = most_served(problem, 0)
    if share is None:
        return
    demand = problem.demand.copy()
    demand[0] *= share
    assert servable(msgspec.structs.replace(problem, demand=demand))
