"""What falls when something fails, and why: one pass upwards from what has failed."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from freehold.estate.graph import Graph

REASONS_MAX = 40  # links of one chain that are told


class Fall(msgspec.Struct, frozen=True, kw_only=True):
    """What is dead once `failed` has failed. `cause[node]` is what took it down; itself where it failed."""

    failed: tuple[int, ...]
    cause: dict[int, int]  # the last alternative to die, where a node lost all of them

    def dead(self, node: int) -> bool:
        return node in self.cause


def fall(graph: Graph, failed: Collection[int]) -> Fall:
    """Everything that dies with `failed`. Touches only what falls, so a small failure costs little."""
    cause: dict[int, int] = {node: node for node in failed}
    left: dict[int, int] = {}
    queue = list(failed)
    for node in queue:  # grows while it is read
        for parent in graph.parents_all[node]:
            if parent not in cause:
                cause[parent] = node
                queue.append(parent)
        for parent in graph.parents_any[node]:
            rest = left.get(parent, len(graph.any_of[parent])) - 1
            left[parent] = rest
            if rest == 0 and parent not in cause:
                cause[parent] = node
                queue.append(parent)
    return Fall(failed=tuple(failed), cause=cause)


def chain(graph: Graph, fallen: Fall, node: int) -> list[int]:
    """From what failed up to the node: each link died of the one before it."""
    links = [node]
    while fallen.cause[links[-1]] != links[-1] and len(links) < REASONS_MAX:
        links.append(fallen.cause[links[-1]])
    return links[::-1]


def chains(graph: Graph, fallen: Fall, node: int) -> list[list[int]]:
    """Why a node is dead: one chain, or one for each alternative it has lost."""
    lost_all = bool(graph.any_of[node]) and all(fallen.dead(need) for need in graph.any_of[node])
    if fallen.cause[node] in graph.any_of[node] and lost_all:
        return [[*chain(graph, fallen, need), node] for need in graph.any_of[node]]
    return [chain(graph, fallen, node)]
