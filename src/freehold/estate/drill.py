"""A drill played on paper: services fail and recover, traffic moves, pools fill, some is turned away.

Between two events nothing changes, so each stretch is worked out once: what is dead by the fault tree, what
cannot grow, who is served from what capacity is left. The same scenario on the same estate gives the same
report, to the byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from freehold.estate.allowed import allowed_homes
from freehold.estate.blast import Fall, chain, fall
from freehold.estate.capacity import Served, demand_met
from freehold.estate.graph import Graph
from freehold.estate.model import Estate
from freehold.estate.scenario import Scenario
from freehold.estate.survey import label, labels
from freehold.types.homes import Home, Workload
from freehold.types.names import HomeId, ServiceId, WorkloadId

State = Literal["up", "slow", "wrong", "degraded", "down"]
RANK: dict[State, int] = {"up": 0, "slow": 1, "wrong": 2, "degraded": 3, "down": 4}
MONTH_MIN = 43_800.0
SHARE_TINY = 1e-9


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """One workload between two events."""

    from_min: float
    to_min: float
    state: State
    share: float | None  # of its demand that is served; None: not known
    homes: tuple[HomeId, ...]  # that serve it


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a drill did to one workload."""

    workload: WorkloadId
    worst: State
    down: tuple[tuple[float, float], ...]  # minutes from the start, each from and to
    degraded: tuple[tuple[float, float], ...]
    unserved: float | None  # requests turned away beyond those always are; None: it states no demand
    unserved_known: bool  # False: at least so many, some capacity is not known
    frozen: tuple[tuple[float, float], ...]  # one of its homes could not have grown
    wrong: float | None  # requests that met a home whose answers were bad
    because: tuple[str, ...]  # a chain of reasons for each home lost
    prevented_by: tuple[str, ...]
    usd_month_before: float | None
    usd_month_after: float | None
    stretches: tuple[Stretch, ...]


class Drill(msgspec.Struct, frozen=True, kw_only=True):
    scenario: Scenario
    touches: bool
    failed: tuple[str, ...]
    workloads: tuple[Report, ...]

    @property
    def worst(self) -> State:
        return max((one.worst for one in self.workloads), key=RANK.__getitem__, default="up")


class _Moment(msgspec.Struct, frozen=True, kw_only=True):
    """The estate during one stretch."""

    from_min: float
    to_min: float
    fallen: Fall
    wrong: frozenset[HomeId]
    slow: frozenset[HomeId]
    frozen: frozenset[HomeId]
    served: dict[WorkloadId, Served]


def play(scenario: Scenario, estate: Estate, graph: Graph) -> Drill:
    before = demand_met(estate, set(estate.homes))
    moments = [
        _moment(scenario, estate, graph, before, start, end)
        for start, end in zip(_times(scenario)[:-1], _times(scenario)[1:], strict=True)
    ]
    failed = dict.fromkeys(node for blow in scenario.blows for node in blow.nodes)
    reports = tuple(
        _report(workload, scenario, estate, graph, before[workload.id], moments)
        for workload in estate.workloads.values()
    )
    return Drill(
        scenario=scenario,
        touches=bool(scenario.blows),
        failed=tuple(labels(graph, failed)),
        workloads=reports,
    )


def _times(scenario: Scenario) -> list[float]:
    """Every minute at which something changes, from the start to the end."""
    times = {0.0, scenario.minutes}
    for blow in scenario.blows:
        times |= {blow.from_min, min(blow.to_min, scenario.minutes)}
        if scenario.unseen_min:
            times.add(min(blow.from_min + scenario.unseen_min, scenario.minutes))
    if scenario.return_min:
        times.add(scenario.minutes + scenario.return_min)
    return sorted(times)


def _moment(
    scenario: Scenario,
    estate: Estate,
    graph: Graph,
    before: dict[WorkloadId, Served],
    start: float,
    end: float,
) -> _Moment:
    def struck(*how: str) -> list[int]:
        return [
            node
            for blow in scenario.blows
            if blow.how in how and blow.from_min <= start < blow.to_min
            for node in blow.nodes
        ]

    fallen = fall(graph, dict.fromkeys(struck("down")))
    alive = {id for id in estate.homes if not fallen.dead(graph.home(id))}
    over = start >= scenario.minutes  # it has recovered, and everybody comes back
    hit = bool(struck("down")) and not over
    limits = _limits(scenario, estate, graph, before, struck("down", "no-growth"), hit)
    return _Moment(
        from_min=start,
        to_min=end,
        fallen=fallen,
        wrong=_touched(estate, graph, struck("wrong")),
        slow=_touched(estate, graph, struck("slow")),
        frozen=frozenset(limits),
        served=demand_met(
            estate,
            alive,
            demand_times=scenario.return_demand_times if over else 1.0,
            capacity_times=scenario.capacity_times if hit else 1.0,
            limits=limits,
            stay=_stay(scenario, estate, start) if hit else None,
        ),
    )


def _touched(estate: Estate, graph: Graph, nodes: Iterable[int]) -> frozenset[HomeId]:
    """Homes that would die if these did: what is slow or wrong spreads along the same edges."""
    fallen = fall(graph, dict.fromkeys(nodes))
    return frozenset(id for id in estate.homes if fallen.dead(graph.home(id)))


def _limits(
    scenario: Scenario,
    estate: Estate,
    graph: Graph,
    before: dict[WorkloadId, Served],
    stopped: Sequence[int],
    hit: bool,
) -> dict[HomeId, float]:
    """Homes that cannot take more than they had, because what launches more of them is dead."""
    fallen = fall(graph, dict.fromkeys(stopped))
    load: dict[HomeId, float] = {}
    for served in before.values():
        for home, rpm in served.by_home.items():
            load[home] = load.get(home, 0.0) + rpm
    frozen = scenario.freeze_growth and hit
    return {
        home.id: load.get(home.id, 0.0)
        for home in estate.homes.values()
        if home.grow_needs and (frozen or _cannot_grow(home, graph, fallen))
    }


def _cannot_grow(home: Home, graph: Graph, fallen: Fall) -> bool:
    return any(fallen.dead(graph.service(ServiceId(need))) for need in home.grow_needs)


def _stay(scenario: Scenario, estate: Estate, start: float) -> dict[WorkloadId, HomeId] | None:
    """Until somebody is told, traffic goes where it always went."""
    began = min((blow.from_min for blow in scenario.blows), default=0.0)
    if start >= began + scenario.unseen_min:
        return None
    first = {id: allowed_homes(one, estate)[:1] for id, one in estate.workloads.items()}
    return {id: homes[0] for id, homes in first.items() if homes}


def _report(
    workload: Workload,
    scenario: Scenario,
    estate: Estate,
    graph: Graph,
    before: Served,
    moments: Sequence[_Moment],
) -> Report:
    mine = allowed_homes(workload, estate)
    stretches = tuple(_stretch(workload, mine, graph, before, moment) for moment in moments)
    usual = before.unserved or 0.0
    unserved = [_beyond(moment.served[workload.id].unserved, usual) for moment in moments]
    minutes = [moment.to_min - moment.from_min for moment in moments]
    worst: State = max((one.state for one in stretches), key=RANK.__getitem__, default="up")
    lost = [moment for moment in moments if any(moment.fallen.dead(graph.home(id)) for id in mine)]
    return Report(
        workload=workload.id,
        worst=worst,
        down=_windows(stretches, "down"),
        degraded=_windows(stretches, "degraded"),
        unserved=_total(unserved, minutes),
        unserved_known=all(moment.served[workload.id].known for moment in moments),
        frozen=_joined([(m.from_min, m.to_min) for m in moments if m.frozen & set(mine)]),
        wrong=_wrong(workload, moments, minutes),
        because=tuple(_because(graph, lost[0].fallen, mine)) if lost else (),
        prevented_by=tuple(_prevented(worst, workload, scenario, estate, graph, moments)),
        usd_month_before=usd_month(workload, estate, before, {}),
        usd_month_after=_dearer(workload, scenario, estate, graph, before),
        stretches=stretches,
    )


def _stretch(
    workload: Workload, mine: tuple[HomeId, ...], graph: Graph, before: Served, moment: _Moment
) -> Stretch:
    served = moment.served[workload.id]
    left = [id for id in mine if not moment.fallen.dead(graph.home(id))]
    return Stretch(
        from_min=moment.from_min,
        to_min=moment.to_min,
        state=_state(mine, left, before, served, moment),
        share=served.share if left else 0.0,
        homes=tuple(sorted(served.by_home)) or tuple(left[:1]),
    )


def _state(
    mine: tuple[HomeId, ...], left: Sequence[HomeId], before: Served, served: Served, moment: _Moment
) -> State:
    if not left or (served.served is not None and served.demand and served.served <= SHARE_TINY):
        return "down"
    short = (served.unserved or 0.0) > (before.unserved or 0.0) + SHARE_TINY
    if short or len(left) < len(mine):
        return "degraded"
    used = set(served.by_home) or {left[0]}
    if used & moment.wrong:
        return "wrong"
    return "slow" if used & moment.slow else "up"


def _windows(stretches: Sequence[Stretch], state: State) -> tuple[tuple[float, float], ...]:
    return _joined([(one.from_min, one.to_min) for one in stretches if one.state == state])


def _joined(spans: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Neighbours become one."""
    found: list[tuple[float, float]] = []
    for start, end in spans:
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return tuple(found)


def _beyond(rate: float | None, usual: float) -> float | None:
    return None if rate is None else max(0.0, rate - usual)


def _total(rates: Sequence[float | None], minutes: Sequence[float]) -> float | None:
    known = [rate for rate in rates if rate is not None]
    if len(known) < len(rates):
        return None
    return sum(rate * length for rate, length in zip(known, minutes, strict=True))


def _wrong(workload: Workload, moments: Sequence[_Moment], minutes: Sequence[float]) -> float | None:
    if workload.requests_per_min is None:
        return None
    total = 0.0
    for moment, length in zip(moments, minutes, strict=True):
        for home, rpm in moment.served[workload.id].by_home.items():
            total += rpm * length if home in moment.wrong else 0.0
    return total


def _because(graph: Graph, fallen: Fall, mine: Sequence[HomeId]) -> Iterable[str]:
    for id in mine:
        node = graph.home(id)
        if fallen.dead(node):
            yield " -> ".join(label(graph, link) for link in chain(graph, fallen, node))


def _prevented(
    worst: State,
    workload: Workload,
    scenario: Scenario,
    estate: Estate,
    graph: Graph,
    moments: Sequence[_Moment],
) -> Iterable[str]:
    """What would have kept it up: said only where something was lost."""
    mine = set(allowed_homes(workload, estate))
    usual = demand_met(estate, set(estate.homes))[workload.id].unserved or 0.0
    bad = [moment for moment in moments if _hurt(workload, moment, mine, graph, usual)]
    if worst == "wrong":
        yield f"a monitor that compares its homes, and a home that does not stand on {scenario.what}"
    if worst not in ("down", "degraded") or not bad:
        return
    roots = sorted({label(graph, node) for moment in bad for node in moment.fallen.failed})
    unhurt = [
        home.id
        for home in estate.homes.values()
        if home.id not in workload.homes
        and all(not moment.fallen.dead(graph.home(home.id)) for moment in bad)
        and _same_work(home, workload, estate)
    ]
    if unhurt:
        yield f"{' or '.join(sorted(unhurt))}, which this estate has and which stayed up, as one more home"
    elif roots:
        yield f"one more home that stands on none of {', '.join(roots[:4])}"
    if worst == "degraded":
        yield "room in the pools of the homes that stayed up, or a pool of its own"
    if any(moment.frozen & mine for moment in bad):
        yield "capacity that already runs; what has to be launched is not there"
    if scenario.unseen_min:
        yield f"own health probes: the vendor says nothing for {scenario.unseen_min:g} minutes"


def _hurt(workload: Workload, moment: _Moment, mine: set[HomeId], graph: Graph, usual: float) -> bool:
    """Down, or serving less than it always does."""
    if all(moment.fallen.dead(graph.home(id)) for id in mine):
        return True
    return (_beyond(moment.served[workload.id].unserved, usual) or 0.0) > SHARE_TINY


def _same_work(home: Home, workload: Workload, estate: Estate) -> bool:
    models = {estate.homes[id].model for id in workload.homes}
    allowed = allowed_homes(msgspec.structs.replace(workload, homes=(home.id,)), estate)
    return home.model in models and home.id in allowed


def _dearer(
    workload: Workload, scenario: Scenario, estate: Estate, graph: Graph, before: Served
) -> float | None:
    if scenario.price_times == 1.0:
        return None
    struck = {graph.names[node] for blow in scenario.blows if blow.how == "price" for node in blow.nodes}
    times = {id: scenario.price_times for id in estate.homes if id in struck}
    return usd_month(workload, estate, before, times)


def usd_month(workload: Workload, estate: Estate, served: Served, times: dict[HomeId, float]) -> float | None:
    """What its demand costs a month at the prices its homes state. Any of them unknown: unknown."""
    if served.demand is None or workload.input_tokens is None or workload.output_tokens is None:
        return None
    total = 0.0
    for id, rpm in served.by_home.items():
        price = estate.homes[id].price
        if price.input_nano_usd_per_mtok is None or price.output_nano_usd_per_mtok is None:
            return None
        nano = (
            workload.input_tokens * price.input_nano_usd_per_mtok
            + workload.output_tokens * price.output_nano_usd_per_mtok
        )
        total += rpm * MONTH_MIN * nano / 1e15 * times.get(id, 1.0)
    return total
