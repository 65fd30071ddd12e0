"""Who gets what of the capacity that is left: demand meets pools, in each workload's own order of homes.

Every workload offers its demand to its first living home; what a pool cannot take is offered to the next
home, and so on. A pool that is asked for more than it has gives everybody the same share of what they asked,
so a stampede is seen on everyone in it. Capacity that nobody stated is unknown: work that may land there
counts as served, and `known` says that this rests on something unknown.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from freehold.estate.allowed import allowed_homes
from freehold.estate.model import OWN, Estate
from freehold.types.homes import Workload
from freehold.types.names import HomeId, PoolId, WorkloadId

TINY_RPM = 1e-9


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """What one workload gets, in requests a minute. `demand` None: it states none."""

    demand: float | None
    served: float | None
    by_home: dict[HomeId, float]
    known: bool  # False: some of it lands on homes whose capacity is not known

    @property
    def share(self) -> float | None:
        """Of the demand; None where there is none stated, or where it rests on unknown capacity."""
        if self.demand is None or self.served is None:
            return None
        if self.demand == 0:
            return 1.0
        return self.served / self.demand if self.known else None

    @property
    def unserved(self) -> float | None:
        """What is certainly turned away; unknown capacity is taken to be enough."""
        return None if self.demand is None or self.served is None else max(0.0, self.demand - self.served)


class _Pool(msgspec.Struct):
    """What is left of a pool. None: not stated."""

    calls: float | None
    tokens: float | None

    @property
    def known(self) -> bool:
        return self.calls is not None or self.tokens is not None

    def take(self, asks: Mapping[WorkloadId, float], sizes: Mapping[WorkloadId, float | None]) -> float:
        """The share of every ask that fits; what fits is gone from the pool."""
        total = sum(asks.values())
        share = 1.0
        if self.calls is not None and total > 0:
            share = min(share, max(0.0, self.calls) / total)
        tokens = sum(ask * (sizes[id] or 0) for id, ask in asks.items())
        if self.tokens is not None and tokens > 0:
            share = min(share, max(0.0, self.tokens) / tokens)
        if self.calls is not None:
            self.calls -= share * total
        if self.tokens is not None:
            self.tokens -= share * tokens
        return share


def tokens_per_request(workload: Workload) -> float | None:
    if workload.input_tokens is None and workload.output_tokens is None:
        return None
    return float((workload.input_tokens or 0) + (workload.output_tokens or 0))


def demand_met(
    estate: Estate,
    alive: Collection[HomeId],
    *,
    demand_times: Mapping[WorkloadId, float] | None = None,
    capacity_times: float = 1.0,
    limits: Mapping[HomeId, float] | None = None,
    stay: Mapping[WorkloadId, HomeId] | None = None,
    allowed: Mapping[WorkloadId, tuple[HomeId, ...]] | None = None,
) -> dict[WorkloadId, Served]:
    """Everybody's share.

    `demand_times` multiplies what some workloads ask for. `limits` are homes that cannot take more than so
    many requests a minute. `stay` are workloads whose traffic has not noticed anything yet and goes to one
    home only, dead or alive. `allowed` are the homes of each workload, where they are worked out already.
    """
    pools = _pools(estate, capacity_times)
    room = dict(limits or {})
    sizes = {id: tokens_per_request(one) for id, one in estate.workloads.items()}
    times = demand_times or {}
    want = {id: (one.requests_per_min or 0.0) * times.get(id, 1.0) for id, one in estate.workloads.items()}
    orders = {
        id: _order(id, allowed[id] if allowed is not None else allowed_homes(one, estate), alive, stay)
        for id, one in estate.workloads.items()
    }
    given: dict[WorkloadId, dict[HomeId, float]] = {id: {} for id in want}
    known = dict.fromkeys(want, True)
    for turn in range(max((len(order) for order in orders.values()), default=0)):
        asking = {
            id: (order[turn], want[id])
            for id, order in orders.items()
            if turn < len(order) and want[id] > TINY_RPM
        }
        asks: dict[str, dict[WorkloadId, float]] = {}
        for id, ask in _within(asking, room).items():
            asks.setdefault(_pool_of(estate, asking[id][0]), {})[id] = ask
        for pool, wanted in asks.items():
            share = pools[pool].take(wanted, sizes)
            for id, ask in wanted.items():
                home, got = orders[id][turn], ask * share
                given[id][home] = got
                want[id] -= got
                if home in room:
                    room[home] -= got
                if got > TINY_RPM and not pools[pool].known and home not in (limits or {}):
                    known[id] = False
    return {
        id: _served(one, given[id], known[id], times.get(id, 1.0)) for id, one in estate.workloads.items()
    }


def _within(
    asking: Mapping[WorkloadId, tuple[HomeId, float]], room: Mapping[HomeId, float]
) -> dict[WorkloadId, float]:
    """Asks scaled to the room of homes that cannot grow, the same share for everybody at one home."""
    total: dict[HomeId, float] = {}
    for home, ask in asking.values():
        total[home] = total.get(home, 0.0) + ask
    share = {home: min(1.0, max(0.0, room[home]) / total[home]) for home in total if home in room}
    return {id: ask * share.get(home, 1.0) for id, (home, ask) in asking.items()}


def _served(workload: Workload, by_home: dict[HomeId, float], known: bool, times: float) -> Served:
    if workload.requests_per_min is None:
        return Served(demand=None, served=None, by_home={}, known=known)
    demand = workload.requests_per_min * times
    total = sum(by_home.values())
    return Served(demand=demand, served=min(total, demand), by_home=by_home, known=known)


def _order(
    id: WorkloadId,
    homes: tuple[HomeId, ...],
    alive: Collection[HomeId],
    stay: Mapping[WorkloadId, HomeId] | None,
) -> list[HomeId]:
    if stay is not None and id in stay:
        homes = (stay[id],)
    return [home for home in homes if home in alive]


def _pool_of(estate: Estate, home: HomeId) -> str:
    """Homes without a pool have one of their own, whose capacity is not known."""
    pool = estate.homes[home].pool
    return f"pool {pool}" if pool is not None else f"home {home}"


def _pools(estate: Estate, times: float) -> dict[str, _Pool]:
    made = {f"home {id}": _Pool(calls=None, tokens=None) for id in estate.homes}
    own = {home.pool for home in estate.homes.values() if home.operator == OWN}
    for id, pool in estate.pools.items():
        left = 1.0 if id in own else times  # nobody else flees to your own machines
        made[f"pool {PoolId(id)}"] = _Pool(
            calls=None if pool.requests_per_min is None else pool.requests_per_min * left,
            tokens=None if pool.tokens_per_min is None else pool.tokens_per_min * left,
        )
    return made
