"""What a workload stands on and does not survive: what sentences, tables and pages are made of."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from freehold.estate.allowed import allowed_homes, barred_homes, breaches
from freehold.estate.blast import Fall, fall
from freehold.estate.counting import HOMES_MAX, Counted, HomeCuts, home_cuts
from freehold.estate.cuts import CutSets, TooManyError, cut_sets
from freehold.estate.graph import Graph
from freehold.estate.model import Estate
from freehold.types.homes import Workload
from freehold.types.names import HomeId, ServiceId, WorkloadId

MAP_SIZE_MAX = 3


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One workload. Nodes are told by name; a single point that is a home is told as home.NAME."""

    workload: WorkloadId
    homes: tuple[HomeId, ...]  # those it may use
    barred: dict[HomeId, tuple[str, ...]]
    breaches: tuple[str, ...]  # what its policy asks of its homes together and does not get
    regions_fatal: tuple[ServiceId, ...]
    vendors_fatal: tuple[str, ...]
    single_points: tuple[str, ...]
    counts: tuple[int, ...]  # minimal cut sets of size 1, 2, ...
    listed: tuple[tuple[str, ...], ...] = ()  # some of them, smallest first

    @property
    def single_homed(self) -> bool:
        return bool(self.single_points)


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Minimal cut sets of one node: how many of each size, the single ones, and the first few."""

    counts: tuple[int, ...]
    single: tuple[int, ...]
    listed: tuple[tuple[int, ...], ...]


def survey(
    estate: Estate, graph: Graph, *, size_max: int = MAP_SIZE_MAX, cap: int = 0
) -> dict[WorkloadId, Finding]:
    """Every workload. What homes and vendors have in common is worked out once."""
    fallen = _falls(estate, graph)
    known: dict[int, HomeCuts | None] = {}
    return {
        id: _finding(workload, estate, graph, fallen, count(graph, graph.workload(id), size_max, cap, known))
        for id, workload in estate.workloads.items()
    }


def find(workload: Workload, estate: Estate, graph: Graph, *, size_max: int = MAP_SIZE_MAX) -> Finding:
    counted = count(graph, graph.workload(workload.id), size_max, 0, {})
    return _finding(workload, estate, graph, _falls(estate, graph), counted)


def count(graph: Graph, node: int, size_max: int, cap: int, known: dict[int, HomeCuts | None]) -> Counts:
    """The fast way where it can be gone (up to three, few homes), else the general one. Both are exact."""
    homes = graph.any_of[node]
    if size_max <= MAP_SIZE_MAX and 0 < len(homes) <= HOMES_MAX:
        for home in homes:
            if home not in known:
                known[home] = home_cuts(graph, home)
        parts = [part for home in homes if (part := known[home]) is not None]
        if len(parts) == len(homes):
            counted = Counted(parts)
            return Counts(
                counts=counted.counts[:size_max],
                single=counted.single_nodes(),
                listed=tuple(counted.listed(cap)),
            )
    cuts = cuts_within(graph, node, size_max)
    return Counts(
        counts=tuple(cuts.count(size) for size in range(1, cuts.size_max + 1)),
        single=tuple(one for group in cuts.groups if group.size == 1 for one in group.classes[0]),
        listed=tuple(cuts.listed(cap)),
    )


def _finding(
    workload: Workload, estate: Estate, graph: Graph, fallen: dict[str, Fall], counted: Counts
) -> Finding:
    homes = [estate.homes[id] for id in allowed_homes(workload, estate)]
    sellers = sorted({name for home in homes for name in (home.vendor, home.operator)})
    node = graph.workload(workload.id)
    single = labels(graph, counted.single)
    kinds = {point: estate.services[ServiceId(point)].kind for point in single if point in estate.services}
    return Finding(
        workload=workload.id,
        homes=tuple(home.id for home in homes),
        barred=barred_homes(workload, estate),
        breaches=breaches(workload, estate),
        regions_fatal=tuple(ServiceId(point) for point, kind in kinds.items() if kind == "region"),
        vendors_fatal=tuple(name for name in sellers if name in fallen and fallen[name].dead(node)),
        single_points=tuple(single),
        counts=counted.counts,
        listed=tuple(tuple(labels(graph, members)) for members in counted.listed),
    )


def _falls(estate: Estate, graph: Graph) -> dict[str, Fall]:
    """What dies with everything that is one vendor's."""
    owned: dict[str, list[int]] = {}
    for id, service in estate.services.items():
        if service.vendor is not None:
            owned.setdefault(service.vendor, []).append(graph.service(id))
    return {vendor: fall(graph, nodes) for vendor, nodes in owned.items()}


def cuts_within(graph: Graph, node: int, size_max: int) -> CutSets:
    """Cut sets up to the size, or up to a smaller one where there are too many; `size_max` says which."""
    for size in range(size_max, 1, -1):
        try:
            return cut_sets(graph, node, size)
        except TooManyError:
            continue
    return cut_sets(graph, node, 1)


def label(graph: Graph, node: int) -> str:
    """How a node is named in answers: services by their id, homes and workloads with a prefix."""
    kind, name = graph.kinds[node], graph.names[node]
    return name if kind == "service" else f"{kind}.{name}"


def labels(graph: Graph, nodes: Iterable[int]) -> list[str]:
    return [label(graph, node) for node in nodes]
