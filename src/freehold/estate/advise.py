"""The cheapest ways out: changes to a workload's homes, what each removes, costs, touches and leaves.

Every change is made on paper and worked out again by the same functions as the map, so what it is said to
remove is what it removes. A change that the policy forbids is not offered. An unknown cost sorts last.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator

import msgspec

from freehold.estate.allowed import allowed_homes, reasons_against
from freehold.estate.candidates import Change, changes
from freehold.estate.capacity import demand_met
from freehold.estate.catalog import Catalog, age
from freehold.estate.drill import usd_month
from freehold.estate.graph import graph_of
from freehold.estate.impact import unknown
from freehold.estate.model import Estate
from freehold.estate.standing import services_of
from freehold.estate.survey import find
from freehold.types.homes import Home, Workload
from freehold.types.names import HomeId, ServiceId, WorkloadId

ADVICE_SIZE_MAX = 2  # cut sets of one and two are what a change is judged by
TOLD_MAX = 5


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """One change to one workload. Counts are of minimal cut sets of size one and two."""

    workload: WorkloadId
    change: str
    kind: str
    removes_single: int
    removes_pairs: int
    leaves_single: int
    leaves_pairs: int
    leaves: tuple[str, ...]  # single points that stay
    usd_month: float | None  # what the stated demand costs there; None: not known
    usd_month_now: float | None
    cost: str  # in words, its source and age with it
    contracts: tuple[str, ...]
    toml: str  # what to write


def advise(
    estate: Estate,
    catalog: Catalog,
    workload: str | None = None,
    *,
    today: datetime.date,
    cap: int = TOLD_MAX,
) -> list[Advice]:
    """For one workload or all: the best changes first, at most `cap` for each."""
    if workload is not None and workload not in estate.workloads:
        raise unknown("workload", workload, estate.workloads)
    found: list[Advice] = []
    for id, one in estate.workloads.items():
        if workload in (None, id):
            found.extend(_for(one, estate, catalog, today)[:cap])
    return found


def _for(workload: Workload, estate: Estate, catalog: Catalog, today: datetime.date) -> list[Advice]:
    small = _only(workload, estate)
    before = _counts(workload, small)
    now = usd_month(workload, small, demand_met(small, set(small.homes))[workload.id], {})
    made = []
    for change in changes(workload, estate, catalog):
        after = _after(change, workload, small, catalog)
        if after is not None and after[:2] < before[:2]:
            made.append((change, _advice(change, workload, before, after, now, estate, today)))
    made.sort(key=lambda pair: _order(pair[1]))
    return list(_best_of_each(made))


def _best_of_each(made: Iterable[tuple[Change, Advice]]) -> Iterator[Advice]:
    """One change for each kind, seller and operator: the third region of one vendor is no news."""
    seen: set[tuple[object, ...]] = set()
    for change, advice in made:
        place = [(home.vendor, home.operator) for home in change.homes]
        key = (change.kind, advice.change if change.kind in ("own-home", "pool") else tuple(place))
        if key not in seen:
            seen.add(key)
            yield advice


def _order(advice: Advice) -> tuple[int, int, bool, float, str]:
    cost = advice.usd_month
    return (-advice.removes_single, -advice.removes_pairs, cost is None, cost or 0.0, advice.change)


def _after(
    change: Change, workload: Workload, small: Estate, catalog: Catalog
) -> tuple[int, int, tuple[str, ...]] | None:
    """Counts once the change is made; None where the policy does not let it be made."""
    if any(reasons_against(home, workload) for home in change.homes):
        return None
    changed = _changed(change, workload, small, catalog)
    return _counts(changed.workloads[workload.id], changed)


def _advice(
    change: Change,
    workload: Workload,
    before: tuple[int, int, tuple[str, ...]],
    after: tuple[int, int, tuple[str, ...]],
    now: float | None,
    estate: Estate,
    today: datetime.date,
) -> Advice:
    return Advice(
        workload=workload.id,
        change=change.words,
        kind=change.kind,
        removes_single=before[0] - after[0],
        removes_pairs=before[1] - after[1],
        leaves_single=after[0],
        leaves_pairs=after[1],
        leaves=after[2][:TOLD_MAX],
        usd_month=change.usd_month,
        usd_month_now=now,
        cost=_cost(change, today),
        contracts=tuple(_contracts(change, estate)),
        toml=change.toml,
    )


def _cost(change: Change, today: datetime.date) -> str:
    """In words, with who says so and a mark where that is too old."""
    if change.usd_month is None:
        return "cost unknown" + (f": {change.source}" if change.source else "")
    told = f"${change.usd_month:,.0f} a month {change.per}"
    origin = [change.source, age.mark(change.as_of, change.price_kind, today) or change.as_of]
    return f"{told}; {', '.join(part for part in origin if part)}" if change.source else told


def _counts(workload: Workload, estate: Estate) -> tuple[int, int, tuple[str, ...]]:
    found = find(workload, estate, graph_of(estate), size_max=ADVICE_SIZE_MAX)
    single, pairs = (*found.counts, 0)[:2]
    return single, pairs, found.single_points


def _only(workload: Workload, estate: Estate) -> Estate:
    """The estate as far as one workload goes: what the rest stands on does not matter to it."""
    mine = allowed_homes(workload, estate)
    homes = {id: estate.homes[id] for id in dict.fromkeys((*workload.homes, *mine))}
    return msgspec.structs.replace(
        estate,
        homes=homes,
        workloads={workload.id: msgspec.structs.replace(workload, substitutes=_kept(workload, homes))},
        services={id: estate.services[id] for id in _below(homes.values(), estate)},
    )


def _kept(workload: Workload, homes: dict[HomeId, Home]) -> tuple[object, ...]:
    return tuple(one for one in workload.substitutes if one.home in homes)


def _below(homes: Iterable[Home], estate: Estate) -> list[ServiceId]:
    order = list(dict.fromkeys(need for home in homes for need in (*home.needs, *home.grow_needs)))
    seen = set(order)
    for id in order:  # grows while it is read
        one = estate.services[id]
        for need in (*one.all_of, *one.any_of):
            if need not in seen:
                seen.add(need)
                order.append(need)
    return order


def _changed(change: Change, workload: Workload, small: Estate, catalog: Catalog) -> Estate:
    homes = {**small.homes, **{home.id: home for home in change.homes}}
    names = tuple(dict.fromkeys((*workload.homes, *(home.id for home in change.homes))))
    return msgspec.structs.replace(
        small,
        homes=homes,
        workloads={workload.id: msgspec.structs.replace(small.workloads[workload.id], homes=names)},
        services=services_of(homes, small.services, catalog),
    )


def _contracts(change: Change, estate: Estate) -> Iterator[str]:
    operators = {name for home in change.homes for name in (home.operator, home.vendor)}
    for contract in estate.contracts.values():
        if contract.operator in operators:
            yield f"{contract.id}: counts with {contract.operator}" + (
                f", until {contract.expires}" if contract.expires else ""
            )
        elif contract.exclusive:
            yield f"{contract.id}: is exclusive with {contract.operator}; read it before doing this"
