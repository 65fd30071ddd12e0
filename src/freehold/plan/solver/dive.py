"""From the fractional placement to a whole one by diving: fix the clearest of the large units, let the linear
program answer, and go on until nothing is split. Unlike one rounding, what is small can make room each time.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from freehold.plan.solver.highs import INFINITY, outcome
from freehold.plan.solver.master import Master, reduced_costs
from freehold.plan.solver.problem import EPSILON, Floats, Ints

CLEAR = 0.75  # a part this large is taken for the whole
SMALL = 0.07  # of the largest unit: below it, half a unit is clear enough
FIXED_SHARE = 0.12  # of what is split, fixed in one round
PRICE_EVERY = 4  # rounds between looks at choices outside the program
ROUNDS_MAX = 400
WHOLE = 1e-5


class Dive:
    """One descent. What is fixed is in `least` (column -> units), what no longer fits in `barred`."""

    def __init__(self, master: Master) -> None:
        self.master, self.problem = master, master.problem
        self.offset = master.w_count + master.g_count
        self.least: dict[int, float] = {}
        self.barred: set[int] = set()
        self.left = self.problem.sizes.copy()
        self.values: Floats = np.zeros(0)

    def run(self, stop: Callable[[], bool]) -> Floats:
        problem, master = self.problem, self.master
        for round_ in range(ROUNDS_MAX):
            master.highs.run()
            found = outcome(master.highs)
            if found.values is None or found.duals is None:
                break
            self.values = found.values[self.offset :]
            if master.outlive_rows(self.values):
                continue
            split = self._split()
            if not self._large(split) or stop():
                break
            self._fix(split)
            if round_ % PRICE_EVERY == PRICE_EVERY - 1:
                self._price(found.duals)
        self._release()
        units = np.zeros(problem.size[2])
        units[master.columns[: len(self.values)]] = np.floor(self.values + WHOLE)
        return units

    def _price(self, duals: Floats) -> None:
        """Let in choices that the changed prices call for, where they still fit."""
        before = len(self.master.columns)
        reduced = reduced_costs(self.problem, self.master.read_duals(duals))
        reduced[self.problem.amount > self._tightest()[self.problem.place] + EPSILON] = np.inf
        self.master.add(self.master.wanted(reduced))
        self.values = np.append(self.values, np.zeros(len(self.master.columns) - before))

    def _tightest(self) -> Floats:
        """P: what is left at each place once everything fixed has its room."""
        draws = self.problem.draws
        tightest: Floats = np.where(draws > 0, self.left[:, None], np.inf).min(axis=0, initial=np.inf)
        return tightest

    def _split(self) -> Ints:
        """Positions of choices with a fractional number of units."""
        part = self.values - np.floor(self.values + WHOLE)
        return np.flatnonzero(part > WHOLE)

    def _large(self, split: Ints) -> bool:
        """Is anything large still split? What is small can be placed exactly afterwards."""
        amounts = self.problem.amount
        return bool((amounts[self.master.columns[split]] > SMALL * amounts.max()).any())

    def _fix(self, split: Ints) -> None:
        """Raise the clearest of the largest to the next whole number of units, each where it fits."""
        chosen = self.master.columns[split]
        part = self.values[split] - np.floor(self.values[split] + WHOLE)
        size = self.problem.amount[chosen]
        large = size >= 0.5 * size.max()
        count = max(1, int(FIXED_SHARE * large.sum()))
        fixed = 0
        for at in np.argsort(-np.where(large, part, part - 1.0)).tolist():
            if fixed >= count or (fixed and part[at] < CLEAR):
                break
            fixed += self._fix_one(int(split[at]))
        self._bar()

    def _fix_one(self, position: int) -> bool:
        """True where it fits; where it does not, it is barred, which is progress too."""
        j, column = int(self.master.columns[position]), position + self.offset
        limits = list(self.problem.place_limits[int(self.problem.place[j])])
        units = float(np.ceil(self.values[position] - WHOLE))
        more = units - self.least.get(column, 0.0)
        if (self.problem.amount[j] * more > self.left[limits] + EPSILON).any():
            self.barred.add(column)
            self.master.highs.changeColBounds(
                column, self.least.get(column, 0.0), self.least.get(column, 0.0)
            )
            return False
        self.left[limits] -= self.problem.amount[j] * more
        self.least[column] = units
        self.master.highs.changeColBounds(column, units, INFINITY)
        return True

    def _bar(self) -> None:
        """Choices of which not one more unit fits beside what is fixed are out."""
        columns = self.master.columns
        over = self.problem.amount[columns] > self._tightest()[self.problem.place[columns]] + EPSILON
        for position in np.flatnonzero(over).tolist():
            column = position + self.offset
            if column not in self.barred:
                self.barred.add(column)
                least = self.least.get(column, 0.0)
                self.master.highs.changeColBounds(column, least, least)

    def _release(self) -> None:
        for column in {*self.least, *self.barred}:
            upper = self.master.upper(int(self.master.columns[column - self.offset]))
            self.master.highs.changeColBounds(column, 0.0, upper)


def dived(master: Master, stop: Callable[[], bool] = lambda: False) -> Floats:
    """A placement in which hardly anything is split; the parts that are left are rounded down."""
    return Dive(master).run(stop)
