"""The estate as an AND/OR graph of integers: what every map, cut set, blast and drill is worked out on.

A node is dead when it has failed itself, when any of its `all_of` is dead, or when every one of its `any_of`
is. A workload is a node that needs any of its homes and cannot fail by itself; a home and a service can.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Literal

from freehold.errors import InputError
from freehold.estate.allowed import allowed_homes
from freehold.estate.model import Estate
from freehold.types.names import HomeId, ServiceId, WorkloadId

NodeKind = Literal["service", "home", "workload"]
NODES_MAX = 1_000_000


class Graph:
    """Nodes are 0..n-1, children before parents. Built once; everything read from it is cached here."""

    def __init__(
        self,
        names: Sequence[str],
        kinds: Sequence[NodeKind],
        all_of: Sequence[tuple[int, ...]],
        any_of: Sequence[tuple[int, ...]],
    ) -> None:
        self.names = tuple(names)
        self.kinds = tuple(kinds)
        self.all_of = tuple(all_of)
        self.any_of = tuple(any_of)

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def index(self) -> dict[tuple[NodeKind, str], int]:
        return {
            (kind, name): node for node, (kind, name) in enumerate(zip(self.kinds, self.names, strict=True))
        }

    def service(self, id: ServiceId) -> int:
        return self.index["service", id]

    def home(self, id: HomeId) -> int:
        return self.index["home", id]

    def workload(self, id: WorkloadId) -> int:
        return self.index["workload", id]

    def can_fail(self, node: int) -> bool:
        return self.kinds[node] != "workload"

    @cached_property
    def parents_all(self) -> tuple[tuple[int, ...], ...]:
        """Who dies with a node, at once."""
        return _reversed(self.all_of)

    @cached_property
    def parents_any(self) -> tuple[tuple[int, ...], ...]:
        """Who loses one of its alternatives with a node."""
        return _reversed(self.any_of)

    @cached_property
    def events(self) -> tuple[int, ...]:
        """Per node, as a bit set: what kills it by failing alone, followed through `all_of` only."""
        found: list[int] = []
        for node, needs in enumerate(self.all_of):
            bits = 1 << node if self.can_fail(node) else 0
            for need in needs:
                bits |= found[need]
            found.append(bits)
        return tuple(found)

    @cached_property
    def gates(self) -> tuple[int, ...]:
        """Per node, as a bit set: the nodes with alternatives that it needs, itself included."""
        found: list[int] = []
        for node, needs in enumerate(self.all_of):
            bits = 1 << node if self.any_of[node] else 0
            for need in needs:
                bits |= found[need]
            found.append(bits)
        return tuple(found)


def graph_of(estate: Estate) -> Graph:
    """The estate's graph. Services that need each other in a circle are an InputError that names them."""
    services = [ServiceId(id) for id in _children_first(estate)]
    place = {id: node for node, id in enumerate(services)}
    names: list[str] = list(services)
    kinds: list[NodeKind] = ["service"] * len(services)
    all_of = [tuple(place[need] for need in estate.services[id].all_of) for id in services]
    any_of = [tuple(place[need] for need in estate.services[id].any_of) for id in services]
    homes: dict[HomeId, int] = {}
    for id, home in estate.homes.items():
        homes[id] = len(names)
        names.append(id)
        kinds.append("home")
        all_of.append(tuple(place[need] for need in dict.fromkeys(home.needs)))
        any_of.append(())
    for workload in estate.workloads.values():
        names.append(workload.id)
        kinds.append("workload")
        all_of.append(())
        any_of.append(tuple(homes[id] for id in allowed_homes(workload, estate)))
    return Graph(names, kinds, all_of, any_of)


def bits_of(bits: int) -> list[int]:
    """The members of a bit set, ascending."""
    found = []
    while bits:
        low = bits & -bits
        found.append(low.bit_length() - 1)
        bits ^= low
    return found


def bits_from(nodes: Iterable[int]) -> int:
    bits = 0
    for node in nodes:
        bits |= 1 << node
    return bits


def _reversed(edges: Sequence[tuple[int, ...]]) -> tuple[tuple[int, ...], ...]:
    found: list[list[int]] = [[] for _ in edges]
    for node, needs in enumerate(edges):
        for need in needs:
            found[need].append(node)
    return tuple(tuple(parents) for parents in found)


def _children_first(estate: Estate) -> list[ServiceId]:
    """Services in an order in which each comes after all it needs (depth first, without recursion)."""
    if len(estate.services) + len(estate.homes) + len(estate.workloads) > NODES_MAX:
        raise InputError(
            "the estate is too large",
            why=f"at most {NODES_MAX} services, homes and workloads are worked out together",
            fix="split it into several files",
            code="estate.too-large",
        )
    order: list[ServiceId] = []
    state: dict[ServiceId, bool] = {}  # False: being visited, True: in the order
    for start in estate.services:
        path: list[tuple[ServiceId, bool]] = [(start, False)]
        while path:
            id, leaving = path.pop()
            if leaving:
                state[id] = True
                order.append(id)
            elif id not in state:
                state[id] = False
                path.append((id, True))
                one = estate.services[id]
                for need in reversed((*one.all_of, *one.any_of)):
                    if state.get(need) is False:
                        raise _circle(need, [name for name, left in path if left])
                    if need not in state:
                        path.append((need, False))
    return order


def _circle(need: ServiceId, visiting: list[ServiceId]) -> InputError:
    around = [*visiting[visiting.index(need) :], need]
    return InputError(
        f"services need each other in a circle: {' -> '.join(around)}",
        why="what stands on what has an order, or nothing could ever have been started",
        fix="take one of these edges out of all_of or any_of",
        code="estate.cyclic-services",
    )
