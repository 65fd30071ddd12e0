"""A plan after an outage: what was lost is placed again, and everything else stays where it is.

Only the workloads that had something on the lost homes are built into a problem; what the others take is
taken off its limits first. So it is quick however large the estate is, and nothing moves that need not. The
bound is of that problem: no way of placing the displaced beside the rest costs less.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from freehold.clock import Clock, SystemClock
from freehold.estate.model import Estate
from freehold.plan.build import build
from freehold.plan.make import Made, plan_of
from freehold.plan.model import Model
from freehold.plan.result import Bound, Loss, Placement, Plan
from freehold.plan.settings import PlanSettings
from freehold.plan.solver.master import Master
from freehold.plan.solver.problem import EPSILON, Bools, Commitment, Floats, Limit, Problem
from freehold.plan.solver.replan import replan
from freehold.plan.solver.solve import EXACT_CHOICES_MAX, GAP_DONE, Budget, Solution, solve
from freehold.plan.way import Silicon
from freehold.types.names import HomeId, WorkloadId
from freehold.types.sampling import AlignShape
from freehold.units import NS_PER_S

REPAIR_ROUNDS = 12  # of the relaxation, for the bound
EXACT_SECONDS_MAX = 0.4  # for the optimum, where there are few choices


def repair(
    estate: Estate,
    settings: PlanSettings,
    silicon: Silicon,
    before: Plan,
    lost: frozenset[HomeId],
    *,
    clock: Clock | None = None,
    folder: Path = Path(),
    shapes: Mapping[str, AlignShape] = {},
) -> Made:
    """The plan `before`, made for this estate, without the lost homes."""
    clock = clock or SystemClock()
    started_ns = clock.monotonic_ns()
    displaced = {_parent(one.workload) for one in before.placements if one.home in lost}
    some = msgspec.structs.replace(
        estate, workloads={id: one for id, one in estate.workloads.items() if id in displaced}
    )
    standing = _Standing(estate, [one for one in before.placements if _parent(one.workload) not in displaced])

    def built(without: frozenset[tuple[str, str]]) -> Model:
        model = build(some, settings, silicon, without=without, folder=folder, shapes=shapes)
        return _closed(msgspec.structs.replace(model, problem=standing.beside(model)), lost)

    model = built(frozenset())
    solution = _replanned(model, before, lost, clock, started_ns)
    part = plan_of(some, settings, model, solution, [], before.seed, clock)
    plan = _joined(before, part, standing, model, settings)
    return Made(plan=plan, model=model, solution=solution, rebuild=built)


def _parent(workload: str) -> str:
    """A role is placed on its own, and displaced with its workload."""
    return workload.partition("/")[0]


class _Standing:
    """What is not touched, and what it takes."""

    def __init__(self, estate: Estate, placements: Sequence[Placement]) -> None:
        self.placements = tuple(placements)
        self._estate = estate

    def taken(self, model: Model) -> dict[str, float]:
        """Of each limit, by its name."""
        problem = model.problem
        limits, drawn = problem.limits, dict(zip(problem.places, problem.place_limits, strict=True))
        taken: dict[str, float] = defaultdict(float)
        for one in self.placements:
            for limit in drawn.get(one.place, ()):
                taken[limits[limit].name] += one.amount
            pool = self._estate.homes[HomeId(one.home)].pool if one.home in self._estate.homes else None
            taken[f"calls of pool {pool}"] += one.requests_per_min
            workload = self._estate.workloads.get(WorkloadId(_parent(one.workload)))
            if workload is not None:
                taken[f"budget of policy {workload.policy.id}"] += one.usd_per_hour
        return taken

    def beside(self, model: Model) -> Problem:
        """The problem with what these take taken off its limits and commitments."""
        problem, taken = model.problem, self.taken(model)
        group = dict(zip(problem.places, problem.place_commitment.tolist(), strict=True))
        covered: dict[int, float] = defaultdict(float)
        for one in self.placements:
            covered[group.get(one.place, -1)] += one.amount
        return msgspec.structs.replace(
            problem,
            limits=tuple(_less(limit, taken.get(limit.name, 0.0)) for limit in problem.limits),
            commitments=tuple(_used_up(one, covered[g]) for g, one in enumerate(problem.commitments)),
        )


def _less(limit: Limit, taken: float) -> Limit:
    return msgspec.structs.replace(limit, size=max(0.0, limit.size - taken)) if taken else limit


def _used_up(one: Commitment, covered: float) -> Commitment:
    return msgspec.structs.replace(one, size=max(0.0, one.size - covered)) if covered else one


def _closed(model: Model, lost: frozenset[HomeId]) -> Model:
    """The lost homes take nothing any more, but their choices stay: the plan before had some of them."""
    gone = _gone(model, lost)[model.problem.place]
    most = np.where(gone, 0.0, model.problem.most)
    return msgspec.structs.replace(model, problem=msgspec.structs.replace(model.problem, most=most))


def _gone(model: Model, lost: frozenset[HomeId]) -> Bools:
    return np.array([place.home.id in lost for place in model.places], dtype=bool)


def _replanned(
    model: Model, before: Plan, lost: frozenset[HomeId], clock: Clock, started_ns: int
) -> Solution:
    """Quickly at first; then a few to the optimum, and many with a bound from the relaxation."""
    problem = model.problem
    found = replan(problem, units_of(model, before.placements), _gone(model, lost))
    price, few = problem.price(found.units), problem.size[2] <= EXACT_CHOICES_MAX
    again = solve(problem, seed=before.seed, budget=Budget(seconds=EXACT_SECONDS_MAX)) if few else None
    if again is not None and again.price <= price:
        return _timed(again, clock, started_ns)
    rounds = iter(range(REPAIR_ROUNDS))
    relaxation = again.relaxation if again else Master(problem).solve(lambda: next(rounds, None) is None)
    bound = again.bound if again else relaxation.bound
    solution = Solution(
        units=found.units, price=price, bound=bound, relaxation=relaxation,
        exact=price <= bound * (1 + GAP_DONE), steps=0, seconds=0.0,
    )  # fmt: skip
    return _timed(solution, clock, started_ns)


def _timed(solution: Solution, clock: Clock, started_ns: int) -> Solution:
    return msgspec.structs.replace(solution, seconds=(clock.monotonic_ns() - started_ns) / NS_PER_S)


def units_of(model: Model, placements: Sequence[Placement]) -> Floats:
    """The placements as units of the problem's choices; what is no choice any more is left out."""
    problem = model.problem
    at = {
        (problem.workloads[w], model.places[way.place].name, way.standby, way.chips, way.segment): j
        for j, (w, way) in enumerate(zip(problem.workload.tolist(), model.ways, strict=True))
    }
    units = np.zeros(problem.size[2])
    for one in placements:
        j = at.get((one.workload, one.place, one.standby, one.chips, one.segment))
        if j is not None:
            units[j] = one.units
    return units


def _joined(before: Plan, part: Plan, standing: _Standing, model: Model, settings: PlanSettings) -> Plan:
    """The plan before, with the part that was made again in its place."""
    again = {one.workload: one for one in part.workloads}
    usd = part.usd_per_hour + sum(one.usd_per_hour for one in standing.placements)
    usd -= sum(
        one.saving * (settings.commitments[one.name].chips - one.size) for one in model.problem.commitments
    )  # what they save by commitments, of which the part sees the rest
    bound = usd - max(0.0, part.usd_per_hour - part.bound_usd_per_hour)
    unserved = {name: share for name, share in before.unserved.items() if name not in again}
    return msgspec.structs.replace(
        part,
        usd_per_hour=usd, bound_usd_per_hour=bound, gap=(usd - bound) / max(usd, EPSILON),
        placements=(*standing.placements, *part.placements),
        workloads=tuple(again.get(one.workload, one) for one in before.workloads),
        unserved={**unserved, **part.unserved},
        limits=_limits(before, part, standing.taken(model)),
        losses=_losses(before, part, set(again)),
        ruled_out=(*(one for one in before.ruled_out if one.workload not in again), *part.ruled_out),
        left_out=before.left_out, repaired=tuple(sorted(again)),
    )  # fmt: skip


def _limits(before: Plan, part: Plan, taken: Mapping[str, float]) -> tuple[Bound, ...]:
    """Each limit with what everybody takes of it; of a commitment, the part sees what is left."""
    again = {one.limit: one for one in part.limits}
    found = []
    for one in before.limits:
        now = again.get(one.limit)
        if now is not None:
            used = now.used + taken.get(one.limit, max(0.0, one.size - now.size))
            one = msgspec.structs.replace(one, used=used, worth_usd_per_hour=now.worth_usd_per_hour)
        found.append(one)
    return tuple(found)


def _losses(before: Plan, part: Plan, again: set[str]) -> tuple[Loss, ...]:
    """Whoever was not touched is left with what it was left with before."""
    now = {(one.kind, one.name): one for one in part.losses}
    found = []
    for one in before.losses:
        left = {name: share for name, share in one.left.items() if name not in again}
        broken = tuple(name for name in one.broken if name not in again)
        new = now.pop((one.kind, one.name), None)
        if new is not None:
            left, broken = {**left, **new.left}, (*broken, *new.broken)
        found.append(msgspec.structs.replace(one, left=left, broken=broken))
    return (*found, *now.values())
