"""What a workload stands on and does not survive: what sentences, tables and pages are made of."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from freehold.estate.allowed import allowed_homes, barred_homes
from freehold.estate.blast import fall
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
    regions_fatal: tuple[ServiceId, ...]
    vendors_fatal: tuple[str, ...]
    single_points: tuple[str, ...]
    counts: tuple[int, ...]  # minimal cut sets of size 1, 2, ...
    cuts: CutSets

    @property
    def single_homed(self) -> bool:
        return bool(self.single_points)


def survey(estate: Estate, graph: Graph, *, size_max: int = MAP_SIZE_MAX) -> dict[WorkloadId, Finding]:
    return {id: find(workload, estate, graph, size_max=size_max) for id, workload in estate.workloads.items()}


def find(workload: Workload, estate: Estate, graph: Graph, *, size_max: int = MAP_SIZE_MAX) -> Finding:
    node = graph.workload(workload.id)
    cuts = cuts_within(graph, node, size_max)
    regions, vendors = _fatal(workload, estate, graph, node)
    return Finding(
        workload=workload.id,
        homes=allowed_homes(workload, estate),
        barred=barred_homes(workload, estate),
        regions_fatal=regions,
        vendors_fatal=vendors,
        single_points=tuple(
            label(graph, one) for group in cuts.groups if group.size == 1 for one in group.classes[0]
        ),
        counts=tuple(cuts.count(size) for size in range(1, cuts.size_max + 1)),
        cuts=cuts,
    )


def cuts_within(graph: Graph, node: int, size_max: int) -> CutSets:
    """Cut sets up to the size, or up to a smaller one where there are too many; `size_max` says which."""
    for size in range(size_max, 1, -1):
        try:
            return cut_sets(graph, node, size)
        except TooManyError:
            continue
    return cut_sets(graph, node, 1)


def _fatal(
    workload: Workload, estate: Estate, graph: Graph, node: int
) -> tuple[tuple[ServiceId, ...], tuple[str, ...]]:
    """The single regions, and the single sellers or operators of its homes, whose loss takes it down."""
    homes = [estate.homes[id] for id in allowed_homes(workload, estate)]
    sellers = {name for home in homes for name in (home.vendor, home.operator)}
    below = _below(graph, node)
    regions: list[ServiceId] = []
    vendors: dict[str, list[int]] = {}
    for one in below:
        if graph.kinds[one] != "service":
            continue
        service = estate.services[ServiceId(graph.names[one])]
        if service.kind == "region" and fall(graph, (one,)).dead(node):
            regions.append(service.id)
        if service.vendor in sellers:
            vendors.setdefault(service.vendor, []).append(one)
    fatal = [vendor for vendor, nodes in vendors.items() if fall(graph, nodes).dead(node)]
    return tuple(regions), tuple(sorted(fatal))


def _below(graph: Graph, node: int) -> list[int]:
    seen = {node}
    order = [node]
    for one in order:  # grows while it is read
        for need in (*graph.all_of[one], *graph.any_of[one]):
            if need not in seen:
                seen.add(need)
                order.append(need)
    return sorted(seen)


def label(graph: Graph, node: int) -> str:
    """How a node is named in answers: services by their id, homes and workloads with a prefix."""
    kind, name = graph.kinds[node], graph.names[node]
    return name if kind == "service" else f"{kind}.{name}"


def labels(graph: Graph, nodes: Iterable[int]) -> list[str]:
    return [label(graph, node) for node in nodes]
