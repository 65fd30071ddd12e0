"""From a problem to a placement with a certificate: bound, dive, repair, search.

Small problems are solved exactly. Large ones are anytime: the first whole placement comes in seconds, and the
search improves it until its budget is spent. With a budget of steps alone, the same seed gives the same
answer.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np

from freehold.clock import Clock, SystemClock
from freehold.plan.solver.dive import dived
from freehold.plan.solver.highs import INFINITY, integer_program
from freehold.plan.solver.master import Master, Relaxation
from freehold.plan.solver.problem import EPSILON, Floats, Ints, Problem
from freehold.plan.solver.rounding import place_one, priced, rounded
from freehold.plan.solver.search import Search, program
from freehold.units import NS_PER_S

EXACT_CHOICES_MAX = 2500
EXACT_NODES_MAX = 20_000
GAP_DONE = 1e-6
FREED = 30  # workloads placed again in one step of the search
SPLIT_SECONDS_MAX = 3.0
SHARE_FOR_FIRST = 0.5  # of the seconds, at most, before the search begins


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """How long to look. Both limits hold; without seconds the answer depends on the seed alone."""

    seconds: float | None = 10.0
    steps: int = 1_000_000


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    stage: str
    price: float
    bound: float
    seconds: float


class Solution(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A placement that breaks no rule, what it costs, and the proof of how good it is."""

    units: Floats
    price: float
    bound: float
    relaxation: Relaxation
    exact: bool
    steps: int
    seconds: float

    @property
    def gap(self) -> float:
        """How far above the bound, as a share of it."""
        return 0.0 if self.price <= self.bound else (self.price - self.bound) / max(abs(self.bound), EPSILON)


def solve(
    problem: Problem,
    *,
    seed: int = 0,
    budget: Budget = Budget(),  # noqa: B008  # frozen
    clock: Clock | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Solution:
    clock = clock or SystemClock()
    started_ns = clock.monotonic_ns()

    def elapsed() -> float:
        return (clock.monotonic_ns() - started_ns) / NS_PER_S

    def spent(share: float = 1.0) -> bool:
        return budget.seconds is not None and elapsed() >= share * budget.seconds

    master = Master(problem, seed=seed)
    relaxation = master.solve(spent)

    def say(stage: str, price: float) -> None:
        progress(Progress(stage=stage, price=price, bound=relaxation.bound, seconds=elapsed()))

    if problem.size[2] <= EXACT_CHOICES_MAX:
        units, bound, exact = _exact(problem, relaxation, seed, budget)
        say("exact", problem.price(units))
        return Solution(
            units=units, price=problem.price(units), bound=max(bound, relaxation.bound),
            relaxation=relaxation, exact=exact, steps=0, seconds=elapsed(),
        )  # fmt: skip
    search = _first(problem, master, relaxation, seed, lambda: spent(SHARE_FOR_FIRST), budget)
    say("first", search.price)
    number = 0
    for step in search.run(budget.steps, lambda: spent() or _done(search, relaxation), FREED):
        number = step.number
        say("search", step.price)
    return Solution(
        units=search.units, price=search.price, bound=relaxation.bound, relaxation=relaxation,
        exact=_done(search, relaxation), steps=number, seconds=elapsed(),
    )  # fmt: skip


def _done(search: Search, relaxation: Relaxation) -> bool:
    return search.price <= relaxation.bound * (1 + GAP_DONE)


def _exact(problem: Problem, relaxation: Relaxation, seed: int, budget: Budget) -> tuple[Floats, float, bool]:
    """Everything at once, beginning from the greedy placement."""
    free, everything = np.arange(len(problem.workloads)), np.arange(problem.size[2])
    units = rounded(problem, relaxation)
    arrays = program(problem, np.zeros(len(everything)), free, everything, problem.sizes)
    result = integer_program(
        *arrays, seed=seed, seconds_max=budget.seconds or INFINITY, nodes_max=EXACT_NODES_MAX, gap=0.0
    )
    if result.values is None:
        return units, relaxation.bound, False
    better = np.round(result.values[: len(everything)])
    if problem.breaks(better) or problem.price(better) > problem.price(units):
        return units, result.bound, False
    return better, result.bound, result.optimal


def _first(
    problem: Problem,
    master: Master,
    relaxation: Relaxation,
    seed: int,
    stop: Callable[[], bool],
    budget: Budget,
) -> Search:
    """The better of rounding and diving, the parts of the dive placed exactly."""
    simple = rounded(problem, relaxation)
    search = Search(problem, relaxation, simple, seed=seed, timed=budget.seconds is not None)
    if stop():
        return search
    deep = dived(master, stop)
    split = np.flatnonzero(problem.demand - problem.served(deep) > EPSILON * np.maximum(1.0, problem.demand))
    repaired(problem, deep, split, priced(problem, relaxation))
    second = Search(problem, relaxation, deep, seed=seed, timed=budget.seconds is not None)
    if len(split) and not problem.breaks(deep):
        second.step(split, SPLIT_SECONDS_MAX)
    return second if second.price < search.price and not problem.breaks(second.units) else search


def repaired(problem: Problem, units: Floats, missing: Ints, price: Floats) -> None:
    """Place these workloads again greedily, the largest first, beside the others. Updates units."""
    largest = np.zeros(len(problem.workloads))
    np.maximum.at(largest, problem.workload, problem.amount)
    for w in missing.tolist():
        units[problem.choices(w)] = 0.0
    left = problem.sizes - problem.used(units)
    for w in missing[np.argsort(-largest[missing], kind="stable")].tolist():
        place_one(problem, w, price, units, left)
