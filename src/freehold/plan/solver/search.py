"""Large-neighbourhood search: free some workloads, place them again exactly beside the rest, keep what is
better.

Deterministic by its seed as long as steps, not seconds, end it: every sub-problem has a limit of nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
import numpy as np

from freehold.plan.solver.highs import INFINITY, Rows, integer_program
from freehold.plan.solver.master import Relaxation
from freehold.plan.solver.problem import EPSILON, Floats, Ints, Problem, summed

CHOICES_EACH = 10
NODES_MAX = 400
SUB_SECONDS, SUB_SECONDS_MAX = 1.5, 5.0
PATIENCE = 6  # failed steps before larger ones
GROWTH, GROWTH_MAX = 1.35, 3.0
PLACES_WANTED = 6


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One improvement of the placement, for progress."""

    number: int
    price: float


class Search:
    """Holds the best placement so far in `units`, its price in `price`."""

    def __init__(
        self,
        problem: Problem,
        relaxation: Relaxation,
        units: Floats,
        *,
        seed: int,
        choices: int = CHOICES_EACH,
        timed: bool = True,
    ) -> None:
        self.problem, self.relaxation, self.units = problem, relaxation, units
        self.price = problem.price(units)
        self.dice = np.random.default_rng(seed)
        self.choices = choices
        self.order = ranked(problem, relaxation.reduced)
        self.timed = timed

    def run(self, steps: int, stop: Callable[[], bool], free: int) -> Iterator[Step]:
        """Steps that fail are followed by larger ones, up to a limit; one that succeeds starts small
        again."""
        size, failed = float(free), 0
        for number in range(1, steps + 1):
            if stop():
                return
            seconds = min(SUB_SECONDS_MAX, SUB_SECONDS * size / free)
            if self.step(self.neighbourhood(number, int(size)), seconds):
                failed = 0
            else:
                failed += 1
            if failed >= PATIENCE:
                size, failed = (float(free) if size >= free * GROWTH_MAX else size * GROWTH), 0
            yield Step(number=number, price=self.price)

    def neighbourhood(self, number: int, size: int) -> Ints:
        """In turn: users of some scarce places; those that pay most; those around one that wants to move."""
        picked = (self._scarce, self._regretful, self._around)[number % 3](size)
        return np.unique(np.concatenate([picked, self._unserved()[:size]]))

    def _scarce(self, size: int) -> Ints:
        scarce = self.relaxation.duals.limits @ self.problem.draws + EPSILON
        weight = self.dice.random(len(scarce)) ** (1.0 / (scarce / scarce.max() + 0.05))
        return self._users(np.argsort(-weight), size)

    def _around(self, size: int) -> Ints:
        """One workload, and the users of the places that the relaxation would like it to be at."""
        problem, reduced = self.problem, self.relaxation.reduced
        regret = np.maximum(0.0, self._regret())
        if not regret.any():
            return self._scarce(size)
        w = int(self.dice.choice(len(regret), p=regret / regret.sum()))
        mine = problem.choices(w)
        wanted = problem.place[mine][np.argsort(reduced[mine])[:PLACES_WANTED]]
        held = problem.place[mine][self.units[mine] > 0]
        places = np.concatenate([held, self.dice.permutation(wanted)])
        return np.unique(np.append(self._users(places, size), w))

    def _users(self, places: Ints, size: int) -> Ints:
        """Workloads at these places, in that order, until there are enough."""
        problem, held = self.problem, np.flatnonzero(self.units)
        chosen: dict[int, None] = {}
        for place in places:
            users = problem.workload[held[problem.place[held] == place]]
            chosen.update(dict.fromkeys(self.dice.permutation(users).tolist()))
            if len(chosen) >= size:
                break
        return np.array(list(chosen)[:size], dtype=np.int64)

    def _unserved(self) -> Ints:
        missing = self.problem.demand - self.problem.served(self.units)
        return np.flatnonzero(missing > EPSILON * np.maximum(1.0, self.problem.demand))

    def _regret(self) -> Floats:
        """W: what each pays above its relaxation."""
        problem = self.problem
        return summed(problem.workload, self.units * self.relaxation.reduced, len(problem.workloads))

    def _regretful(self, size: int) -> Ints:
        regret = self._regret()
        noisy = regret * self.dice.random(len(regret)) + EPSILON * self.dice.random(len(regret))
        return np.argsort(-noisy)[:size]

    def step(self, free: Ints, seconds_max: float = SUB_SECONDS) -> bool:
        """Place the freed workloads again; True where the price fell."""
        limit = seconds_max if self.timed else INFINITY
        found = replaced(self.problem, self.units, free, self.order, self.choices, limit)
        if found is None:
            return False
        price = self.problem.price(found)
        if price > self.price - EPSILON or self.problem.breaks(found):
            if price <= self.price + EPSILON and not self.problem.breaks(found):
                self.units, self.price = found, price
            return False
        self.units, self.price = found, price
        return True


def ranked(problem: Problem, reduced: Floats) -> Ints:
    """All choices, by workload and then by reduced cost per demand that is served."""
    return np.lexsort((reduced / np.maximum(problem.counted, EPSILON), problem.workload))


def replaced(
    problem: Problem, units: Floats, free: Ints, order: Ints, choices: int, seconds_max: float = INFINITY,
    nodes_max: int = NODES_MAX,
) -> Floats | None:  # fmt: skip
    """The placement with the freed workloads placed again at least cost beside the others."""
    others = units.copy()
    for w in free.tolist():
        others[problem.choices(w)] = 0.0
    left = problem.sizes - problem.used(others)
    candidates = _candidates(problem, units, free, order, choices, left)
    cost, upper, integral, low, high, rows = program(problem, others, free, candidates, left)
    start = np.zeros(len(cost))
    n = len(candidates)
    start[:n] = units[candidates]
    result = integer_program(
        cost, upper, integral, low, high, rows, start=_completed(problem, start, free, candidates, n),
        seconds_max=seconds_max, nodes_max=nodes_max,
    )  # fmt: skip
    if result.values is None:
        return None
    others[candidates] = np.round(result.values[:n])
    return others


def _candidates(problem: Problem, units: Floats, free: Ints, order: Ints, choices: int, left: Floats) -> Ints:
    """For each freed workload: what it holds, and its best few choices that would fit."""
    tightest = np.where(problem.draws > 0, left[:, None], np.inf).min(axis=0, initial=np.inf)
    found = []
    for w in free.tolist():
        mine = order[problem.choices(w)]
        fits = mine[problem.amount[mine] <= tightest[problem.place[mine]] + EPSILON]
        held = mine[units[mine] > 0]
        found.append(np.union1d(fits[:choices], held))
    return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)


def program(
    problem: Problem, others: Floats, free: Ints, candidates: Ints, left: Floats
) -> tuple[Floats, Floats, np.ndarray, Floats, Floats, Rows]:
    """Columns: candidates, then what each freed workload leaves unserved, then commitments used."""
    n, f = len(candidates), len(free)
    owner, place = problem.workload[candidates], problem.place[candidates]
    serves, amount = problem.serves[candidates], problem.amount[candidates]
    rows, low, high = Rows(), [], []

    def row(index: Ints, value: Floats, least: float, largest: float) -> None:
        rows.add(index, value)
        low.append(least)
        high.append(largest)

    for slot, w in enumerate(free.tolist()):
        mine = np.flatnonzero(owner == w)
        normal = mine[~problem.standby[candidates[mine]]]
        row(np.append(normal, n + slot), np.append(serves[normal], 1.0), problem.demand[w], INFINITY)
        for d in problem.must[w].tolist():
            dies = problem.member[d, place[mine]]
            if dies.any() or problem.standby[candidates[mine]].any():
                lives = mine[~dies]
                floor = problem.keep[w, d]
                row(
                    np.append(lives, n + slot), np.append(serves[lives], floor), floor * problem.demand[w],
                    INFINITY,
                )  # fmt: skip
    for limit in np.flatnonzero(problem.draws[:, np.unique(place)].any(axis=1)).tolist():
        mine = np.flatnonzero(problem.draws[limit, place])
        row(mine, amount[mine], -INFINITY, max(0.0, left[limit]))
    for limit, takes in problem.extras:
        mine = np.flatnonzero(takes[candidates])
        if len(mine):
            row(mine, takes[candidates[mine]], -INFINITY, max(0.0, left[limit]))
    used = problem.committed(others)
    group = problem.place_commitment[place]
    groups = [int(g) for g in np.unique(group) if g >= 0]
    for slot, g in enumerate(groups):
        mine = np.flatnonzero(group == g)
        row(np.append(mine, n + f + slot), np.append(amount[mine], -1.0), 0.0, INFINITY)
    cost = np.concatenate([
        problem.cost[candidates], problem.penalty[free], [-problem.commitments[g].saving for g in groups],
    ])  # fmt: skip
    upper = np.concatenate([
        problem.most[candidates], problem.demand[free],
        [max(0.0, problem.commitments[g].size - used[g]) for g in groups],
    ])  # fmt: skip
    integral = np.arange(len(cost)) < n
    return cost, upper, integral, np.array(low), np.array(high), rows


def _completed(problem: Problem, start: Floats, free: Ints, candidates: Ints, n: int) -> Floats:
    """The current placement as a start: what is unserved follows from the units."""
    out = start.copy()
    for slot, w in enumerate(free.tolist()):
        mine = (problem.workload[candidates] == w) & ~problem.standby[candidates]
        out[n + slot] = max(
            0.0, problem.demand[w] - float(problem.serves[candidates[mine]] @ start[:n][mine])
        )
    return out
