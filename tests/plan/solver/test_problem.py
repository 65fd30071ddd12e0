from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.instances import tight
from tests.plan.solver.small import small


def test_problem_names_each_rule_that_a_placement_breaks() -> None:
    problem = small(0)
    words = problem.breaks(problem.most * 50)
    assert any("chips of p" in word for word in words)
    assert any("whole number" in word for word in words)


def test_problem_says_who_does_not_outlive_a_loss() -> None:
    problem = small(0)
    w = next(w for w in range(len(problem.workloads)) if problem.keep[w].any())
    units = np.zeros(problem.size[2])
    units[problem.choices(w).start] = 2.0
    assert any(word.startswith(f"w{w} does not outlive") for word in problem.breaks(units))


@given(seed=st.integers(0, 500))
@settings(max_examples=20, deadline=None)
def test_outlived_counts_what_stands_outside_a_domain(seed: int) -> None:
    problem = small(seed, workloads=2, places=3)
    units = np.floor(np.random.default_rng(seed).uniform(0, problem.most + 1))
    for d in range(len(problem.domains)):
        outside = units * ~problem.member[d, problem.place]
        assert np.allclose(problem.outlived(units)[:, d], problem.served(outside))


def test_tight_instance_is_pinned_by_its_seed() -> None:
    one, other, third = tight(seed=1), tight(seed=1), tight(seed=2)
    assert one.size == (1000, 200, 63781)
    assert np.array_equal(one.cost, other.cost)
    assert not np.array_equal(one.cost[:50], third.cost[:50])


def test_tight_instance_has_two_fifths_serving_apart_and_capacity_to_spare() -> None:
    problem = tight(seed=0)
    serving = problem.demand == 2
    assert 0.35 < serving.mean() < 0.45
    assert (problem.keep[serving] == 0.5).all()
    needed = sum(problem.amount[problem.choices(w)].max() * problem.demand[w] for w in range(1000))
    assert 1.5 < problem.sizes.sum() / needed < 1.7
