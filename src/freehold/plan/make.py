"""Make a plan: build the problem, solve it, replay every loss, price every rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec
import numpy as np

from freehold.clock import Clock, SystemClock
from freehold.estate.blast import fall
from freehold.estate.graph import Graph, graph_of
from freehold.estate.model import Estate
from freehold.plan.build import build, outlived
from freehold.plan.model import Model
from freehold.plan.result import Bound, Loss, Placement, Plan, Ruled, RulePrice, WorkPlanned
from freehold.plan.settings import PlanSettings
from freehold.plan.solver.problem import EPSILON, Floats
from freehold.plan.solver.solve import Budget, Progress, Solution, solve
from freehold.plan.way import Silicon
from freehold.types.names import HomeId
from freehold.types.sampling import AlignShape

WORTH_LEAST = 1e-6  # $/h below which one more of something is worth nothing
RULES_MAX = 40  # filter rules priced by solving again


class Made(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A plan with what it was made from, for whoever wants to go on."""

    plan: Plan
    model: Model
    solution: Solution
    rebuild: Callable[[frozenset[tuple[str, str]]], Model]  # the same problem without some (policy, field)


def make(
    estate: Estate,
    settings: PlanSettings,
    silicon: Silicon,
    *,
    seed: int = 0,
    budget: Budget = Budget(),  # noqa: B008  # frozen
    clock: Clock | None = None,
    held: Mapping[str, frozenset[str]] = {},
    lost: frozenset[HomeId] = frozenset(),
    folder: Path = Path(),
    shapes: Mapping[str, AlignShape] = {},
    price_rules: bool = True,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Made:
    clock = clock or SystemClock()

    def built(without: frozenset[tuple[str, str]]) -> Model:
        return build(
            estate, settings, silicon, held=held, without=without, lost=lost, folder=folder, shapes=shapes
        )

    model = built(frozenset())
    solution = solve(model.problem, seed=seed, budget=budget, clock=clock, progress=progress)
    rules: list[RulePrice] = []
    if price_rules:
        rules = [*_marginal(model, solution), *_filters(model, solution, built, seed, budget, clock)]
    return Made(
        plan=plan_of(estate, settings, model, solution, rules, seed, clock),
        model=model,
        solution=solution,
        rebuild=built,
    )


def plan_of(
    estate: Estate,
    settings: PlanSettings,
    model: Model,
    solution: Solution,
    rules: list[RulePrice],
    seed: int,
    clock: Clock,
) -> Plan:
    """What was solved, as it is shown and kept."""
    problem, units = model.problem, solution.units
    missing = np.maximum(0.0, problem.demand - problem.served(units))
    unserved = {
        problem.workloads[w]: float(missing[w] / problem.demand[w])
        for w in np.flatnonzero(missing > EPSILON * np.maximum(1.0, problem.demand))
    }
    used = problem.committed(units)
    idle = sum((one.size - used[g]) * one.price for g, one in enumerate(problem.commitments))
    cost = model.usd_per_hour(units)
    penalties = solution.price + model.committed_usd_per_hour - cost
    bound = solution.bound + model.committed_usd_per_hour - penalties
    placements = tuple(placements_of(model, units))
    return Plan(
        estate=estate.digest, made_ns=clock.now_ns(), seed=seed, hours=settings.hours, usd_per_hour=cost,
        bound_usd_per_hour=min(bound, cost), gap=max(0.0, cost - bound) / max(cost, EPSILON),
        exact=solution.exact, committed_usd_per_hour=model.committed_usd_per_hour,
        idle_usd_per_hour=float(idle),
        placements=placements, workloads=tuple(_worked(model, units, placements, settings.hours)),
        unserved=unserved,
        limits=tuple(_bounds(model, solution)), rules=tuple(rules),
        losses=tuple(replayed(estate, model, units)),
        ruled_out=tuple(Ruled(workload=one.workload, place=one.place, why=one.why) for one in model.barred),
        left_out=model.left_out, seconds=solution.seconds,
    )  # fmt: skip


def placements_of(model: Model, units: Floats) -> Iterator[Placement]:
    problem = model.problem
    for j in np.flatnonzero(units).tolist():
        way, place, count = model.ways[j], model.places[problem.place[j]], round(units[j])
        said = way.prediction
        yield Placement(
            workload=problem.workloads[problem.workload[j]], home=place.home.id, place=place.name,
            market=place.market, unit=way.unit, units=count, serves=way.serves * count,
            usd_per_hour=way.usd_per_hour * count, amount=way.amount * count,
            requests_per_min=way.requests_per_min * count, segment=way.segment, chips=way.chips,
            hours=way.hours, standby=way.standby,
            silicon=place.home.silicon, vendor=place.home.vendor, region=place.home.region,
            tokens_per_s=said.tokens_per_s if said else None,
            tokens_per_s_low=said.tokens_per_s_low if said else None,
            tokens_per_s_high=said.tokens_per_s_high if said else None,
            rests_on=said.rests_on if said else "its list price",
        )  # fmt: skip


def _worked(
    model: Model, units: Floats, placements: tuple[Placement, ...], hours: float
) -> Iterator[WorkPlanned]:
    served = model.problem.served(units)
    for w, one in enumerate(model.asked):
        usd = sum(p.usd_per_hour for p in placements if p.workload == one.workload.id)
        if one.is_job:
            per, unit = usd * hours, "job"
        else:
            per, unit = usd / (one.mean * 60.0 / 1000.0), "1,000 calls"
        yield WorkPlanned(
            workload=one.workload.id, kind=one.workload.kind, demand=one.peak,
            served=float(min(served[w], one.peak)), usd_per_hour=usd,
            usd_per_unit=per if served[w] > 0 else None, unit=unit, assumed=one.assumed,
        )  # fmt: skip


def _bounds(model: Model, solution: Solution) -> Iterator[Bound]:
    problem, duals = model.problem, solution.relaxation.duals
    used = problem.used(solution.units)
    for index, limit in enumerate(problem.limits):
        if limit.kind != "hours":
            yield Bound(
                limit=limit.name, used=float(used[index]), size=limit.size, unit=limit.unit,
                worth_usd_per_hour=float(duals.limits[index]),
            )  # fmt: skip
    for index, one in enumerate(problem.commitments):
        yield Bound(
            limit=f"commitment {one.name}", used=float(problem.committed(solution.units)[index]),
            size=one.size, unit="chips",
            worth_usd_per_hour=max(0.0, one.saving - float(duals.commitments[index])) if one.size else 0.0,
        )  # fmt: skip


def _marginal(model: Model, solution: Solution) -> Iterator[RulePrice]:
    """What duals say: one more of a limit, and one point less of what must survive."""
    problem, duals = model.problem, solution.relaxation.duals
    for limit, worth in zip(problem.limits, duals.limits, strict=True):
        if worth > WORTH_LEAST and limit.kind != "hours":
            words = f"one more of {limit.name} ({limit.unit}) is worth {worth:.2f} $/h"
            yield RulePrice(rule=limit.name, usd_per_hour=float(worth), how="marginal", words=words)
    for group, dual in zip(problem.commitments, duals.commitments, strict=True):
        worth = max(0.0, group.saving - float(dual)) if group.size else 0.0
        if worth > WORTH_LEAST:
            words = (
                f"one more chip under commitment {group.name} would save {worth:.2f} $/h on demand, "
                f"for {group.price:.2f} $/h committed"
            )
            yield RulePrice(
                rule=f"commitment {group.name}", usd_per_hour=worth - group.price, how="marginal", words=words
            )
    for w, one in enumerate(model.asked):
        worth = sum(v * problem.demand[x] / 100 for (x, _), v in duals.outlive.items() if x == w)
        if worth > WORTH_LEAST:
            kinds = " or ".join(sorted(outlived(one))) or "spot market"
            words = (
                f"keeping one percent less of {one.workload.id} after losing any one {kinds} "
                f"would save {worth:.2f} $/h"
            )
            yield RulePrice(
                rule=f"survival of {one.workload.id}", usd_per_hour=float(worth), how="marginal", words=words
            )


def _filters(
    model: Model,
    solution: Solution,
    built: Callable[[frozenset[tuple[str, str]]], Model],
    seed: int,
    budget: Budget,
    clock: Clock,
) -> Iterator[RulePrice]:
    """Solve again without each rule that keeps work from a home."""
    rules = filter_rules(model)
    for policy, field in rules[:RULES_MAX]:
        other = built(frozenset({(policy, field)}))
        again = solve(other.problem, seed=seed, budget=budget, clock=clock)
        saved = solution.price - again.price
        yield RulePrice(
            rule=f"{policy}.{field}", usd_per_hour=saved, how="solved again",
            words=_says(policy, field, saved, solution, again),
        )  # fmt: skip


def filter_rules(model: Model) -> list[tuple[str, str]]:
    policy_of = {one.workload.id: one.workload.policy.id for one in model.asked}
    return sorted(
        {
            (policy_of[one.workload], field)  # type: ignore[index]  # ids are strings
            for one in model.barred
            if one.rule
            for field in one.rule.split(", ")
        }
    )


def _says(policy: str, field: str, saved: float, solution: Solution, again: Solution) -> str:
    if saved <= WORTH_LEAST:
        return f"the rule {field} of policy {policy} costs nothing here"
    sure = "" if solution.exact and again.exact else ", within the gaps of the two plans"
    return f"the rule {field} of policy {policy} costs {saved:,.2f} $/h{sure}"


def replayed(estate: Estate, model: Model, units: Floats) -> Iterator[Loss]:
    """Lose each thing that a workload must outlive, once, by the estate's own fault tree, and count what is
    left."""
    problem, graph = model.problem, graph_of(estate)
    for d, domain in enumerate(problem.domains):
        asked_for = np.flatnonzero(problem.keep[:, d] > 0)
        if not len(asked_for) or domain.kind == "market":
            continue
        gone = _gone(estate, graph, model, domain.kind, domain.name)
        alive = np.array([place.home.id not in gone for place in model.places], dtype=bool)
        serving = np.bincount(
            problem.workload,
            weights=units * problem.serves * alive[problem.place],
            minlength=len(problem.workloads),
        )
        left, broken = {}, []
        for w in asked_for.tolist():
            share = min(1.0, float(serving[w] / problem.demand[w]))
            left[problem.workloads[w]] = share
            if share < problem.keep[w, d] - EPSILON:
                broken.append(problem.workloads[w])
        yield Loss(
            kind=domain.kind, name=domain.name, homes=tuple(sorted(gone)), left=left, broken=tuple(broken)
        )


def _gone(estate: Estate, graph: Graph, model: Model, kind: str, name: str) -> frozenset[HomeId]:
    """Homes that die: everything of a vendor or region at once, or what falls with a service."""
    if kind == "service":
        nodes = [graph.index["service", name]]
    else:
        nodes = [graph.home(id) for id in model.losses.of(kind).get(name, frozenset())]  # type: ignore[arg-type]  # one of the kinds
    fallen = fall(graph, nodes)
    return frozenset(id for id in estate.homes if fallen.dead(graph.home(id)))
