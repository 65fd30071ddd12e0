"""What a drill takes away: an incident or a drill class, matched to the nodes of one estate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from freehold.estate.catalog import Catalog, DrillClass, Effect, Incident, lookup
from freehold.estate.graph import Graph
from freehold.estate.model import OWN, Estate
from freehold.types.homes import Home
from freehold.types.names import HomeId, ServiceId

FOR_GOOD_MIN = 43_200.0  # what never ends is counted for 30 days

How = Literal["down", "no-growth", "slow", "wrong", "price"]


class Blow(msgspec.Struct, frozen=True, kw_only=True):
    """These nodes, in this way, from then to then (minutes)."""

    nodes: tuple[int, ...]
    from_min: float
    to_min: float
    how: How


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One drill, ready to be played. No blows: it does not touch this estate."""

    id: str
    title: str
    what: str  # what is taken away, in words
    starts: str = ""  # UTC, for a recorded incident
    minutes: float
    for_good: bool = False
    blows: tuple[Blow, ...] = ()
    source: str = ""
    status: str = ""
    teaches: str = ""
    unseen_min: float = 0
    freeze_growth: bool = False
    capacity_times: float = 1.0
    price_times: float = 1.0
    return_demand_times: float = 1.0
    return_min: float = 0
    notes: tuple[str, ...] = ()


def of_incident(incident: Incident, estate: Estate, graph: Graph) -> Scenario:
    """The recorded effects on what this estate has; what falls with them is worked out by its edges."""
    end = incident.minutes or max((effect.to_min or 0 for effect in incident.effects), default=0)
    blows = []
    for effect in incident.effects:
        nodes = tuple(_hit(effect, estate, graph))
        if nodes:
            blows.append(
                Blow(
                    nodes=nodes, from_min=effect.from_min, how=effect.how,
                    to_min=end if effect.to_min is None else effect.to_min,
                )
            )  # fmt: skip
    return Scenario(
        id=incident.id, title=incident.title, what=incident.root, starts=incident.starts, minutes=end,
        blows=tuple(blows), source=incident.source, status=incident.status, teaches=incident.cascade,
        notes=(incident.note,) if incident.note else (),
    )  # fmt: skip


def _hit(effect: Effect, estate: Estate, graph: Graph) -> Iterator[int]:
    pattern = lookup.matching(effect.service)
    for id in estate.services:
        if pattern.fullmatch(id):
            yield graph.service(id)


def of_class(drill: DrillClass, estate: Estate, graph: Graph, catalog: Catalog) -> list[Scenario]:
    """One scenario for each place of the estate that the class fits."""
    minutes = FOR_GOOD_MIN if drill.minutes is None else drill.minutes
    found = []
    for name, nodes in _places(drill, estate, graph):
        blow = Blow(nodes=nodes, from_min=0, to_min=minutes, how=drill.how)
        found.append(
            Scenario(
                id=f"{drill.id}:{name}", title=drill.title, what=name, minutes=minutes,
                for_good=drill.minutes is None, blows=(blow,), source=drill.source, status=drill.status,
                teaches=drill.teaches, unseen_min=drill.unseen_min, freeze_growth=drill.freeze_growth,
                capacity_times=drill.capacity_times, price_times=drill.price_times,
                return_demand_times=drill.return_demand_times, return_min=drill.return_min,
                notes=tuple(_unknown_facts(drill, estate)),
            )
        )  # fmt: skip
    return found


def _places(drill: DrillClass, estate: Estate, graph: Graph) -> Iterator[tuple[str, tuple[int, ...]]]:
    if drill.kinds:
        for id, service in estate.services.items():
            if service.kind in drill.kinds and not _other_kind(id, drill):
                yield id, (graph.service(id),)
    if drill.fact:
        groups: dict[str, list[HomeId]] = {}
        for home in estate.homes.values():
            value = _fact(home, drill.fact)
            if value is not None:
                groups.setdefault(value, []).append(home.id)
        for value in sorted(groups):
            yield value, tuple(graph.home(id) for id in groups[value])


def _other_kind(id: ServiceId, drill: DrillClass) -> bool:
    """A status page that lies is about whole regions and planes, of which each vendor has its own."""
    return drill.unseen_min > 0 and id.count(".") > 1


def _fact(home: Home, fact: str) -> str | None:
    """What several homes may have in common; None where it is not known, or is nobody's but yours."""
    if home.operator == OWN and fact in ("contract", "vendor", "operator", "operator-in-jurisdiction"):
        return None if fact != "contract" or home.contract is None else f"contract {home.contract}"
    if fact == "contract":
        return f"contract {home.contract}" if home.contract else f"account at {home.vendor}"
    if fact == "operator-in-jurisdiction":
        return f"{home.operator} in {home.jurisdiction}" if home.jurisdiction else None
    found = {
        "silicon": home.silicon, "model": home.model, "operator": home.operator, "vendor": home.vendor,
        "pool": home.pool,
    }[fact]  # fmt: skip
    return None if found is None else str(found)


def _unknown_facts(drill: DrillClass, estate: Estate) -> Iterator[str]:
    if not drill.fact:
        return
    unknown = [
        home.id for home in estate.homes.values() if home.operator != OWN and _fact(home, drill.fact) is None
    ]
    if unknown:
        yield f"{drill.fact} of {', '.join(unknown)} is not known, so they are not part of this drill"
