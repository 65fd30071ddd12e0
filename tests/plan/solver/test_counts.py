from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.plan.solver.counts import counts
from freehold.plan.solver.feasible import servable
from freehold.plan.solver.master import Master
from freehold.plan.solver.problem import EPSILON, Floats, Problem
from freehold.plan.solver.solve import Budget, solve
from tests.plan.solver.small import best, every, over, small


def uneven(seed: int) -> Problem:
    """The small problem with units that serve different amounts, some more than all of it."""
    problem = small(seed, workloads=3, places=3, tight=3.0)
    dice = np.random.default_rng(seed)
    serves = dice.choice([0.4, 1.0, 1.3, 3.0], len(problem.serves))
    most = np.minimum(3.0, np.ceil(problem.demand[problem.workload] / serves) + 1)
    return msgspec.structs.replace(problem, serves=serves, most=most)


def enough(problem: Problem, units: Floats) -> bool:
    found = counts(problem)
    missing = np.maximum(0.0, problem.demand - problem.served(units))
    total = np.bincount(problem.workload, weights=units, minlength=len(problem.demand))
    return bool((total + found.relief * missing >= found.least - EPSILON).all())


@pytest.mark.parametrize("seed", range(8))
def test_every_placement_that_breaks_nothing_has_units_enough(seed: int) -> None:
    problem = uneven(seed)
    if problem.most.prod() > 3e5:
        problem = msgspec.structs.replace(problem, most=np.minimum(problem.most, 1.0))
    assert all(enough(problem, units) for units in every(problem) if not over(problem, units))


def test_small_work_that_must_outlive_a_loss_takes_two_units() -> None:
    problem = next(p for p in map(small, range(20)) if (p.keep[0] > 0).any())
    large = msgspec.structs.replace(problem, serves=np.full(len(problem.serves), 50.0))
    assert counts(large).least[0] == 2
    assert counts(problem).least[0] == 0  # two units are what its demand says anyway


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_solve_of_uneven_units_is_what_exhaustive_search_finds(seed: int) -> None:
    problem = uneven(seed)
    problem = msgspec.structs.replace(problem, most=np.minimum(problem.most, 1.0))
    found = solve(problem, budget=Budget(seconds=None, steps=5))
    assert Master(problem).solve().bound <= best(problem) + 1e-6
    if servable(problem):
        assert found.price == pytest.approx(best(problem), rel=1e-6)
