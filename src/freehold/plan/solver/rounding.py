"""From the fractional placement to a first whole one: the largest first, each where it is cheapest
once scarce things have their price."""

from __future__ import annotations

import numpy as np

from freehold.plan.solver.master import Relaxation
from freehold.plan.solver.problem import EPSILON, Floats, Ints, Problem

STEPS_MAX = 4096  # units placed for one workload by the greedy rule


def rounded(problem: Problem, relaxation: Relaxation) -> Floats:
    """A placement that breaks no rule; what does not fit is left unserved."""
    units = np.zeros(problem.size[2])
    left, price = problem.sizes.copy(), priced(problem, relaxation)
    for w in order(problem, relaxation).tolist():
        place_one(problem, w, price, units, left)
    return units


def priced(problem: Problem, relaxation: Relaxation) -> Floats:
    """N: what one unit costs with the scarce things it takes, before what it earns."""
    earned = problem.counted * relaxation.duals.demand[problem.workload]
    price: Floats = relaxation.reduced + earned + relaxation.duals.counts[problem.workload]
    return price


def order(problem: Problem, relaxation: Relaxation) -> Ints:
    """Whoever takes most of what is scarce goes first; among equals, whoever the relaxation did not split."""
    largest = np.zeros(len(problem.workloads))
    np.maximum.at(largest, problem.workload, problem.amount)
    split = np.zeros(len(problem.workloads))
    np.maximum.at(
        split, problem.workload, relaxation.units / np.maximum(1.0, problem.demand[problem.workload])
    )
    return np.lexsort((-split, -largest))


def place_one(problem: Problem, w: int, price: Floats, units: Floats, left: Floats) -> None:
    """Units for one workload, one at a time, cheapest per demand that still counts. Updates units and
    left."""
    mine = problem.choices(w)
    place, serves = problem.place[mine], problem.serves[mine]
    amount, most, standby = problem.amount[mine], problem.most[mine], problem.standby[mine]
    cost = price[mine] - price[mine].min(initial=0.0) + EPSILON
    taken = np.zeros(len(place))
    must = problem.must[w]
    kept = problem.keep[w, must] * problem.demand[w]
    apart = ~problem.member[np.ix_(must, place)]  # domains x choices: does it outlive the domain?
    for _ in range(STEPS_MAX):
        missing = problem.demand[w] - float((serves * taken)[~standby].sum())
        outlived = apart @ (serves * taken)
        short = np.maximum(0.0, kept - outlived)
        if missing <= EPSILON and not (short > EPSILON).any():
            break
        useful = np.minimum(serves, max(missing, 0.0)) * ~standby
        if missing <= EPSILON:
            useful = np.minimum(serves, (apart * short[:, None]).max(axis=0, initial=0.0))
        elif len(must):
            # demand is served once; what stands together with it in a domain does not outlive that domain
            room = problem.demand[w] - kept - (serves * taken)[None, :] @ ~apart.T
            useful = np.minimum(useful, np.where(apart, np.inf, np.maximum(0.0, room.T)).min(axis=0))
        fits = (taken < most) & (useful > EPSILON) & room_for(problem, place, amount, left)
        for limit, takes in problem.extras:
            fits &= takes[mine] <= left[limit] + EPSILON
        if not fits.any():
            break
        best = int(np.argmin(np.where(fits, cost / np.maximum(useful, EPSILON), np.inf)))
        taken[best] += 1
        left[list(problem.place_limits[int(place[best])])] -= amount[best]
        for limit, takes in problem.extras:
            left[limit] -= takes[mine][best]
    served = min(problem.demand[w], float((serves * taken)[~standby].sum()))
    kept_of_served = problem.keep[w, must] * served
    if (apart @ (serves * taken) < kept_of_served - EPSILON).any():
        _give_up(problem, mine, taken, left)  # what cannot outlive a loss is not served at all
    units[mine] = taken


def _give_up(problem: Problem, mine: slice, taken: Floats, left: Floats) -> None:
    for at in np.flatnonzero(taken).tolist():
        j = mine.start + at
        left[list(problem.place_limits[int(problem.place[j])])] += problem.amount[j] * taken[at]
        for limit, takes in problem.extras:
            left[limit] += takes[j] * taken[at]
    taken[:] = 0.0


def room_for(problem: Problem, place: Ints, amount: Floats, left: Floats) -> np.ndarray:
    """Which choices fit into what is left of every limit of their place."""
    tightest = np.array([left[list(problem.place_limits[p])].min(initial=np.inf) for p in place])
    return amount <= tightest + EPSILON
