from __future__ import annotations

import numpy as np
import pytest

from bench.instances import tight
from freehold.plan.solver.replan import replan
from freehold.plan.solver.solve import Budget, solve

PROBLEM = tight(workloads=120, homes=80, seed=9)


@pytest.fixture(scope="module")
def placed() -> np.ndarray:  # type: ignore[type-arg]  # of floats
    return solve(PROBLEM, seed=9, budget=Budget(seconds=None, steps=2)).units


@pytest.mark.parametrize("domain", [0, 5, 11])
def test_replan_touches_only_what_was_displaced(placed: np.ndarray, domain: int) -> None:  # type: ignore[type-arg]
    found = replan(PROBLEM, placed, PROBLEM.member[domain], timed=False)
    moved = np.unique(PROBLEM.workload[found.units != placed])
    assert set(moved) <= set(found.displaced)
    on_lost = PROBLEM.workload[(placed > 0) & PROBLEM.member[domain, PROBLEM.place]]
    assert set(found.displaced) == set(on_lost)


def test_replan_leaves_nothing_on_what_was_lost_and_overfills_nothing(placed: np.ndarray) -> None:  # type: ignore[type-arg]
    lost = PROBLEM.member[3]
    found = replan(PROBLEM, placed, lost, timed=False)
    assert not found.units[lost[PROBLEM.place]].any()
    assert PROBLEM.breaks(found.units) == []


def test_replan_says_who_is_left_unserved_when_everything_is_lost(placed: np.ndarray) -> None:  # type: ignore[type-arg]
    found = replan(PROBLEM, placed, np.ones(len(PROBLEM.places), dtype=bool), timed=False)
    assert set(found.unserved) == set(range(len(PROBLEM.workloads)))
