"""The smallest subset of things that cannot hold together, and what would have to go.

Two bounds that meet. From above: drop what can be dropped, until nothing can (an irreducible conflict). From
below: every set of things whose removal mends matters (a correction) meets every conflict, so no conflict is
smaller than the smallest set that meets all corrections found. That set is either a conflict itself, and then
a smallest one, or it shows a new correction. Each question is asked of `holds`; their number is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import msgspec
import numpy as np

from freehold.plan.solver.highs import INFINITY, Rows, integer_program

T = TypeVar("T")
QUESTIONS_MAX = 600
Holds = Callable[[frozenset[T]], bool | None]


class Smallest(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """`members` is irreducible. No conflict has fewer than `at_least`; where the two meet, it is smallest."""

    members: tuple[T, ...]
    at_least: int
    corrections: tuple[frozenset[T], ...]
    undecided: int = 0  # questions without an answer, taken as if it held

    @property
    def proved(self) -> bool:
        return self.at_least >= len(self.members) and not self.undecided


class _SpentError(Exception):
    """No more questions."""


class _Asker(Generic[T]):
    def __init__(self, holds: Holds[T], most: int) -> None:
        self._holds, self._left = holds, most
        self._known: dict[frozenset[T], bool] = {}
        self.undecided = 0

    def __call__(self, kept: frozenset[T]) -> bool:
        if kept not in self._known:
            if not self._left:
                raise _SpentError
            self._left -= 1
            answer = self._holds(kept)
            self.undecided += answer is None
            self._known[kept] = answer is not False
        return self._known[kept]


def smallest(
    members: Sequence[T], holds: Holds[T], *, questions_max: int = QUESTIONS_MAX
) -> Smallest[T] | None:
    """None where all of them hold together. `members` come in the order in which they may be dropped."""
    ask, everything = _Asker(holds, questions_max), frozenset(members)
    if not questions_max or ask(everything):
        return None
    best, corrections, at_least = list(members), list[frozenset[T]](), 0
    try:
        best = _reduced(members, ask)
        while True:
            least = _meeting(members, corrections)
            at_least = len(least)
            if at_least >= len(best):
                break
            if not ask(least):
                best = [one for one in members if one in least]
                break
            whole = _grown(least, members, ask)
            corrections.append(everything - whole)
    except _SpentError:
        pass  # what was found until here stands; `at_least` says how far it was proved
    return Smallest(
        members=tuple(best), at_least=at_least, corrections=tuple(corrections), undecided=ask.undecided
    )


def _reduced(members: Sequence[T], ask: _Asker[T]) -> list[T]:
    """Of which nothing can be spared: each is dropped in turn, and stays dropped where a conflict is left."""
    kept = list(members)
    for one in members:
        without = [other for other in kept if other != one]
        if not ask(frozenset(without)):
            kept = without
    return kept


def _grown(start: frozenset[T], members: Sequence[T], ask: _Asker[T]) -> frozenset[T]:
    """As much beside it as holds together, what may be dropped first added last."""
    found = start
    for one in reversed(members):
        if one not in found and ask(found | {one}):
            found |= {one}
    return found


def _meeting(members: Sequence[T], corrections: Sequence[frozenset[T]]) -> frozenset[T]:
    """A smallest set that shares something with each of these."""
    if not corrections:
        return frozenset()
    at = {one: index for index, one in enumerate(members)}
    rows, count = Rows(), len(members)
    for correction in corrections:
        mine = np.array(sorted(at[one] for one in correction), dtype=np.int64)
        rows.add(mine, np.ones(len(mine)))
    found = integer_program(
        np.ones(count), np.ones(count), np.ones(count, dtype=bool), np.ones(len(corrections)),
        np.full(len(corrections), INFINITY), rows, gap=0.0,
    )  # fmt: skip
    values = np.zeros(count) if found.values is None else found.values
    return frozenset(one for one in members if values[at[one]] > 0.5)
