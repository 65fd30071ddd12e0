"""A blast in words: workloads dead, degraded or untouched, homes with their chains of reasons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from freehold.errors import InputError, nearest
from freehold.estate.allowed import allowed_homes
from freehold.estate.blast import Fall, chain, fall
from freehold.estate.capacity import demand_met
from freehold.estate.graph import Graph, bits_of
from freehold.estate.model import Estate
from freehold.estate.survey import labels
from freehold.types.names import HomeId, ServiceId, WorkloadId

State = Literal["dead", "degraded", "untouched"]


class HomeImpact(msgspec.Struct, frozen=True, kw_only=True):
    home: HomeId
    state: Literal["dead", "untouched"]
    chain: tuple[str, ...] = ()  # from what failed up to the home


class WorkloadImpact(msgspec.Struct, frozen=True, kw_only=True):
    workload: WorkloadId
    state: State
    why: str
    homes_left: tuple[HomeId, ...]
    homes_lost: tuple[HomeId, ...]
    served_share: float | None  # of stated demand; None where demand or capacity is not known


class Impact(msgspec.Struct, frozen=True, kw_only=True):
    failed: tuple[str, ...]
    workloads: tuple[WorkloadImpact, ...]
    homes: tuple[HomeImpact, ...]
    services_dead: tuple[ServiceId, ...]


class Shared(msgspec.Struct, frozen=True, kw_only=True):
    kills_both: tuple[ServiceId, ...]
    weakens_both: tuple[ServiceId, ...]


def impact(estate: Estate, graph: Graph, failed: Sequence[int]) -> Impact:
    fallen = fall(graph, failed)
    homes = tuple(_home(graph, fallen, id) for id in estate.homes)
    alive = {one.home for one in homes if one.state != "dead"}
    before = demand_met(estate, set(estate.homes))
    after = demand_met(estate, alive)
    return Impact(
        failed=tuple(labels(graph, failed)),
        workloads=tuple(
            _workload(id, estate, alive, before[id].share, after[id].share) for id in estate.workloads
        ),
        homes=homes,
        services_dead=tuple(
            ServiceId(graph.names[node]) for node in sorted(fallen.cause) if graph.kinds[node] == "service"
        ),
    )


def _home(graph: Graph, fallen: Fall, id: HomeId) -> HomeImpact:
    node = graph.home(id)
    if not fallen.dead(node):
        return HomeImpact(home=id, state="untouched")
    return HomeImpact(home=id, state="dead", chain=tuple(labels(graph, chain(graph, fallen, node))))


def _workload(
    id: WorkloadId, estate: Estate, alive: set[HomeId], before: float | None, after: float | None
) -> WorkloadImpact:
    mine = allowed_homes(estate.workloads[id], estate)
    left = tuple(home for home in mine if home in alive)
    lost = tuple(home for home in mine if home not in alive)
    short = after is not None and after < 1 and (before is None or after < before)
    state: State = "dead" if mine and not left else "degraded" if lost or short else "untouched"
    if not mine:
        why = "it has no home it may use, now or before"
    elif not left:
        why = f"all its homes are dead: {', '.join(lost)}"
    else:
        parts = []
        if lost:
            parts.append(f"{len(left)} of {len(mine)} homes left, {', '.join(lost)} lost")
        if short and after is not None:
            parts.append(f"capacity for {after:.0%} of its demand")
        why = "; ".join(parts) or "every home it may use is alive"
    return WorkloadImpact(
        workload=id, state=state, why=why, homes_left=left, homes_lost=lost, served_share=after
    )


def shared(estate: Estate, graph: Graph, one: str, other: str) -> Shared:
    """What kills both homes alone, and what both count among their alternatives."""
    nodes = [_known_home(name, estate, graph) for name in (one, other)]
    kills = graph.events[nodes[0]] & graph.events[nodes[1]]
    reach = _reach(graph, nodes[0]) & _reach(graph, nodes[1])
    return Shared(
        kills_both=_services(graph, kills & ~_homes(graph)),
        weakens_both=_services(graph, reach & ~kills & ~_homes(graph)),
    )


def _homes(graph: Graph) -> int:
    return sum(1 << node for node, kind in enumerate(graph.kinds) if kind == "home")


def _services(graph: Graph, bits: int) -> tuple[ServiceId, ...]:
    return tuple(ServiceId(graph.names[node]) for node in bits_of(bits))


def _reach(graph: Graph, node: int) -> int:
    seen, order = 1 << node, [node]
    for one in order:  # grows while it is read
        for need in (*graph.all_of[one], *graph.any_of[one]):
            if not seen >> need & 1:
                seen |= 1 << need
                order.append(need)
    return seen


def _known_home(name: str, estate: Estate, graph: Graph) -> int:
    if name in estate.homes:
        return graph.home(HomeId(name))
    raise unknown("home", name, estate.homes)


def resolve(words: Iterable[str], estate: Estate, graph: Graph) -> list[int]:
    """What people call services: an id, the end of one, home.NAME, vendor.NAME for all of a vendor's."""
    found: list[int] = []
    for word in words:
        found.extend(_resolve(word, estate, graph))
    return list(dict.fromkeys(found))


def _resolve(word: str, estate: Estate, graph: Graph) -> list[int]:
    if ServiceId(word) in estate.services:
        return [graph.service(ServiceId(word))]
    if word.startswith("home.") and word[5:] in estate.homes:
        return [graph.home(HomeId(word[5:]))]
    if word.startswith("vendor."):
        owned = [graph.service(id) for id, one in estate.services.items() if one.vendor == word[7:]]
        if owned:
            return owned
    ends = [id for id in estate.services if id.endswith(f".{word}")]
    if len(ends) == 1:
        return [graph.service(ends[0])]
    if len(ends) > 1:
        raise InputError(
            f"{word!r} is the end of several services",
            why=f"it can be {', '.join(sorted(ends)[:8])}",
            fix="write the whole id",
            code="estate.ambiguous-service",
        )
    raise unknown("service", word, [*estate.services, *(f"home.{id}" for id in estate.homes)])


def unknown(noun: str, name: str, known: Iterable[str]) -> InputError:
    names = list(known)
    close = nearest(name, names)
    return InputError(
        f"there is no {noun} {name!r}",
        why=f"{len(names)} are known" + (f"; the closest is {close!r}" if close else ""),
        fix=f"write {close!r}" if close else f"name one of them; {LISTED_BY[noun]} lists every {noun}",
        code=NOT_IN_ESTATE[noun],
    )


LISTED_BY = {
    "home": "`freehold map --json`",
    "service": "`freehold map --format cyclonedx`",
    "workload": "`freehold map`",
    "section": "the reference of the catalog",
    "catalog entry": "`freehold catalog list`",
}
NOT_IN_ESTATE = {
    "section": "catalog.no-such-section",
    "catalog entry": "catalog.no-such-entry",
    "home": "estate.no-such-home",
    "service": "estate.no-such-service",
    "workload": "estate.no-such-workload",
}
