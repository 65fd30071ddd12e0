"""The synthetic placement instances of bench/plan.py, pinned: the same size and seed is the same instance.

Providers x regions x four kinds of silicon are homes. 40 % of the workloads serve (2 replicas, which must
stand in two different provider-regions), 35 % train in gangs of 8 to 128 chips, 25 % are batch. 65 % of the
pairs are forbidden. Capacity is uneven, and 1.6 times the demand; commitments cover some homes of a provider.
"""

from __future__ import annotations

import numpy as np

from freehold.plan.solver.problem import Commitment, Domain, Limit, Problem

REGIONS_EACH = 10
SILICON = 4
FORBIDDEN = 0.65
TIGHTNESS = 1.6
GANGS = (8, 16, 32, 64, 128)
SERVE, TRAIN = 0.40, 0.75  # cumulative shares; the rest is batch
PENALTY = 20.0  # times the dearest way of running a workload


def tight(workloads: int = 1000, homes: int = 200, seed: int = 0, tightness: float = TIGHTNESS) -> Problem:
    """The instance of a size and a seed."""
    dice = np.random.default_rng(20261120 + seed)
    providers = homes // (REGIONS_EACH * SILICON)
    provider = np.repeat(np.arange(providers), REGIONS_EACH * SILICON)
    region = np.tile(np.repeat(np.arange(REGIONS_EACH), SILICON), providers)
    silicon = np.tile(np.arange(SILICON), providers * REGIONS_EACH)
    place = provider * REGIONS_EACH + region  # a provider's region: what fails as one

    kind = dice.random(workloads)
    serving, training = kind < SERVE, (kind >= SERVE) & (kind < TRAIN)
    chips = np.where(training, dice.choice(GANGS, workloads), dice.integers(1, 9, workloads)).astype(float)
    demand = np.where(serving, 2.0, 1.0)

    base = np.array([1.4, 2.7, 3.9, 7.0])[silicon] * dice.uniform(0.75, 1.6, homes)  # $ per chip and hour
    fitness = dice.uniform(0.6, 1.7, (workloads, SILICON))  # how well a workload suits the silicon
    noise = dice.uniform(0.9, 1.1, (workloads, homes))
    cost = chips[:, None] * base[None, :] * fitness[:, silicon] * noise
    share = dice.pareto(1.5, homes) + 0.3
    capacity = np.floor(share / share.sum() * tightness * float(chips @ demand)) + 1

    allowed = dice.random((workloads, homes)) >= FORBIDDEN
    allowed &= chips[:, None] <= capacity[None, :]
    for w in np.flatnonzero(~allowed.any(axis=1)):
        allowed[w, int(np.argmax(capacity))] = True
    w_index, h_index = np.nonzero(allowed)

    groups = 4 * providers
    group_of = np.where(dice.random(homes) < 0.5, provider * 4 + dice.integers(0, 4, homes), -1)
    commitments = []
    for group in range(groups):
        inside = group_of == group
        size = float(np.floor(dice.uniform(0.2, 0.6) * capacity[inside].sum()))
        saving = float(0.35 * base[inside].mean()) if inside.any() else 0.0
        commitments.append(Commitment(name=f"commitment-{group}", size=size, saving=saving, price=saving))
    names = tuple(f"p{p}-r{r}-s{s}" for p, r, s in zip(provider, region, silicon, strict=True))
    domains = tuple(Domain(kind="region", name=f"p{d // 10}-r{d % 10}") for d in range(providers * 10))
    member = place[None, :] == np.arange(providers * REGIONS_EACH)[:, None]
    keep = np.where(serving[:, None], 0.5, 0.0) * np.ones((1, len(domains)))
    dearest = np.where(allowed, cost, 0).max(axis=1)
    return Problem(
        workloads=tuple(f"w{index}" for index in range(workloads)),
        places=names,
        demand=demand,
        penalty=PENALTY * dearest,
        keep=keep,
        domains=domains,
        member=member,
        limits=tuple(Limit(name=name, size=float(size)) for name, size in zip(names, capacity, strict=True)),
        place_limits=tuple((index,) for index in range(homes)),
        commitments=tuple(commitments),
        place_commitment=group_of,
        first=np.concatenate([[0], np.cumsum(allowed.sum(axis=1))]),
        place=h_index,
        cost=cost[w_index, h_index],
        serves=np.ones(len(w_index)),
        amount=chips[w_index],
        most=demand[w_index],
        standby=np.zeros(len(w_index), dtype=bool),
    )
