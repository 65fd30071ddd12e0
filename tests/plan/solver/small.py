"""Small random problems, and every placement of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from freehold.plan.solver.problem import Commitment, Domain, Floats, Limit, Problem


def small(
    seed: int, *, workloads: int = 3, places: int = 4, tight: float = 1.3, commit: bool = True
) -> Problem:
    """Serving workloads that must outlive one domain, and jobs; a pool over two places; a commitment."""
    dice = np.random.default_rng(seed)
    serving = dice.random(workloads) < 0.5
    demand = np.where(serving, 2.0, 1.0)
    allowed = dice.random((workloads, places)) < 0.75
    allowed[np.arange(workloads), dice.integers(0, places, workloads)] = True
    w, p = np.nonzero(allowed)
    amount = dice.integers(1, 5, workloads)[w].astype(float)
    each = float((dice.integers(1, 5, workloads) * demand).sum())
    sizes = np.floor(dice.uniform(0.3, 1.0, places) * each * tight) + 1
    limits = [Limit(name=f"chips of p{i}", size=float(size)) for i, size in enumerate(sizes)]
    limits.append(Limit(name="pool", size=float(sizes[:2].sum() * 0.8), kind="pool"))
    side = np.arange(places) % 2
    keep = np.where(serving[:, None], 0.5, 0.0) * np.ones((1, 2))
    size = float(dice.integers(1, 4)) if commit else 0.0
    return Problem(
        workloads=tuple(f"w{i}" for i in range(workloads)),
        places=tuple(f"p{i}" for i in range(places)),
        demand=demand, penalty=np.full(workloads, 1000.0), keep=keep,
        domains=(Domain(kind="region", name="even"), Domain(kind="region", name="odd")),
        member=np.array([side == 0, side == 1]), limits=tuple(limits),
        place_limits=tuple((i, places) if i < 2 else (i,) for i in range(places)),
        commitments=(Commitment(name="c", size=size, saving=2.0, price=1.0),),
        place_commitment=np.where(np.arange(places) == 0, 0, -1),
        first=np.concatenate([[0], np.cumsum(allowed.sum(axis=1))]), place=p,
        cost=dice.uniform(5, 30, len(w)) * amount, serves=np.ones(len(w)), amount=amount, most=demand[w],
        standby=np.zeros(len(w), dtype=bool),
    )  # fmt: skip


def every(problem: Problem) -> Iterator[Floats]:
    """Every number of units of every choice: for the smallest problems only."""
    ranges = [range(int(most) + 1) for most in problem.most]
    for units in itertools.product(*ranges):
        yield np.array(units, dtype=float)


def best(problem: Problem) -> float:
    """The least price by looking at all of them."""
    prices = [problem.price(units) for units in every(problem) if not over(problem, units)]
    return min(prices)


def over(problem: Problem, units: Floats) -> bool:
    """Does it break a rule? Whoever is served less than asked must outlive with what was left out, no
    more."""
    served = problem.served(units)
    missing = np.maximum(0.0, problem.demand - served)[:, None]
    floor = problem.keep * (problem.demand[:, None] - missing)
    lost = (problem.keep > 0) & (problem.outlived(units) < floor - 1e-9)
    return bool(lost.any() or (problem.used(units) > problem.sizes + 1e-9).any())
