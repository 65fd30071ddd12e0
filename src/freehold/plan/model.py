"""A planning problem with its names: which way is which choice, what was ruled out and why."""

from __future__ import annotations

import msgspec
import numpy as np

from freehold.plan.place import Losses, Place
from freehold.plan.solver.problem import Floats, Problem
from freehold.plan.way import Way
from freehold.plan.work import Asked


class Barred(msgspec.Struct, frozen=True, kw_only=True):
    """A place a workload cannot use, and why. `rule` is the policy field, where a policy says so."""

    workload: str
    place: str
    why: str
    rule: str = ""


class Model(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    problem: Problem
    asked: tuple[Asked, ...]
    places: tuple[Place, ...]
    ways: tuple[Way, ...]  # one per choice
    losses: Losses
    barred: tuple[Barred, ...]
    left_out: dict[str, str]  # workloads that cannot be planned, and why
    committed_usd_per_hour: float = 0.0  # paid whether used or not

    def usd_per_hour(self, units: Floats) -> float:
        """What the placement costs, commitments included, penalties left out."""
        missing = np.maximum(0.0, self.problem.demand - self.problem.served(units))
        return self.problem.price(units) - float(self.problem.penalty @ missing) + self.committed_usd_per_hour
