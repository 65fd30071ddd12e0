"""A plan as it is shown, kept and compared: plain values, no arrays. Dollars are floats; unknown is None."""

from __future__ import annotations

import msgspec

from freehold.types.names import Digest

NEAR_LIMIT = 1e-6


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """Units of one workload at one place."""

    workload: str
    home: str
    place: str
    market: str
    unit: str
    units: int
    serves: float  # demand served by all of them
    usd_per_hour: float
    chips: int | None = None  # of one unit
    hours: float | None = None  # how long a job takes
    amount: float = 0.0  # what all of them take of each limit of the place: chips, or tokens a minute
    requests_per_min: float = 0.0  # what they take of a pool that counts requests
    segment: int | None = None  # the layer of the load curve that an API share is for
    standby: bool = False
    silicon: str | None = None
    vendor: str = ""
    region: str | None = None
    tokens_per_s: float | None = None  # one unit, with its interval
    tokens_per_s_low: float | None = None
    tokens_per_s_high: float | None = None
    rests_on: str = ""

    @property
    def words(self) -> str:
        """5 replicas, 20 shares of calls."""
        if self.units == 1:
            return f"1 {self.unit}"
        head, gap, rest = self.unit.partition(" of ")
        return f"{self.units} {head}s{gap}{rest}" if head != "batch" else f"{self.units} batches{gap}{rest}"


class WorkPlanned(msgspec.Struct, frozen=True, kw_only=True):
    """One workload: what it asks, what it gets, what a unit of its work costs."""

    workload: str
    kind: str
    demand: float
    served: float
    usd_per_hour: float
    usd_per_unit: float | None
    unit: str  # 1,000 calls, or job
    assumed: tuple[str, ...] = ()


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """A limit, how much of it is used, and what one more would be worth."""

    limit: str
    used: float
    size: float
    unit: str
    worth_usd_per_hour: float


class RulePrice(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule costs: by how much the plan would be cheaper without it. None: it could not be worked
    out."""

    rule: str
    usd_per_hour: float | None
    how: str  # solved again, or marginal
    words: str


class Loss(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of each workload when one thing is lost, found by replay."""

    kind: str
    name: str
    homes: tuple[str, ...]
    left: dict[str, float]  # workload -> share of its demand still served
    broken: tuple[str, ...] = ()  # workloads left with less than they must keep


class Ruled(msgspec.Struct, frozen=True, kw_only=True):
    workload: str
    place: str
    why: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Where everything goes, and how good that is."""

    estate: Digest | None
    made_ns: int
    seed: int
    hours: float
    usd_per_hour: float
    bound_usd_per_hour: float
    gap: float
    exact: bool
    committed_usd_per_hour: float
    idle_usd_per_hour: float
    placements: tuple[Placement, ...]
    workloads: tuple[WorkPlanned, ...]
    unserved: dict[str, float]
    limits: tuple[Bound, ...]
    rules: tuple[RulePrice, ...]
    losses: tuple[Loss, ...]
    ruled_out: tuple[Ruled, ...]
    left_out: dict[str, str]
    seconds: float
    repaired: tuple[str, ...] = ()  # workloads placed again beside an earlier plan; empty: all were placed

    def of(self, workload: str) -> tuple[Placement, ...]:
        return tuple(one for one in self.placements if one.workload == workload)

    @property
    def holds(self) -> bool:
        """Everything served, and every loss outlived as asked."""
        return not self.unserved and not any(loss.broken for loss in self.losses)
