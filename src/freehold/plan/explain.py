"""Why here and not there, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from freehold.errors import InputError, nearest
from freehold.plan.make import Made
from freehold.plan.result import Placement
from freehold.plan.solver.problem import EPSILON

OTHERS_MAX = 6  # places that were possible and not chosen, told about
NEARLY = 0.005  # $/h: a difference too small to speak of


def explain(made: Made, workload: str) -> list[str]:
    problem = made.model.problem
    if workload in made.plan.left_out:
        return [f"{workload} was not planned: it {made.plan.left_out[workload]}."]
    if workload not in problem.workloads:
        close = nearest(workload, problem.workloads)
        raise InputError(
            f"no workload of the plan is called {workload!r}",
            why=f"the plan has {len(problem.workloads)}" + (f"; the closest is {close!r}" if close else ""),
            fix="name one of them; freehold plan show lists them",
            code="plan.unknown-workload",
        )
    return [
        *_here(made, workload),
        *_survival(made, workload),
        *_there(made, workload),
        *_never(made, workload),
    ]


def _here(made: Made, workload: str) -> Iterator[str]:
    placements = made.plan.of(workload)
    if not placements:
        yield f"{workload} runs nowhere: nothing could serve it."
    for one in placements:
        yield f"{workload} has {_amount(one)} at {one.place}, for {one.usd_per_hour:,.2f} $/h."
        if one.tokens_per_s is not None:
            yield (
                f"  One {one.unit} of {one.chips} {one.silicon} gives {one.tokens_per_s:,.0f} tokens/s "
                f"({one.tokens_per_s_low:,.0f} to {one.tokens_per_s_high:,.0f}); it rests on {one.rests_on}."
            )


def _amount(one: Placement) -> str:
    if one.unit == "gang":
        return f"a gang of {one.chips} chips for {one.hours:,.1f} hours"
    return one.words


def _survival(made: Made, workload: str) -> Iterator[str]:
    hurt = [(loss.left[workload], loss) for loss in made.plan.losses if workload in loss.left]
    if hurt:
        left, loss = min(hurt, key=lambda pair: pair[0])
        yield f"The worst single loss, {loss.kind} {loss.name}, leaves {100 * left:.0f} % of it served."


def _there(made: Made, workload: str) -> Iterator[str]:
    """Places that were allowed: what a unit of demand would cost there, with the scarce things it takes."""
    problem, plan = made.model.problem, made.plan
    w = problem.workloads.index(workload)
    mine = problem.choices(w)
    used = {one.place for one in plan.of(workload)}
    reduced = made.solution.relaxation.reduced
    best: dict[str, tuple[float, int]] = {}
    for j in range(mine.start, mine.stop):
        name = problem.places[problem.place[j]]
        if name not in used and not problem.standby[j]:
            more = float(reduced[j] * problem.demand[w] / problem.serves[j])
            if name not in best or more < best[name][0]:
                best[name] = (more, j)
    for name, (more, j) in sorted(best.items(), key=lambda pair: pair[1][0])[:OTHERS_MAX]:
        yield f"Not at {name}: {_because(made, j, more)}."


def _because(made: Made, j: int, more: float) -> str:
    problem = made.model.problem
    left = problem.sizes - problem.used(made.solution.units)
    full = [
        problem.limits[limit].name
        for limit in problem.place_limits[problem.place[j]]
        if problem.amount[j] > left[limit] + EPSILON
    ]
    if full:
        return f"{full[0]} is used up by others"
    if more > NEARLY:
        return f"all of it there would cost about {more:,.2f} $/h more"
    return "it costs the same; the choice between them is open"


def _never(made: Made, workload: str) -> Iterator[str]:
    for one in made.plan.ruled_out:
        if one.workload == workload:
            yield f"Never at {one.place}: {one.why}."


def headroom(made: Made) -> dict[str, float]:
    """The share of each limit that is still free."""
    problem = made.model.problem
    used = problem.used(made.solution.units)
    free = 1 - used / np.maximum(problem.sizes, EPSILON)
    return {limit.name: float(share) for limit, share in zip(problem.limits, free, strict=True)}
