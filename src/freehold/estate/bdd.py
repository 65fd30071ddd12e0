"""The chance that a node is dead: exact by a binary decision diagram, or between two bounds beyond its limit.

Failures are taken as independent; whoever prints a result says so. The diagram is over the classes of
interchangeable events (see cuts.py), so a class of n events is one variable with the chance that any fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import fsum, prod

import msgspec

from freehold.estate.cuts import CutSets, Structure
from freehold.estate.graph import Graph, bits_of

BDD_NODES_MAX = 200_000
TRUE, FALSE = 1, 0


class TooLargeError(Exception):
    """The diagram would have more nodes than its limit. Caught by `chance`, which then gives bounds."""


class Chance(msgspec.Struct, frozen=True, kw_only=True):
    """The chance of being dead at any moment; `low` equals `high` where it is exact."""

    low: float
    high: float
    exact: bool
    nodes: int  # of the diagram; 0 where it was given up


class Diagram:
    """A reduced ordered binary decision diagram. Variables are 0..n-1, tested in that order."""

    def __init__(self, nodes_max: int = BDD_NODES_MAX) -> None:
        self.nodes_max = nodes_max
        self.nodes: list[tuple[int, int, int]] = [(1 << 60, 0, 0), (1 << 60, 1, 1)]  # variable, low, high
        self._unique: dict[tuple[int, int, int], int] = {}
        self._done: dict[tuple[bool, int, int], int] = {}

    def variable(self, number: int) -> int:
        return self._make(number, FALSE, TRUE)

    def either(self, parts: Iterable[int]) -> int:
        made = FALSE
        for part in parts:
            made = self._apply(True, made, part)
        return made

    def both(self, parts: Iterable[int]) -> int:
        made = TRUE
        for part in parts:
            made = self._apply(False, made, part)
        return made

    def chance(self, node: int, chances: Sequence[float]) -> float:
        found: dict[int, float] = {FALSE: 0.0, TRUE: 1.0}
        for one in range(2, node + 1):  # children come before parents
            variable, low, high = self.nodes[one]
            found[one] = (1 - chances[variable]) * found[low] + chances[variable] * found[high]
        return found[node]

    def _make(self, variable: int, low: int, high: int) -> int:
        if low == high:
            return low
        key = (variable, low, high)
        made = self._unique.get(key)
        if made is None:
            if len(self.nodes) >= self.nodes_max:
                raise TooLargeError
            made = self._unique[key] = len(self.nodes)
            self.nodes.append(key)
        return made

    def _apply(self, union: bool, one: int, other: int) -> int:
        """Without recursion: operands wait on a stack until both of their halves are known."""
        stack = [(one, other)]
        while stack:
            a, b = stack[-1]
            if self._known(union, a, b) is not None:
                stack.pop()
                continue
            variable = min(self.nodes[a][0], self.nodes[b][0])
            halves = [(self._half(a, variable, side), self._half(b, variable, side)) for side in (1, 2)]
            missing = [half for half in halves if self._known(union, *half) is None]
            if missing:
                stack.extend(missing)
                continue
            low, high = (self._known(union, *half) or 0 for half in halves)
            self._done[union, min(a, b), max(a, b)] = self._make(variable, low, high)
            stack.pop()
        return self._known(union, one, other) or 0

    def _half(self, node: int, variable: int, side: int) -> int:
        return self.nodes[node][side] if self.nodes[node][0] == variable else node

    def _known(self, union: bool, a: int, b: int) -> int | None:
        absorbing, neutral = (TRUE, FALSE) if union else (FALSE, TRUE)
        if a == b or b == neutral:
            return a
        if a == neutral:
            return b
        if absorbing in (a, b):
            return absorbing
        return self._done.get((union, min(a, b), max(a, b)))


def chance(
    graph: Graph, node: int, unavailable: Sequence[float], cuts: CutSets, nodes_max: int = BDD_NODES_MAX
) -> Chance:
    """`unavailable` per node of the graph: the share of time for which it has failed by itself."""
    below = Structure(graph, node)
    alone = _any(unavailable[event] for event in below.nodes(below.top_events))
    try:
        diagram = Diagram(nodes_max)
        rest = _rest(diagram, below, unavailable)
    except TooLargeError:
        low, high = bounds(graph, node, unavailable, cuts)
        return Chance(low=low, high=high, exact=False, nodes=0)
    exact = 1 - (1 - alone) * (1 - rest)
    return Chance(low=exact, high=exact, exact=True, nodes=len(diagram.nodes))


def _rest(diagram: Diagram, below: Structure, unavailable: Sequence[float]) -> float:
    """The chance of dying of more than one thing, given that nothing that kills alone has failed."""
    chances = [_any(unavailable[event] for event in below.nodes(part)) for part in below.classes]
    dead: dict[int, int] = {}
    for id, gate in below.gates.items():
        slots = []
        for events, inner in gate.slots:
            own = [diagram.variable(one) for one in bits_of(below.as_classes(events & ~below.top_events))]
            slots.append(diagram.either([*reversed(own), *(dead[one] for one in inner)]))
        # What kills the gate alone was moved up by step 2: whoever stands on the gate has it itself.
        dead[id] = diagram.both(slots)
    return diagram.chance(diagram.either(dead[gate] for gate in below.top_gates), chances)


def bounds(graph: Graph, node: int, unavailable: Sequence[float], cuts: CutSets) -> tuple[float, float]:
    """Two-sided, whatever the structure.

    Below: the likeliest cut sets that have nothing in common, which are independent. Above: the node is dead
    only if one of its small cut sets has failed, or more events at once than those have members.
    """
    chances = [prod(_any(unavailable[e] for e in part) for part in group.classes) for group in cuts.groups]
    high = _any(chances) + _more_than(cuts.size_max, graph, node, unavailable)
    taken: set[int] = set()
    apart: list[float] = []
    for one, group in sorted(zip(chances, cuts.groups, strict=True), key=lambda pair: -pair[0]):
        members = {event for part in group.classes for event in part}
        if not members & taken:
            taken |= members
            apart.append(one)
    return _any(apart), min(1.0, high)


def _more_than(count: int, graph: Graph, node: int, unavailable: Sequence[float]) -> float:
    """The chance that more than `count` of the events below the node have failed at once."""
    exactly = [1.0] + [0.0] * count
    for event in bits_of(_events_below(graph, node)):
        q = unavailable[event]
        for have in range(count, 0, -1):
            exactly[have] = exactly[have] * (1 - q) + exactly[have - 1] * q
        exactly[0] *= 1 - q
    return max(0.0, 1 - fsum(exactly))


def _events_below(graph: Graph, node: int) -> int:
    seen, order = 1 << node, [node]
    for one in order:  # grows while it is read
        for need in (*graph.all_of[one], *graph.any_of[one]):
            if not seen >> need & 1:
                seen |= 1 << need
                order.append(need)
    return sum(1 << one for one in order if graph.can_fail(one))


def _any(chances: Iterable[float]) -> float:
    """That at least one of independent things is so."""
    return 1 - prod(1 - one for one in chances)
