"""Why there is no plan: a smallest set of demands, limits and rules that cannot hold together, and the
cheapest
way out.

Every demand, limit and rule that could be part of it is dropped in turn; where the rest still conflicts, it
stays dropped. What is left is a conflict of which nothing can be spared (a deletion filter, tried from
several
orders to find a small one). Then each member is relaxed alone, and the cheapest relaxation that makes room
is named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec
import numpy as np

from freehold.plan.make import Made, filter_rules
from freehold.plan.model import Model
from freehold.plan.solver.problem import EPSILON, Limit, Problem
from freehold.plan.solver.solve import Budget, solve

ORDERS = 3
MEMBERS_MAX = 60  # candidates looked at; beyond, only those of the unserved workloads
TEST = Budget(seconds=None, steps=20)
PLENTY = 1e12

What = Literal["demand", "limit", "survival", "rule"]


class Member(msgspec.Struct, frozen=True, kw_only=True, order=True):
    kind: What
    name: str
    field: str = ""

    @property
    def words(self) -> str:
        return {
            "demand": f"the demand of {self.name}",
            "limit": f"the limit {self.name}",
            "survival": f"what {self.name} must outlive",
            "rule": f"the rule {self.field} of policy {self.name}",
        }[self.kind]


class Relaxation(msgspec.Struct, frozen=True, kw_only=True):
    """One member relaxed alone: by how much, and what the plan then costs."""

    member: Member
    words: str
    usd_per_hour: float


class Conflict(msgspec.Struct, frozen=True, kw_only=True):
    members: tuple[Member, ...]
    relaxations: tuple[Relaxation, ...]  # cheapest first

    @property
    def words(self) -> str:
        return "these cannot hold together: " + "; ".join(member.words for member in self.members)


Rebuild = Callable[[frozenset[tuple[str, str]]], Model]


def conflict(made: Made, seed: int = 0) -> Conflict | None:
    """None where everything can be served after all."""
    model, rebuild = made.model, made.rebuild
    candidates = _candidates(model, list(made.plan.unserved))
    if _feasible(model, rebuild, frozenset(), seed):
        return None
    smallest = tuple(candidates)
    for order in range(ORDERS):
        found = _filtered(model, rebuild, _ordered(candidates, order), seed)
        if len(found) < len(smallest):
            smallest = tuple(found)
    members = tuple(sorted(smallest))
    ways_out = [_relaxed(model, rebuild, member, seed) for member in members]
    found_out = [one for one in ways_out if one is not None]
    return Conflict(members=members, relaxations=tuple(sorted(found_out, key=lambda one: one.usd_per_hour)))


def _candidates(model: Model, unserved: Sequence[str]) -> list[Member]:
    """Who is unserved, and everything that stands in its way, directly or by competing for a limit."""
    problem = model.problem
    touched: set[str] = set(unserved)
    limits = {
        limit
        for w, name in enumerate(problem.workloads)
        if name in touched
        for place in problem.place[problem.choices(w)].tolist()
        for limit in problem.place_limits[place]
    }
    for w, name in enumerate(problem.workloads):
        places = problem.place[problem.choices(w)].tolist()
        if any(limit in limits for place in places for limit in problem.place_limits[place]):
            touched.add(name)
    found = [Member(kind="demand", name=name) for name in sorted(touched)]
    found += [
        Member(kind="limit", name=limit.name)
        for index, limit in enumerate(problem.limits)
        if limit.kind == "budget" or index in limits or any(index == at for at, _ in problem.extras)
    ]
    found += [
        Member(kind="survival", name=name)
        for w, name in enumerate(problem.workloads)
        if name in touched and (problem.keep[w] > 0).any()
    ]
    found += [Member(kind="rule", name=policy, field=field) for policy, field in filter_rules(model)]
    return [one for one in found if not one.name.startswith("layer ")][:MEMBERS_MAX]


def _ordered(members: Sequence[Member], order: int) -> list[Member]:
    """Rules last, so that they are kept where they matter; then the reverse; then demands last."""
    rank = [("limit", "demand", "survival", "rule"), ("rule", "survival", "demand", "limit"),
            ("rule", "limit", "survival", "demand")][order]  # fmt: skip
    return sorted(members, key=lambda member: (rank.index(member.kind), member.name))


def _filtered(model: Model, rebuild: Rebuild, members: Sequence[Member], seed: int) -> list[Member]:
    kept, dropped = list(members), frozenset[Member]()
    for member in members:
        trial = dropped | {member}
        if not _feasible(model, rebuild, trial, seed):
            kept.remove(member)
            dropped = trial
    return kept


def _feasible(model: Model, rebuild: Rebuild, dropped: frozenset[Member], seed: int) -> bool:
    problem = without(model, rebuild, dropped).problem
    solution = solve(problem, seed=seed, budget=TEST)
    missing = problem.demand - problem.served(solution.units)
    return not bool((missing > EPSILON * np.maximum(1.0, problem.demand)).any())


def without(model: Model, rebuild: Rebuild, dropped: frozenset[Member]) -> Model:
    """The model as if the dropped demands, limits and rules were not there."""
    rules = frozenset((one.name, one.field) for one in dropped if one.kind == "rule")
    base = rebuild(rules) if rules else model
    problem = base.problem
    demands = {one.name for one in dropped if one.kind == "demand"}
    survivals = {one.name for one in dropped if one.kind == "survival"}
    limits = {one.name for one in dropped if one.kind == "limit"}
    asked = np.array([name not in demands for name in problem.workloads], dtype=float)
    keeps = np.array([name not in survivals for name in problem.workloads], dtype=float)
    changed = msgspec.structs.replace(
        problem,
        demand=problem.demand * asked,
        keep=problem.keep * (keeps * asked)[:, None],
        limits=tuple(_open(limit) if limit.name in limits else limit for limit in problem.limits),
    )
    return msgspec.structs.replace(base, problem=changed)


def _open(limit: Limit) -> Limit:
    return msgspec.structs.replace(limit, size=PLENTY)


def _relaxed(model: Model, rebuild: Rebuild, member: Member, seed: int) -> Relaxation | None:
    """Relax one member as far as it takes; None where that alone is not enough."""
    other = without(model, rebuild, frozenset({member}))
    solution = solve(other.problem, seed=seed, budget=TEST)
    problem = other.problem
    missing = problem.demand - problem.served(solution.units)
    if (missing > EPSILON * np.maximum(1.0, problem.demand)).any():
        return None
    cost = other.usd_per_hour(solution.units)
    return Relaxation(
        member=member, words=_way_out(model, problem, member, solution.units), usd_per_hour=cost
    )


def _way_out(model: Model, problem: Problem, member: Member, units: np.ndarray) -> str:
    if member.kind == "rule":
        return f"drop the rule {member.field} of policy {member.name}"
    if member.kind == "survival":
        return f"let {member.name} go down with a single loss"
    if member.kind == "demand":
        return f"do without {member.name}, or ask less of it"
    index = next(i for i, limit in enumerate(problem.limits) if limit.name == member.name)
    limit = model.problem.limits[index]
    need = float(problem.used(units)[index])
    return f"raise {limit.name} from {limit.size:,.0f} to {need:,.0f} {limit.unit}"
