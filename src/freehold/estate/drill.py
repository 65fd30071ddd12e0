"""A drill played on paper: services fail and recover, traffic moves, pools fill, some is turned away.

Between two events nothing changes, so each stretch is worked out once: what is dead by the fault tree, what
cannot grow, who is served from what capacity is left. The same scenario on the same estate gives the same
report, to the byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
from typing import Literal

import msgspec

from freehold.estate.allowed import allowed_homes, reasons_against
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
NAMED_MAX = 4  # homes and services that a suggestion names


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
    price_unknown: bool  # the drill is about prices, and this one's is not known
    stretches: tuple[Stretch, ...]


class Drill(msgspec.Struct, frozen=True, kw_only=True):
    scenario: Scenario
    touches: bool
    failed: tuple[str, ...]
    workloads: tuple[Report, ...]

    @property
    def worst(self) -> State:
        return max((one.worst for one in self.workloads), key=RANK.__getitem__, default="up")


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """The estate during one stretch. A live drill makes these come true."""

    from_min: float
    to_min: float
    fallen: Fall
    wrong: frozenset[HomeId]
    slow: frozenset[HomeId]
    frozen: frozenset[HomeId]
    served: dict[WorkloadId, Served]
    dead: frozenset[HomeId] = frozenset()
    limits: dict[HomeId, float] = {}  # homes that cannot grow: requests a minute
    capacity_times: float = 1.0  # of the survivors' pools
    demand_times: dict[WorkloadId, float] = {}
    unnoticed: bool = False  # traffic is taken to go where it always went


class Stage:
    """An estate as it is before anything happens: worked out once, however many drills are played on it."""

    def __init__(self, estate: Estate, graph: Graph) -> None:
        self.estate = estate
        self.graph = graph
        self.allowed = {id: allowed_homes(one, estate) for id, one in estate.workloads.items()}
        self.before = demand_met(estate, set(estate.homes), allowed=self.allowed)
        self.load: dict[HomeId, float] = {}
        for served in self.before.values():
            for home, rpm in served.by_home.items():
                self.load[home] = self.load.get(home, 0.0) + rpm

    def play(self, scenario: Scenario) -> Drill:
        failed = dict.fromkeys(node for blow in scenario.blows for node in blow.nodes)
        moments = self.moments(scenario)
        return Drill(
            scenario=scenario,
            touches=bool(scenario.blows),
            failed=tuple(labels(self.graph, failed)),
            workloads=tuple(_report(one, scenario, self, moments) for one in self.estate.workloads.values()),
        )

    def moments(self, scenario: Scenario) -> list[Moment]:
        """The scenario cut where anything changes."""
        return [_moment(scenario, self, start, end) for start, end in pairwise(_times(scenario))]


def play(scenario: Scenario, estate: Estate, graph: Graph) -> Drill:
    """One drill. For many on one estate, make the Stage once."""
    return Stage(estate, graph).play(scenario)


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


def _moment(scenario: Scenario, stage: Stage, start: float, end: float) -> Moment:
    estate, graph = stage.estate, stage.graph

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
    limits = _limits(scenario, stage, struck("down", "no-growth"), hit)
    times = _herd(scenario, stage) if over else {}
    capacity_times = scenario.capacity_times if hit else 1.0
    stay = _stay(scenario, stage, start) if hit else None
    return Moment(
        from_min=start,
        to_min=end,
        fallen=fallen,
        wrong=_touched(estate, graph, struck("wrong")),
        slow=_touched(estate, graph, struck("slow")),
        frozen=frozenset(limits),
        served=demand_met(
            estate, alive, demand_times=times, capacity_times=capacity_times, limits=limits, stay=stay,
            allowed=stage.allowed,
        ),
        dead=frozenset(estate.homes) - alive,
        limits=limits,
        capacity_times=capacity_times,
        demand_times=times,
        unnoticed=stay is not None,
    )  # fmt: skip


def _herd(scenario: Scenario, stage: Stage) -> dict[WorkloadId, float]:
    """Who comes back with more than usual: those who had been hit."""
    struck = [node for blow in scenario.blows if blow.how == "down" for node in blow.nodes]
    lost = _touched(stage.estate, stage.graph, struck)
    return {id: scenario.return_demand_times for id, homes in stage.allowed.items() if lost & set(homes)}


def _touched(estate: Estate, graph: Graph, nodes: Iterable[int]) -> frozenset[HomeId]:
    """Homes that would die if these did: what is slow or wrong spreads along the same edges."""
    fallen = fall(graph, dict.fromkeys(nodes))
    return frozenset(id for id in estate.homes if fallen.dead(graph.home(id)))


def _limits(scenario: Scenario, stage: Stage, stopped: Sequence[int], hit: bool) -> dict[HomeId, float]:
    """Homes that cannot take more than they had, because what launches more of them is dead."""
    fallen = fall(stage.graph, dict.fromkeys(stopped))
    frozen = scenario.freeze_growth and hit
    return {
        home.id: stage.load.get(home.id, 0.0)
        for home in stage.estate.homes.values()
        if home.grow_needs and (frozen or _cannot_grow(home, stage.graph, fallen))
    }


def _cannot_grow(home: Home, graph: Graph, fallen: Fall) -> bool:
    return any(fallen.dead(graph.service(ServiceId(need))) for need in home.grow_needs)


def _stay(scenario: Scenario, stage: Stage, start: float) -> dict[WorkloadId, HomeId] | None:
    """Until somebody is told, traffic goes where it always went."""
    began = min((blow.from_min for blow in scenario.blows), default=0.0)
    if start >= began + scenario.unseen_min:
        return None
    return {id: homes[0] for id, homes in stage.allowed.items() if homes}


def _report(workload: Workload, scenario: Scenario, stage: Stage, moments: Sequence[Moment]) -> Report:
    graph, before, mine = stage.graph, stage.before[workload.id], stage.allowed[workload.id]
    stretches = _merged([_stretch(workload, mine, graph, before, moment) for moment in moments])
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
        prevented_by=tuple(_prevented(worst, workload, scenario, stage, moments)),
        usd_month_before=usd_month(workload, stage.estate, before, {}),
        usd_month_after=_dearer(workload, scenario, stage),
        price_unknown=scenario.price_times != 1.0 and _dearer(workload, scenario, stage) is None,
        stretches=stretches,
    )


def _stretch(
    workload: Workload, mine: tuple[HomeId, ...], graph: Graph, before: Served, moment: Moment
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


def _merged(stretches: Sequence[Stretch]) -> tuple[Stretch, ...]:
    """Neighbours between which nothing changed for this workload become one."""
    found: list[Stretch] = []
    for one in stretches:
        last = found[-1] if found else None
        if last is not None and (last.state, last.share, last.homes) == (one.state, one.share, one.homes):
            found[-1] = msgspec.structs.replace(last, to_min=one.to_min)
        else:
            found.append(one)
    return tuple(found)


def _state(
    mine: tuple[HomeId, ...], left: Sequence[HomeId], before: Served, served: Served, moment: Moment
) -> State:
    if not mine:
        return "up"  # it had no home it may use before either: the map says so, the drill did nothing to it
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


def _wrong(workload: Workload, moments: Sequence[Moment], minutes: Sequence[float]) -> float | None:
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
    worst: State, workload: Workload, scenario: Scenario, stage: Stage, moments: Sequence[Moment]
) -> Iterable[str]:
    """What would have kept it up: said only where something was lost."""
    estate, graph, mine = stage.estate, stage.graph, set(stage.allowed[workload.id])
    usual = stage.before[workload.id].unserved or 0.0
    bad = [moment for moment in moments if _hurt(workload, moment, mine, graph, usual)]
    if worst == "wrong":
        yield f"a monitor that compares its homes, and a home that does not stand on {scenario.what}"
    if worst not in ("down", "degraded") or not bad:
        return
    roots = sorted({label(graph, node) for moment in bad for node in moment.fallen.failed})
    unhurt = list(islice(_unhurt(workload, estate, graph, bad), NAMED_MAX))
    if unhurt:
        yield f"{' or '.join(sorted(unhurt))}, which this estate has and which stayed up, as one more home"
    elif roots:
        yield f"one more home that stands on none of {', '.join(roots[:NAMED_MAX])}"
    if worst == "degraded":
        yield "room in the pools of the homes that stayed up, or a pool of its own"
    if any(moment.frozen & mine for moment in bad):
        yield "capacity that already runs; what has to be launched is not there"
    if scenario.unseen_min:
        yield f"own health probes: the vendor says nothing for {scenario.unseen_min:g} minutes"


def _unhurt(workload: Workload, estate: Estate, graph: Graph, bad: Sequence[Moment]) -> Iterator[HomeId]:
    """Homes that it does not use, could use, and that stayed up."""
    for home in estate.homes.values():
        if home.id not in workload.homes and _same_work(home, workload, estate):
            node = graph.home(home.id)
            if not any(moment.fallen.dead(node) for moment in bad):
                yield home.id


def _hurt(workload: Workload, moment: Moment, mine: set[HomeId], graph: Graph, usual: float) -> bool:
    """Down, or serving less than it always does."""
    if all(moment.fallen.dead(graph.home(id)) for id in mine):
        return True
    return (_beyond(moment.served[workload.id].unserved, usual) or 0.0) > SHARE_TINY


def _same_work(home: Home, workload: Workload, estate: Estate) -> bool:
    models = {estate.homes[id].model for id in workload.homes}
    return home.model in models and not reasons_against(home, workload)


def _dearer(workload: Workload, scenario: Scenario, stage: Stage) -> float | None:
    if scenario.price_times == 1.0:
        return None
    struck = {node for blow in scenario.blows if blow.how == "price" for node in blow.nodes}
    homes = stage.estate.homes
    times = {id: scenario.price_times for id in homes if stage.graph.home(id) in struck}
    return usd_month(workload, stage.estate, stage.before[workload.id], times)


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
