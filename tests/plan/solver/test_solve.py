from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.instances import tight
from freehold.clock import FakeClock
from freehold.plan.solver.problem import Limit, Problem
from freehold.plan.solver.solve import Budget, Progress, solve
from tests.plan.solver.small import best, small

STEPS = Budget(seconds=None, steps=5)
EXAMPLES = settings(max_examples=25, deadline=None)


def enlarged(problem: Problem, times: float) -> Problem:
    limits = tuple(
        Limit(name=one.name, size=one.size * times, unit=one.unit, kind=one.kind) for one in problem.limits
    )
    return msgspec.structs.replace(problem, limits=limits)


@pytest.mark.parametrize("seed", range(12))
def test_solve_finds_what_exhaustive_search_finds(seed: int) -> None:
    problem = small(seed, workloads=3, places=3)
    assert solve(problem, budget=STEPS).price == pytest.approx(best(problem), rel=1e-6)


@given(seed=st.integers(0, 10_000))
@EXAMPLES
def test_solve_is_never_below_its_bound_and_breaks_nothing(seed: int) -> None:
    problem = small(seed, workloads=6, places=5)
    found = solve(problem, budget=STEPS)
    assert found.price >= found.bound - 1e-6 * abs(found.bound)
    assert problem.breaks(found.units) == []


@given(seed=st.integers(0, 10_000), times=st.floats(1.0, 3.0))
@EXAMPLES
def test_solve_with_more_capacity_never_costs_more(seed: int, times: float) -> None:
    problem = small(seed, workloads=5, places=4)
    before, after = solve(problem, budget=STEPS), solve(enlarged(problem, times), budget=STEPS)
    assert after.price <= before.price + 1e-6 * abs(before.price)


@given(seed=st.integers(0, 10_000))
@EXAMPLES
def test_solve_without_a_rule_never_costs_more(seed: int) -> None:
    problem = small(seed, workloads=5, places=4)
    free = msgspec.structs.replace(problem, keep=np.zeros_like(problem.keep))
    assert solve(free, budget=STEPS).price <= solve(problem, budget=STEPS).price + 1e-6


def test_solve_of_a_large_instance_is_near_its_bound_and_whole() -> None:
    problem = tight(workloads=160, homes=80, seed=3)
    found = solve(problem, seed=3, budget=Budget(seconds=None, steps=6))
    assert problem.breaks(found.units) == []
    assert found.gap < 0.12
    assert (problem.served(found.units) >= problem.demand - 1e-6).all()


def test_solve_repeats_itself_for_a_seed_and_a_number_of_steps() -> None:
    problem = tight(workloads=160, homes=80, seed=4)
    one, other = (solve(problem, seed=7, budget=Budget(seconds=None, steps=4)) for _ in range(2))
    assert np.array_equal(one.units, other.units)
    assert one.bound == other.bound


def test_solve_stops_when_its_seconds_are_over() -> None:
    problem = tight(workloads=160, homes=80, seed=5)
    clock = FakeClock()
    seen: list[Progress] = []

    def progress(at: Progress) -> None:
        seen.append(at)
        clock.advance(60.0)

    found = solve(problem, budget=Budget(seconds=100.0), clock=clock, progress=progress)
    assert found.steps <= 2
    assert seen[0].stage == "first"


def test_solve_leaves_unserved_what_does_not_fit_and_prices_it() -> None:
    problem = small(1, workloads=4, places=3)
    nothing = enlarged(problem, 0.0)
    found = solve(nothing, budget=STEPS)
    assert not found.units.any()
    assert found.price == pytest.approx(float(problem.penalty @ problem.demand))


def test_solve_uses_a_commitment_before_it_pays_on_demand() -> None:
    problem = small(2, workloads=1, places=2, tight=9.0)
    one = msgspec.structs.replace(problem, keep=np.zeros_like(problem.keep))
    found = solve(one, budget=STEPS)
    used = one.committed(found.units)
    assert used.sum() <= one.commitments[0].size + 1e-9
