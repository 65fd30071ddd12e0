"""The linear relaxation, solved by column generation, and the bound it proves.

Only choices that can matter are ever put into the program: the cheapest few of each workload, then those that
the duals call for, until none is left. Survivability rows come in when a solution breaks them. The bound is
computed here from the duals by weak duality, over *all* choices, so it does not rest on the solver being
right.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np

from freehold.plan.solver.counts import Counts, counts
from freehold.plan.solver.highs import INFINITY, Rows, outcome, quiet
from freehold.plan.solver.problem import EPSILON, Floats, Ints, Problem

FIRST_CHOICES = 6  # cheapest choices of each workload to begin with
ADDED_PER_WORKLOAD_MAX = 6  # choices added to a workload in one round
ROUNDS_MAX = 200


class Duals(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What one more unit of each scarce thing is worth, in $/h."""

    demand: Floats  # W: cost of the last unit of demand
    limits: Floats  # R: worth of one more unit of the limit, never negative
    commitments: Floats  # G: worth of one more unit used of the commitment
    outlive: dict[tuple[int, int], float]  # (workload, domain): cost of one more unit that must survive
    counts: Floats  # W: cost of needing whole units


class Relaxation(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The best fractional placement found, the bound, and the prices behind it."""

    units: Floats  # N
    duals: Duals
    reduced: Floats  # N: reduced cost of every choice
    bound: float
    objective: float
    rounds: int
    converged: bool


def bound_of(problem: Problem, duals: Duals, counts: Counts) -> float:
    """A lower bound on every placement's price, from any duals, by weak duality."""
    reduced = reduced_costs(problem, duals)
    # of one unit of demand: what is unserved need not survive either, and takes no units
    worth = duals.demand + counts.relief * duals.counts
    for (w, _), value in duals.outlive.items():
        worth[w] += value
    unserved = np.minimum(0.0, problem.penalty - worth)
    total = float(problem.demand @ duals.demand + problem.demand @ unserved)
    total += float(counts.least @ duals.counts) - float(problem.sizes @ duals.limits)
    total += sum(problem.keep[w, d] * problem.demand[w] * value for (w, d), value in duals.outlive.items())
    total += float(problem.most @ np.minimum(0.0, reduced))
    for one, dual in zip(problem.commitments, duals.commitments, strict=True):
        total += one.size * min(0.0, float(dual) - one.saving)
    return float(total)


def reduced_costs(problem: Problem, duals: Duals) -> Floats:
    """N: cost of each choice once everything it uses and gives is paid for at its dual price."""
    per_place = problem.draws.T @ duals.limits
    covered = problem.place_commitment >= 0
    if len(problem.commitments):
        per_place[covered] -= duals.commitments[problem.place_commitment[covered]]
    worth = np.where(problem.standby, 0.0, duals.demand[problem.workload])
    reduced = problem.cost - problem.counted * worth + problem.amount * per_place[problem.place]
    reduced -= duals.counts[problem.workload]
    for limit, takes in problem.extras:
        if duals.limits[limit] > 0:
            reduced += takes * duals.limits[limit]
    for (w, d), value in duals.outlive.items():
        if value > 0:
            mine = problem.choices(w)
            lives = ~problem.member[d, problem.place[mine]]
            reduced[mine] -= value * problem.kept(w, d, problem.serves[mine]) * lives
    return reduced


class Master:
    """The restricted program, growing. `solve` runs it to the end or until `stop` says so."""

    def __init__(self, problem: Problem, *, seed: int = 0) -> None:
        self.problem, self.counts = problem, counts(problem)
        self.highs = quiet(seed)
        self.outlive: dict[tuple[int, int], int] = {}  # (workload, domain) -> row
        self.rows_of: dict[int, list[tuple[int, int]]] = {}  # workload -> (row, domain)
        self.columns: Ints = np.zeros(0, dtype=np.int64)  # choices in the program, in column order
        self.inside = np.zeros(problem.size[2], dtype=bool)
        self._rows()
        self._fixed_columns()
        self.add(cheapest(problem, problem.cost / np.maximum(problem.serves, EPSILON), FIRST_CHOICES))

    def _rows(self) -> None:
        problem = self.problem
        self.w_count, self.r_count = len(problem.workloads), len(problem.limits)
        self.g_count = len(problem.commitments)
        none = np.zeros(0, dtype=np.int32)
        count = 2 * self.w_count + self.r_count + self.g_count
        free, open_ = np.full(self.w_count, INFINITY), np.full(self.g_count, INFINITY)
        low = np.concatenate([
            problem.demand, np.full(self.r_count, -INFINITY), np.full(self.g_count, 0.0), self.counts.least,
        ])  # fmt: skip
        high = np.concatenate([free, problem.sizes, open_, free])
        self.highs.addRows(count, low, high, 0, np.zeros(count, dtype=np.int32), none, np.zeros(0))

    @property
    def count_row(self) -> int:
        """The first of the rows about whole units."""
        return self.w_count + self.r_count + self.g_count

    def _fixed_columns(self) -> None:
        """What is left unserved (its survivors count as served), then what is used of the commitments."""
        problem, rows = self.problem, Rows()
        for w in range(self.w_count):
            rows.add(np.array([w, self.count_row + w]), np.array([1.0, self.counts.relief[w]]))
        for g in range(self.g_count):
            rows.add(np.array([self.w_count + self.r_count + g]), -np.ones(1))
        cost = np.concatenate([problem.penalty, [-one.saving for one in problem.commitments]])
        upper = np.concatenate([problem.demand, [one.size for one in problem.commitments]])
        self._add_columns(cost, upper, rows)

    def _add_columns(self, cost: Floats, upper: Floats, rows: Rows) -> None:
        starts, indices, values = rows.arrays()
        self.highs.addCols(
            len(cost), cost.astype(float), np.zeros(len(cost)), upper, len(indices), starts, indices, values
        )

    def add(self, choices: Ints) -> int:
        """Put choices into the program; returns how many were new."""
        problem, new = self.problem, choices[~self.inside[choices]]
        if not len(new):
            return 0
        rows, w_count, r_count = Rows(), self.w_count, self.r_count
        for j in new.tolist():
            w, place = int(problem.workload[j]), int(problem.place[j])
            index = [] if problem.standby[j] else [w]
            value = [] if problem.standby[j] else [problem.counted[j]]
            if self.counts.least[w]:
                index.append(self.count_row + w)
                value.append(1.0)
            for limit in problem.place_limits[place]:
                index.append(w_count + limit)
                value.append(problem.amount[j])
            for limit, takes in problem.extras:
                if takes[j]:
                    index.append(w_count + limit)
                    value.append(takes[j])
            if (group := int(problem.place_commitment[place])) >= 0:
                index.append(w_count + r_count + group)
                value.append(problem.amount[j])
            for row, domain in self.rows_of.get(w, ()):
                if not problem.member[domain, place]:
                    index.append(row)
                    value.append(problem.kept(w, domain, problem.serves[j]))
            rows.add(np.array(index, dtype=np.int64), np.array(value, dtype=float))
        self._add_columns(problem.cost[new], np.array([self.upper(j) for j in new.tolist()]), rows)
        self.columns = np.concatenate([self.columns, new])
        self.inside[new] = True
        return len(new)

    def upper(self, j: int) -> float:
        """A bound that demand implies anyway is left out: its dual would only blur the reduced costs."""
        problem = self.problem
        implied = problem.most[j] * problem.serves[j] >= problem.demand[problem.workload[j]] - EPSILON
        return INFINITY if implied else float(problem.most[j])

    def outlive_rows(self, values: Floats) -> int:
        """A row for each loss that the program's current values do not outlive; how many were new."""
        units = np.zeros(self.problem.size[2])
        units[self.columns] = values
        return self._add_outlive_rows(units)

    def _add_outlive_rows(self, units: Floats) -> int:
        problem = self.problem
        missing = np.maximum(0.0, problem.demand - problem.served(units))[:, None]
        floor = problem.keep * problem.demand[:, None]
        short = np.argwhere((floor > 0) & (problem.outlived(units) + missing < floor - EPSILON))
        broken = [(w, d) for w, d in short.tolist() if (w, d) not in self.outlive]
        if not broken:
            return 0
        rows = Rows()
        offset = self.w_count + self.g_count
        choice_workload, choice_place = problem.workload[self.columns], problem.place[self.columns]
        order = np.argsort(choice_workload, kind="stable")
        edges = np.searchsorted(choice_workload[order], np.arange(self.w_count + 1))
        next_row = self.highs.getNumRow()
        for w, domain in broken:
            mine = order[edges[w] : edges[w + 1]]
            mine = mine[~problem.member[domain, choice_place[mine]]]
            index = np.concatenate([[w], mine + offset])  # what is unserved need not survive
            kept = problem.kept(w, domain, problem.serves[self.columns[mine]])
            rows.add(index, np.concatenate([[1.0], kept]))
            self.outlive[(w, domain)] = next_row
            self.rows_of.setdefault(w, []).append((next_row, domain))
            next_row += 1
        low = np.array([problem.keep[w, d] * problem.demand[w] for w, d in broken])
        starts, indices, values = rows.arrays()
        self.highs.addRows(
            len(broken), low, np.full(len(broken), INFINITY), len(indices), starts, indices, values
        )
        return len(broken)

    def solve(self, stop: Callable[[], bool] = lambda: False) -> Relaxation:
        problem = self.problem
        if not problem.workloads:
            return _nothing(problem)
        best: Relaxation | None = None
        for round_ in range(1, ROUNDS_MAX + 1):
            self.highs.run()
            found = outcome(self.highs)
            if found.values is None or found.duals is None:
                break
            units = np.zeros(problem.size[2])
            units[self.columns] = found.values[self.w_count + self.g_count :]
            duals = self.read_duals(found.duals)
            reduced = reduced_costs(problem, duals)
            bound = bound_of(problem, duals, self.counts)
            wanted = self.wanted(reduced)
            rows = self._add_outlive_rows(units)
            done = not len(wanted) and not rows
            if best is None or bound >= best.bound or done:
                best = Relaxation(
                    units=units, duals=duals, reduced=reduced, bound=bound, objective=found.objective,
                    rounds=round_, converged=done,
                )  # fmt: skip
            if done or stop():
                break
            self.add(wanted)
        if best is None:
            raise RuntimeError("the linear relaxation has no solution, which unserved columns rule out")
        return best

    def read_duals(self, rows: Floats) -> Duals:
        """Clipped to the signs that weak duality needs."""
        w, r, g = self.w_count, self.r_count, self.g_count
        whole = rows[self.count_row : self.count_row + w]
        return Duals(
            demand=np.maximum(0.0, rows[:w]),
            limits=np.maximum(0.0, -rows[w : w + r]),
            commitments=np.maximum(0.0, rows[w + r : w + r + g]),
            outlive={key: max(0.0, float(rows[row])) for key, row in self.outlive.items()},
            counts=np.where(self.counts.least > 0, np.maximum(0.0, whole), 0.0),
        )

    def wanted(self, reduced: Floats) -> Ints:
        """Choices outside the program that would lower its cost, the best few of each workload."""
        outside = np.where(self.inside, np.inf, reduced)
        scale = EPSILON * np.maximum(1.0, self.problem.cost)
        return cheapest(self.problem, np.where(outside < -scale, outside, np.inf), ADDED_PER_WORKLOAD_MAX)


def _nothing(problem: Problem) -> Relaxation:
    """Of a problem that asks for nothing."""
    none = np.zeros(0)
    zeros = Duals(
        demand=none, limits=np.zeros(len(problem.limits)),
        commitments=np.zeros(len(problem.commitments)), outlive={}, counts=none,
    )  # fmt: skip
    return Relaxation(
        units=np.zeros(0),
        duals=zeros,
        reduced=np.zeros(0),
        bound=0.0,
        objective=0.0,
        rounds=0,
        converged=True,
    )


def cheapest(problem: Problem, key: Floats, count: int) -> Ints:
    """For each workload its `count` choices of the smallest finite key."""
    order = np.lexsort((key, problem.workload))
    rank = np.arange(len(order)) - problem.first[problem.workload[order]]
    chosen = order[(rank < count) & np.isfinite(key[order])]
    return np.sort(chosen)
