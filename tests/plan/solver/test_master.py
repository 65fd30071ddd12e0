from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from bench.instances import tight
from freehold.plan.solver.counts import counts
from freehold.plan.solver.master import Duals, Master, bound_of, reduced_costs
from freehold.plan.solver.problem import Problem
from tests.plan.solver.small import best, small


def whole_program(problem: Problem) -> float:
    """The relaxation with every choice and every row, by another solver."""
    w_count, _, n = problem.size
    g_count = len(problem.commitments)
    width = n + w_count + g_count
    cost = np.concatenate([problem.cost, problem.penalty, [-one.saving for one in problem.commitments]])
    rows, right = [], []
    for w in range(w_count):
        mine = np.zeros(width)
        mine[problem.choices(w)] = problem.serves[problem.choices(w)]
        mine[n + w] = 1.0
        rows.append(-mine)
        right.append(-problem.demand[w])
        for d in problem.must[w]:
            lives = mine.copy()
            lives[:n] *= ~problem.member[d, problem.place]
            rows.append(-lives)
            right.append(-problem.keep[w, d] * problem.demand[w])
    for limit in range(len(problem.limits)):
        rows.append(
            np.concatenate([problem.draws[limit, problem.place] * problem.amount, np.zeros(width - n)])
        )
        right.append(problem.sizes[limit])
    for g in range(g_count):
        row = np.concatenate(
            [-problem.amount * (problem.place_commitment[problem.place] == g), np.zeros(width - n)]
        )
        row[n + w_count + g] = 1.0
        rows.append(row)
        right.append(0.0)
    upper = [*problem.most, *problem.demand, *(one.size for one in problem.commitments)]
    found = linprog(cost, A_ub=np.array(rows), b_ub=np.array(right), bounds=[(0, u) for u in upper])
    return float(found.fun)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_master_by_column_generation_reaches_the_whole_program(seed: int) -> None:
    problem = small(seed, workloads=8, places=6)
    found = Master(problem).solve()
    assert found.converged
    assert found.bound == pytest.approx(whole_program(problem), rel=1e-6, abs=1e-6)


@given(seed=st.integers(0, 1000), scale=st.floats(0.0, 3.0))
@settings(max_examples=30, deadline=None)
def test_bound_holds_for_any_duals_however_wrong(seed: int, scale: float) -> None:
    problem = small(seed, workloads=3, places=3)
    dice = np.random.default_rng(seed)
    w_count = len(problem.workloads)
    duals = Duals(
        demand=dice.uniform(0, 40, w_count) * scale,
        limits=dice.uniform(0, 5, len(problem.limits)) * scale,
        commitments=dice.uniform(0, 3, len(problem.commitments)) * scale,
        outlive={
            (w, int(d)): float(dice.uniform(0, 5) * scale) for w in range(w_count) for d in problem.must[w]
        },
        counts=dice.uniform(0, 20, w_count) * scale,
    )
    assert bound_of(problem, duals, counts(problem)) <= best(problem) + 1e-6


def test_master_puts_only_a_part_of_the_choices_into_its_program() -> None:
    problem = tight(workloads=200, homes=120, seed=1)
    master = Master(problem)
    found = master.solve()
    assert found.converged
    assert len(master.columns) < 0.5 * problem.size[2]
    assert (reduced_costs(problem, found.duals) > -1e-4 * np.maximum(1.0, problem.cost)).all()


def test_master_rounds_until_it_is_told_to_stop_still_prove_a_bound() -> None:
    problem = tight(workloads=200, homes=120, seed=2)
    early = Master(problem).solve(stop=lambda: True)
    late = Master(problem).solve()
    assert early.bound <= late.bound + 1e-6


def test_reduced_costs_count_extra_limits() -> None:
    problem = small(3)
    takes = problem.cost.copy()
    limits = (*problem.limits, msgspec.structs.replace(problem.limits[0], name="budget", kind="budget"))
    other = msgspec.structs.replace(problem, limits=limits, extras=((len(problem.limits), takes),))
    zero = Duals(
        demand=np.zeros(len(problem.workloads)), limits=np.zeros(len(limits)),
        commitments=np.zeros(1), outlive={}, counts=np.zeros(len(problem.workloads)),
    )  # fmt: skip
    dear = msgspec.structs.replace(zero, limits=np.append(np.zeros(len(problem.limits)), 2.0))
    assert np.allclose(reduced_costs(other, dear) - reduced_costs(other, zero), 2.0 * takes)
