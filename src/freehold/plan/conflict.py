"""Why there is no plan: the smallest set of demands, limits and rules that cannot hold together, and the ways
out.

Whether a set of them can hold is a question to the exact solver, costs aside: `smallest.py` asks it. A way
out relaxes one member by as little as it takes; where no single one is enough, several together. What a way
out costs is the plan that it makes possible. Ways that serve everything come first, the cheapest of them
leading; then those that serve less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Literal

import msgspec
import numpy as np

from freehold.plan.make import Made, filter_rules
from freehold.plan.model import Model
from freehold.plan.smallest import smallest
from freehold.plan.solver.feasible import least_needed, most_served, servable
from freehold.plan.solver.problem import EPSILON, Limit
from freehold.plan.solver.solve import Budget, solve

MEMBERS_MAX = 60  # candidates looked at; beyond, only those of the unserved workloads
QUESTION_SECONDS_MAX = 2.0
REBUILDS_KEPT = 64
SHARE_WORTH_SAYING = 0.01
SETS_SHOWN_MAX = 3  # ways out that take several members
TEST = Budget(seconds=None, steps=20)
PLENTY = 1e12

What = Literal["demand", "limit", "survival", "rule"]
LAST_DROPPED = ("limit", "survival", "rule", "demand")
"""Of several smallest conflicts, the one that names demands and rules rather than every full limit."""


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
    """Members relaxed together: by how much, and what the plan then costs."""

    members: tuple[Member, ...]
    words: str
    usd_per_hour: float

    @property
    def serves_less(self) -> bool:
        return any(member.kind == "demand" for member in self.members)


class Conflict(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing of `members` can be spared. `at_least`: no conflict has fewer members than that."""

    members: tuple[Member, ...]
    at_least: int
    smallest: bool  # proved: no other conflict has fewer members
    relaxations: tuple[Relaxation, ...]  # the best first

    @property
    def words(self) -> str:
        told = "; ".join(one.words for one in self.members)
        if self.smallest:
            return f"the smallest set that cannot hold together: {told}"
        return (
            f"a set that cannot hold together, of which nothing can be spared: {told} (whether a smaller one "
            f"exists was not settled: none has fewer than {max(1, self.at_least)})"
        )


Rebuild = Callable[[frozenset[tuple[str, str]]], Model]


def conflict(made: Made, seed: int = 0) -> Conflict | None:
    """None where everything can be served after all."""
    model, rebuild = made.model, lru_cache(REBUILDS_KEPT)(made.rebuild)
    candidates = sorted(_candidates(model, list(made.plan.unserved)), key=_order)
    everything = frozenset(candidates)

    def holds(kept: frozenset[Member]) -> bool | None:
        problem = without(model, rebuild, everything - kept).problem
        return servable(problem, seed=seed, seconds_max=QUESTION_SECONDS_MAX)

    found = smallest(candidates, holds)
    if found is None:
        return None
    ways = [one for member in found.members if (one := _way_out(model, rebuild, (member,), seed)) is not None]
    if not ways:
        together = sorted(found.corrections, key=len)[:SETS_SHOWN_MAX]
        ways = [
            one
            for some in together
            if (one := _way_out(model, rebuild, tuple(sorted(some)), seed)) is not None
        ]
    return Conflict(
        members=tuple(sorted(found.members)), at_least=found.at_least, smallest=found.proved,
        relaxations=tuple(sorted(ways, key=lambda one: (one.serves_less, one.usd_per_hour))),
    )  # fmt: skip


def _order(member: Member) -> tuple[int, str, str]:
    return LAST_DROPPED.index(member.kind), member.name, member.field


def _candidates(model: Model, unserved: Sequence[str]) -> list[Member]:
    """Who is unserved, and everything that stands in its way, directly or by competing for a limit."""
    problem = model.problem
    near, limits = _near(model, frozenset(unserved))
    far, _ = _near(model, near)
    policy = {one.workload.id: one.workload.policy.id for one in model.asked}
    policies = {policy[name] for name in near if name in policy}  # type: ignore[index]  # ids are strings
    bounds = [
        Member(kind="limit", name=limit.name)
        for index, limit in enumerate(problem.limits)
        if limit.kind != "hours" and (limit.kind == "budget" or index in limits or _is_extra(model, index))
    ]
    rules = [Member(kind="rule", name=p, field=field) for p, field in filter_rules(model) if p in policies]
    found = [*_demands(model, unserved), *bounds, *rules]
    found += _demands(model, near.difference(unserved))
    found += _demands(model, far - near)
    return found[:MEMBERS_MAX]


def _near(model: Model, names: frozenset[str]) -> tuple[frozenset[str], set[int]]:
    """These, the limits they draw on, and whoever else draws on those."""
    problem = model.problem
    drawn = [
        {limit for place in problem.place[problem.choices(w)] for limit in problem.place_limits[int(place)]}
        for w in range(len(problem.workloads))
    ]
    limits = {limit for w, name in enumerate(problem.workloads) if name in names for limit in drawn[w]}
    sharing = {name for w, name in enumerate(problem.workloads) if drawn[w] & limits}
    return names | sharing, limits


def _is_extra(model: Model, index: int) -> bool:
    return any(index == at for at, _ in model.problem.extras)


def _demands(model: Model, names: Iterable[str]) -> Iterator[Member]:
    """Demand, and what of it must outlive a loss."""
    problem = model.problem
    for name in sorted(names):
        yield Member(kind="demand", name=name)
        if name in problem.workloads and (problem.keep[problem.workloads.index(name)] > 0).any():
            yield Member(kind="survival", name=name)


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


def _way_out(model: Model, rebuild: Rebuild, members: tuple[Member, ...], seed: int) -> Relaxation | None:
    """Relax these, a single one as little as it takes; None where that is not enough."""
    other = without(model, rebuild, frozenset(members))
    if servable(other.problem, seed=seed, seconds_max=QUESTION_SECONDS_MAX) is False:
        return None
    if len(members) == 1 and members[0].kind == "demand":
        words, other = _less_of(model, other, members[0], seed)
    elif len(members) == 1 and members[0].kind == "limit":
        words, other = _more_of(model, other, members[0], seed)
    else:
        words = " and ".join(_dropped(member) for member in members)
    solution = solve(other.problem, seed=seed, budget=TEST)
    missing = other.problem.demand - other.problem.served(solution.units)
    if (missing > EPSILON * np.maximum(1.0, other.problem.demand)).any():
        return None
    return Relaxation(members=members, words=words, usd_per_hour=other.usd_per_hour(solution.units))


def _dropped(member: Member) -> str:
    return {
        "rule": f"drop the rule {member.field} of policy {member.name}",
        "survival": f"let {member.name} go down with a single loss",
        "demand": f"do without {member.name}",
        "limit": f"raise {member.name}",
    }[member.kind]


def _less_of(model: Model, other: Model, member: Member, seed: int) -> tuple[str, Model]:
    """As much of the demand as there is room for beside everything else."""
    problem = model.problem
    w = problem.workloads.index(member.name)
    share = most_served(problem, w, seed=seed, seconds_max=QUESTION_SECONDS_MAX)
    if share is None or share < SHARE_WORTH_SAYING:
        return _dropped(member), other
    demand = problem.demand.copy()
    demand[w] *= share
    less = msgspec.structs.replace(model, problem=msgspec.structs.replace(problem, demand=demand))
    return f"serve {100 * share:.0f} % of {member.name}", less


def _more_of(model: Model, other: Model, member: Member, seed: int) -> tuple[str, Model]:
    """As much more of the limit as it takes."""
    problem = other.problem
    index = next(i for i, limit in enumerate(problem.limits) if limit.name == member.name)
    need = least_needed(problem, index, seed=seed, seconds_max=QUESTION_SECONDS_MAX)
    if need is None:
        return _dropped(member), other
    limit = msgspec.structs.replace(model.problem.limits[index], size=float(np.ceil(need - EPSILON)))
    limits = (*problem.limits[:index], limit, *problem.limits[index + 1 :])
    more = msgspec.structs.replace(other, problem=msgspec.structs.replace(problem, limits=limits))
    before = model.problem.limits[index].size
    return f"raise {limit.name} from {before:,.0f} to {limit.size:,.0f} {limit.unit}", more
