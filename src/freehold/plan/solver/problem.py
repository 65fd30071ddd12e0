"""A placement problem as arrays: who needs how much, what each way of serving it costs, and what runs out.

A *place* is a home bought in one way (on demand, spot). A *choice* is one unit of one workload at one place:
a replica, a gang of chips, a share of an API's calls. Choices of one workload stand together, in order.

    minimise    cost of the units + penalty of what is left unserved - saving of commitments used
    such that   every workload's demand is served,
                after the loss of any one domain, the share `keep` of it still is (standby units count here
                only), no resource (chips of a home, quota of a pool, a budget) is used beyond its limit

Nothing here knows of models, chips or dollars per token: that is what `build.py` turns into these numbers.
"""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

EPSILON = 1e-6  # below this, a difference in demand or capacity is rounding


def summed(index: Ints, values: Floats, size: int) -> Floats:
    """Sums of the values that share an index."""
    total: Floats = np.bincount(index, weights=values, minlength=size).astype(np.float64)
    return total


class Domain(msgspec.Struct, frozen=True, kw_only=True):
    """What can fail as one: a vendor, a region, a service; or a market, such as spot."""

    kind: str
    name: str


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """Something there is only so much of."""

    name: str
    size: float
    unit: str = "chips"
    kind: Literal["capacity", "pool", "budget", "hours"] = "capacity"


class Commitment(msgspec.Struct, frozen=True, kw_only=True):
    """Capacity paid for whether used or not: each unit used saves what the same would cost on demand."""

    name: str
    size: float
    saving: float  # $/h saved per unit used
    price: float = 0.0  # $/h paid per unit, used or not


class Problem(msgspec.Struct, frozen=True, kw_only=True, eq=False, dict=True):
    """See the module. W workloads, P places, D domains, R limits, N choices."""

    workloads: tuple[str, ...]
    places: tuple[str, ...]
    demand: Floats  # W
    penalty: Floats  # W: $/h for each unit of demand left unserved
    keep: Floats  # W x D: the share of demand that must outlive the domain; 0 where there is no such rule
    domains: tuple[Domain, ...]
    member: Bools  # D x P: which places die with the domain
    limits: tuple[Limit, ...]
    place_limits: tuple[tuple[int, ...], ...]  # per place, the limits it draws on
    commitments: tuple[Commitment, ...] = ()
    place_commitment: Ints  # P: which commitment covers it, or -1
    extras: tuple[tuple[int, Floats], ...] = ()  # (limit, N: what one unit takes of it), beside the places'
    first: Ints  # W + 1: choices of workload w are first[w] .. first[w + 1]
    place: Ints  # N
    cost: Floats  # N: $/h of one unit
    serves: Floats  # N: demand served by one unit
    amount: Floats  # N: how much one unit takes of each limit of its place
    most: Floats  # N: the largest number of units
    standby: Bools  # N: serves only when something else has failed

    @property
    def size(self) -> tuple[int, int, int]:
        return len(self.workloads), len(self.places), len(self.place)

    @cached_property
    def workload(self) -> Ints:
        """N: the workload of each choice."""
        return np.repeat(np.arange(len(self.workloads)), np.diff(self.first))

    @cached_property
    def sizes(self) -> Floats:
        return np.array([limit.size for limit in self.limits], dtype=float)

    @cached_property
    def draws(self) -> Floats:
        """R x P: 1 where the place draws on the limit."""
        out = np.zeros((len(self.limits), len(self.places)))
        for place, limits in enumerate(self.place_limits):
            out[list(limits), place] = 1.0
        return out

    @cached_property
    def counted(self) -> Floats:
        """N: demand served by one unit, no more than all of it: that makes the bound tight."""
        served: Floats = np.minimum(self.serves, self.demand[self.workload])
        return served

    def kept(self, w: int, domain: int, serves: Floats) -> Floats:
        """What units count for after a loss, for the same reason."""
        kept: Floats = np.minimum(serves, self.keep[w, domain] * self.demand[w])
        return kept

    @cached_property
    def must(self) -> tuple[Ints, ...]:
        """Per workload, the domains it must outlive."""
        return tuple(np.flatnonzero(row > 0) for row in self.keep)

    def choices(self, workload: int) -> slice:
        return slice(int(self.first[workload]), int(self.first[workload + 1]))

    def used(self, units: Floats) -> Floats:
        """R: what a placement takes of each limit, extras included."""
        held = np.flatnonzero(units)
        per_place = summed(self.place[held], units[held] * self.amount[held], len(self.places))
        used = self.draws @ per_place
        for limit, takes in self.extras:
            used[limit] += float(units[held] @ takes[held])
        return used

    def served(self, units: Floats) -> Floats:
        """W: demand served while nothing has failed."""
        held = np.flatnonzero(units * ~self.standby)
        return summed(self.workload[held], units[held] * self.serves[held], len(self.workloads))

    def outlived(self, units: Floats) -> Floats:
        """W x D: demand of each workload that can still be served once a domain is lost."""
        held = np.flatnonzero(units)
        owner, given = self.workload[held], units[held] * self.serves[held]
        domain, which = np.nonzero(self.member[:, self.place[held]])
        count, width = len(self.workloads), len(self.domains)
        cell = owner[which] * width + domain
        lost = summed(cell, given[which], count * width).reshape(count, width)
        return summed(owner, given, count)[:, None] - lost

    def committed(self, units: Floats) -> Floats:
        """G: how much of each commitment a placement uses."""
        held = np.flatnonzero(units)
        group = self.place_commitment[self.place[held]]
        inside = group >= 0
        used = summed(group[inside], (units[held] * self.amount[held])[inside], len(self.commitments))
        covered: Floats = np.minimum(used, np.array([one.size for one in self.commitments], dtype=float))
        return covered

    def price(self, units: Floats) -> float:
        """$/h of a placement: its units, the penalty of what it leaves unserved, less commitments used."""
        missing = np.maximum(0.0, self.demand - self.served(units))
        missing[missing <= EPSILON * np.maximum(1.0, self.demand)] = 0.0
        saved = self.committed(units) @ np.array([one.saving for one in self.commitments])
        return float(self.cost @ units + self.penalty @ missing - saved)

    def breaks(self, units: Floats) -> list[str]:
        """Every rule that a placement breaks, in words; unserved demand is not one, it has a price."""
        found = [
            f"{limit.name}: {used:g} of {limit.size:g} {limit.unit}"
            for limit, used in zip(self.limits, self.used(units), strict=True)
            if used > limit.size * (1 + EPSILON) + EPSILON
        ]
        floor = self.keep * np.minimum(self.demand, self.served(units))[:, None]
        short = np.argwhere((floor > 0) & (self.outlived(units) < floor * (1 - EPSILON) - EPSILON))
        found += [f"{self.workloads[w]} does not outlive {self.domains[d].name}" for w, d in short.tolist()]
        if np.any(units < 0) or np.any(units > self.most) or np.any(units != np.round(units)):
            found.append("a number of units is not a whole number within its range")
        return found
