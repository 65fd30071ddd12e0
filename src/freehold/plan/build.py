"""From an estate, its policies and predictions to a planning problem. Policies are filters before any
variable."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from freehold.estate.allowed import reasons_against
from freehold.estate.graph import Graph, graph_of
from freehold.estate.model import Estate
from freehold.plan.model import Barred, Model
from freehold.plan.place import MARKET, Losses, Place, losses, places
from freehold.plan.settings import PlanSettings, WorkSettings
from freehold.plan.solver.problem import Commitment, Domain, Floats, Limit, Problem
from freehold.plan.way import Silicon, Way, ways
from freehold.plan.work import Asked, asked, roles
from freehold.types.homes import Policy, Workload
from freehold.types.names import HomeId
from freehold.types.sampling import AlignShape
from freehold.units import NANO_PER_USD

HOURS_PER_MONTH = 730.0
FILTERS: Mapping[str, object] = {
    "regions": (), "jurisdictions": (), "operators": (), "operators_barred": (), "vendors": (),
    "data_classes": (), "classes": {}, "tier_min": "contract",
}  # fmt: skip
"""Policy fields that rule homes out, with the value at which each rules out nothing."""


def build(
    estate: Estate,
    settings: PlanSettings,
    silicon: Silicon,
    *,
    held: Mapping[str, frozenset[str]] = {},
    without: frozenset[tuple[str, str]] = frozenset(),
    lost: frozenset[HomeId] = frozenset(),
    folder: Path = Path(),
    shapes: Mapping[str, AlignShape] = {},
) -> Model:
    """`held` says where work is now; `without` drops rules as (policy, field); `lost` homes are gone.

    `shapes` holds the roles of align workloads; each role is placed as work of its own, named workload/role.
    """
    graph = graph_of(estate)
    found, left_out = _asked(estate, settings, folder, shapes)
    all_places = places(estate, settings)
    chosen: list[list[Way]] = []
    barred: list[Barred] = []
    for one in found:
        mine, against = _ways(one, estate, all_places, silicon, settings, without, lost)
        chosen.append([_moved(way, one, all_places, settings, held) for way in mine])
        barred += against
    return _assembled(estate, graph, settings, found, all_places, chosen, barred, left_out, without)


def _asked(
    estate: Estate, settings: PlanSettings, folder: Path, shapes: Mapping[str, AlignShape]
) -> tuple[list[Asked], dict[str, str]]:
    found: list[Asked] = []
    left_out: dict[str, str] = {}
    for workload in estate.workloads.values():
        if workload.id in shapes:
            found += roles(workload, shapes[workload.id], settings)
            continue
        one = asked(workload, settings, folder)
        if isinstance(one, str):
            left_out[workload.id] = one
        else:
            found.append(one)
    return found, left_out


def _ways(
    one: Asked,
    estate: Estate,
    all_places: Sequence[Place],
    silicon: Silicon,
    settings: PlanSettings,
    without: frozenset[tuple[str, str]],
    lost: frozenset[HomeId],
) -> tuple[list[Way], list[Barred]]:
    workload = relaxed(one.workload, without)
    listed = _listed(workload, estate, settings)
    found: list[Way] = []
    barred: list[Barred] = []
    for index, place in enumerate(all_places):
        if place.home.id not in listed:
            continue
        against = _against(place, workload, one.settings, lost)
        if against:
            barred.append(Barred(workload=workload.id, place=place.name, why=against[1], rule=against[0]))
            continue
        made = ways(one, index, place, silicon, settings)
        if isinstance(made, str):
            barred.append(Barred(workload=workload.id, place=place.name, why=made))
        else:
            found += made
    return found, barred


def relaxed(workload: Workload, without: frozenset[tuple[str, str]]) -> Workload:
    """The workload as if some fields of its policy said nothing."""
    fields = {
        field: FILTERS[field]
        for policy, field in without
        if policy == workload.policy.id and field in FILTERS
    }
    if not fields:
        return workload
    return msgspec.structs.replace(workload, policy=msgspec.structs.replace(workload.policy, **fields))


def _listed(workload: Workload, estate: Estate, settings: PlanSettings) -> frozenset[HomeId]:
    if settings.candidates == "listed":
        extra = [one.home for one in workload.substitutes] if workload.policy.substitution else []
        return frozenset({*workload.homes, *extra})
    models = {estate.homes[id].model for id in workload.homes}
    return frozenset(
        id
        for id, home in estate.homes.items()
        if id in workload.homes or home.chips is not None or (home.model is not None and home.model in models)
    )


def _against(
    place: Place, workload: Workload, work: WorkSettings, lost: frozenset[HomeId]
) -> tuple[str, str] | None:
    if place.home.id in lost:
        return "", "it is down"
    if place.market == "spot" and work.spot_share_max == 0 and workload.kind in ("serve", "align"):
        return "", "spot is not allowed for it: plan.work.spot_share_max is 0"
    reasons = reasons_against(place.home, workload)
    if not reasons:
        return None
    return ", ".join(filters_against(place, workload)), "; ".join(reasons)


def filters_against(place: Place, workload: Workload) -> list[str]:
    """The policy fields without which the place would be allowed, alone or with the others."""
    found = []
    for field, nothing in FILTERS.items():
        if getattr(workload.policy, field) == nothing:
            continue
        only = Policy(**{field: getattr(workload.policy, field)})
        if reasons_against(place.home, msgspec.structs.replace(workload, policy=only)):
            found.append(field)
    return found


def _moved(
    way: Way,
    one: Asked,
    all_places: Sequence[Place],
    settings: PlanSettings,
    held: Mapping[str, frozenset[str]],
) -> Way:
    """The way with what it costs to bring data there, and to switch to a home the work is not on."""
    place, extra = all_places[way.place], 0.0
    if one.settings.data_gb and one.settings.data_at != place.home.id:
        share = min(1.0, way.serves / one.peak)
        usd = one.settings.data_gb * share * settings.egress_usd_per_gb.nano / NANO_PER_USD
        extra += usd / settings.hours
    now = held.get(one.workload.id)
    if now and place.name not in now and not way.standby:
        extra += settings.switch_usd.nano / NANO_PER_USD / settings.hours
    return msgspec.structs.replace(way, usd_per_hour=way.usd_per_hour + extra) if extra else way


def _assembled(
    estate: Estate,
    graph: Graph,
    settings: PlanSettings,
    found: Sequence[Asked],
    all_places: Sequence[Place],
    chosen: Sequence[Sequence[Way]],
    barred: Sequence[Barred],
    left_out: dict[str, str],
    without: frozenset[tuple[str, str]],
) -> Model:
    flat = [way for mine in chosen for way in mine]
    lost = losses(estate, graph)
    domains, member = _domains(lost, all_places)
    limits, place_limits, request_pools = _limits(estate, all_places)
    first = np.concatenate([[0], np.cumsum([len(mine) for mine in chosen])]).astype(np.int64)
    extras = [
        *_request_rows(flat, all_places, request_pools),
        *_segment_rows(found, chosen, first, limits, len(flat)),
        *_budget_rows(found, flat, first, limits, without),
    ]
    commitments, place_commitment, paid = _commitments(settings, all_places)

    def column(name: str) -> Floats:
        return np.array([getattr(way, name) for way in flat], dtype=float)

    problem = Problem(
        workloads=tuple(one.workload.id for one in found),
        places=tuple(place.name for place in all_places),
        demand=np.array([one.peak for one in found], dtype=float),
        penalty=np.array([settings.unserved_usd_per_hour.nano / NANO_PER_USD / one.peak for one in found]),
        keep=_keep(found, domains, settings, without),
        domains=tuple(domains), member=member, limits=tuple(limits), place_limits=place_limits,
        extras=tuple(extras), commitments=commitments, place_commitment=place_commitment, first=first,
        place=np.array([way.place for way in flat], dtype=np.int64), cost=column("usd_per_hour"),
        serves=column("serves"), amount=column("amount"), most=column("most"),
        standby=np.array([way.standby for way in flat], dtype=bool),
    )  # fmt: skip
    return Model(
        problem=problem, asked=tuple(found), places=tuple(all_places), ways=tuple(flat), losses=lost,
        barred=tuple(barred), left_out=left_out, committed_usd_per_hour=paid,
    )  # fmt: skip


def _domains(lost: Losses, all_places: Sequence[Place]) -> tuple[list[Domain], np.ndarray]:
    domains = [Domain(kind=kind, name=name) for kind, name in lost.homes]
    rows = [[place.home.id in gone for place in all_places] for gone in lost.homes.values()]
    domains.append(Domain(kind="market", name=MARKET))
    rows.append([place.market == "spot" for place in all_places])
    return domains, np.array(rows, dtype=bool).reshape(len(domains), len(all_places))


def _keep(
    found: Sequence[Asked],
    domains: Sequence[Domain],
    settings: PlanSettings,
    without: frozenset[tuple[str, str]],
) -> Floats:
    keep = np.zeros((len(found), len(domains)))
    for w, one in enumerate(found):
        if one.is_job:
            continue
        kinds = outlived(one)
        if (one.workload.id, "outlive") in without:
            kinds = frozenset()
        share = settings.keep if one.settings.keep is None else one.settings.keep
        for d, domain in enumerate(domains):
            if domain.kind in kinds:
                keep[w, d] = share
            elif domain.kind == "market":
                keep[w, d] = 1.0 - one.settings.spot_share_max
    return keep


def outlived(one: Asked) -> frozenset[str]:
    """The kinds of loss a workload must outlive: what planning says, else what its policy's homes differ
    in."""
    if one.settings.outlive:
        return frozenset(one.settings.outlive)
    policy = one.workload.policy
    if policy.homes_min < 2:
        return frozenset()
    return frozenset(policy.distinct) or frozenset({"region"})


def _limits(
    estate: Estate, all_places: Sequence[Place]
) -> tuple[list[Limit], tuple[tuple[int, ...], ...], dict[int, str]]:
    """Chips of each home and pool, tokens of each pool; requests of a pool are rows of their own."""
    limits: list[Limit] = []
    at: dict[str, int] = {}

    def put(name: str, size: float, unit: str, kind: str) -> int:
        if name not in at:
            at[name] = len(limits)
            limits.append(Limit(name=name, size=size, unit=unit, kind=kind))  # type: ignore[arg-type]  # one of the kinds
        return at[name]

    drawn: list[tuple[int, ...]] = []
    calls_of: dict[int, str] = {}
    for place in all_places:
        pool = None if place.home.pool is None else estate.pools[place.home.pool]
        mine = []
        if place.chips is not None:
            mine.append(put(f"chips of {place.name}", place.chips, "chips", "capacity"))
            if pool is not None and pool.chips is not None:
                mine.append(put(f"pool {pool.id}", pool.chips, "chips", "pool"))
        elif pool is not None:
            if pool.tokens_per_min is not None:
                mine.append(put(f"pool {pool.id}", pool.tokens_per_min, "tokens/min", "pool"))
            if pool.requests_per_min is not None:
                limit = put(f"calls of pool {pool.id}", pool.requests_per_min, "calls/min", "pool")
                calls_of[limit] = pool.id
        drawn.append(tuple(mine))
    return limits, tuple(drawn), calls_of


def _request_rows(
    flat: Sequence[Way], all_places: Sequence[Place], pools: Mapping[int, str]
) -> Iterable[tuple[int, Floats]]:
    for limit, pool in pools.items():
        takes = [way.requests_per_min if all_places[way.place].home.pool == pool else 0.0 for way in flat]
        yield limit, np.array(takes)


def _segment_rows(
    found: Sequence[Asked],
    chosen: Sequence[Sequence[Way]],
    first: np.ndarray,
    limits: list[Limit],
    count: int,
) -> Iterable[tuple[int, Floats]]:
    """However many APIs share a layer of the load curve, it is served once."""
    for w, one in enumerate(found):
        if len(one.segments) < 2:
            continue
        for number, segment in enumerate(one.segments):
            takes = np.zeros(count)
            for offset, way in enumerate(chosen[w]):
                if way.segment == number:
                    takes[int(first[w]) + offset] = way.serves
            if takes.any():
                name = f"layer {number + 1} of {one.workload.id}"
                share = takes[takes > 0].min()
                size = float(np.ceil(segment.requests_per_min / share - 1e-9) * share)
                limits.append(Limit(name=name, size=size, unit="calls/min", kind="hours"))
                yield len(limits) - 1, takes


def _budget_rows(
    found: Sequence[Asked],
    flat: Sequence[Way],
    first: np.ndarray,
    limits: list[Limit],
    without: frozenset[tuple[str, str]],
) -> Iterable[tuple[int, Floats]]:
    """What the workloads under one policy may cost together."""
    owner = np.repeat(np.arange(len(found)), np.diff(first))
    costs = np.array([way.usd_per_hour for way in flat])
    policies = {one.workload.policy.id: one.workload.policy for one in found}
    for id, policy in policies.items():
        if policy.budget_nano_usd_per_month is None or (id, "budget") in without:
            continue
        inside = np.array([one.workload.policy.id == id for one in found], dtype=bool)
        size = policy.budget_nano_usd_per_month / NANO_PER_USD / HOURS_PER_MONTH
        limits.append(Limit(name=f"budget of policy {id}", size=size, unit="$/h", kind="budget"))
        yield len(limits) - 1, np.where(inside[owner], costs, 0.0) if len(flat) else np.zeros(0)


def _commitments(
    settings: PlanSettings, all_places: Sequence[Place]
) -> tuple[tuple[Commitment, ...], np.ndarray, float]:
    """Each chip used of a commitment saves what the same would cost on demand; all of it is paid for
    anyway."""
    of_place = np.full(len(all_places), -1, dtype=np.int64)
    found: list[Commitment] = []
    paid = 0.0
    for name, one in settings.commitments.items():
        covered = [
            index
            for index, place in enumerate(all_places)
            if place.home.id in one.homes and place.market == "on-demand" and place.chip_hour_usd is not None
        ]
        price = one.chip_hour_usd.nano / NANO_PER_USD
        paid += one.chips * price
        if not covered:
            continue
        saving = min(all_places[index].chip_hour_usd or 0.0 for index in covered)
        of_place[covered] = len(found)
        found.append(Commitment(name=name, size=float(one.chips), saving=saving, price=price))
    return tuple(found), of_place, paid
