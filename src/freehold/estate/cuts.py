"""Minimal cut sets: every smallest set of things whose loss takes a node down. Exact, up to a size.

How, in four steps (top down, after MOCUS, on bit sets):

1. Follow `all_of`: a node dies of any single event below it, or of any *gate* below it (a node with
   alternatives) losing every alternative. What remains of the graph is gates and their alternatives.
2. What kills every alternative of a gate alone kills the gate alone; it is moved up and taken out below.
3. Events that stand in the same places are interchangeable: they become one *class* with a count. No minimal
   cut set holds two of a class, so a cut set of classes stands for the product of their counts.
4. Combine the alternatives of each gate, drop what is not minimal or is too large, up to the top.

Counts are therefore exact without listing what they count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import combinations, product
from math import prod

import msgspec

from freehold.estate.graph import Graph, bits_of

SIZE_MAX = 6  # larger cut sets are not asked for: their number explodes and nobody acts on them
FAMILY_MAX = 2_000_000  # cut sets of classes held at once


class TooManyError(Exception):
    """More cut sets of classes than FAMILY_MAX. Caught by whoever can ask for a smaller size."""


class CutSet(msgspec.Struct, frozen=True, kw_only=True):
    """One minimal cut set of classes: any one member of each class together."""

    classes: tuple[tuple[int, ...], ...]  # nodes; members of one class are interchangeable

    @property
    def size(self) -> int:
        return len(self.classes)

    @property
    def count(self) -> int:
        return prod(len(members) for members in self.classes)


class CutSets(msgspec.Struct, frozen=True, kw_only=True):
    """Every minimal cut set up to `size_max`, grouped by interchangeable events."""

    node: int
    size_max: int
    groups: tuple[CutSet, ...]  # by size, then in node order

    def count(self, size: int | None = None) -> int:
        return sum(group.count for group in self.groups if size is None or group.size == size)

    def listed(self, cap: int) -> Iterator[tuple[int, ...]]:
        """Single cut sets, smallest first, at most `cap`."""
        left = cap
        for group in self.groups:
            for members in product(*group.classes):
                if left == 0:
                    return
                left -= 1
                yield members


class Gate(msgspec.Struct):
    """A node with alternatives; each is (events that kill it alone, gates that kill it)."""

    slots: list[tuple[int, tuple[int, ...]]]


class Structure:
    """What is left of the graph below one node after steps 1 and 2.

    Bit sets here are over the nodes below this one, numbered anew (`nodes` leads back): what they cost
    depends on what a home stands on and not on how large the estate is.
    """

    def __init__(self, graph: Graph, node: int) -> None:
        self.members = _below(graph, node)
        self._place = {member: number for number, member in enumerate(self.members)}
        self._events, self._gates = self._followed(graph)
        self.gates: dict[int, Gate] = {}  # children first
        self.singles: dict[int, int] = {}  # gate -> events that kill it alone, by losing every alternative
        for number, member in enumerate(self.members):
            if graph.any_of[member]:
                self._add(number, graph)
        self.top_events = self._events[-1]
        self.top_gates = tuple(bits_of(self._gates[-1]))
        for gate in self.top_gates:
            self.top_events |= self.singles[gate]

    def nodes(self, bits: int) -> tuple[int, ...]:
        """The graph's nodes behind a bit set of this structure."""
        return tuple(self.members[number] for number in bits_of(bits))

    def _followed(self, graph: Graph) -> tuple[list[int], list[int]]:
        """Step 1: per node the events that kill it alone, and the gates it needs, through `all_of` only."""
        events: list[int] = []
        gates: list[int] = []
        for number, node in enumerate(self.members):
            mine = 1 << number if graph.can_fail(node) else 0
            needed = 1 << number if graph.any_of[node] else 0
            for need in graph.all_of[node]:
                place = self._place[need]
                mine |= events[place]
                needed |= gates[place]
            events.append(mine)
            gates.append(needed)
        return events, gates

    def _add(self, gate: int, graph: Graph) -> None:
        slots = []
        alone = -1
        for need in dict.fromkeys(graph.any_of[self.members[gate]]):
            place = self._place[need]
            below = tuple(bits_of(self._gates[place]))
            events = self._events[place]
            for inner in below:
                events |= self.singles[inner]
            alone &= events
            slots.append((events, below))
        self.singles[gate] = alone
        self.gates[gate] = Gate(slots=[(events & ~alone, below) for events, below in slots])

    @cached_property
    def classes(self) -> tuple[int, ...]:
        """Bit sets of events that stand in the same slots, leaving out what kills the top alone."""
        slots = {events & ~self.top_events for gate in self.gates.values() for events, _ in gate.slots}
        parts: list[int] = []
        rest = 0
        for slot in sorted(slots):
            split: list[int] = []
            for part in parts:
                inside = part & slot
                if inside and inside != part:
                    split += (inside, part ^ inside)
                else:
                    split.append(part)
            fresh = slot & ~rest
            if fresh:
                split.append(fresh)
                rest |= fresh
            parts = split
        return tuple(sorted(parts, key=lambda part: part & -part))

    def as_classes(self, events: int) -> int:
        """A bit set of events as one of classes."""
        found = 0
        for number, part in enumerate(self.classes):
            if part & events:
                found |= 1 << number
        return found


def _below(graph: Graph, node: int) -> list[int]:
    """The node and all that it stands on, children first."""
    seen = {node}
    order = [node]
    for one in order:  # grows while it is read
        for need in (*graph.all_of[one], *graph.any_of[one]):
            if need not in seen:
                seen.add(need)
                order.append(need)
    return sorted(order)


Family = tuple[int, frozenset[int]]
"""Minimal cut sets of classes: those of one as a bit set, larger ones each as a bit set of its own."""


def cut_sets(graph: Graph, node: int, size_max: int = 3) -> CutSets:
    """Every minimal cut set of the node up to the size, exactly."""
    below = Structure(graph, node)
    single = below.nodes(below.top_events)
    groups = [CutSet(classes=(single,))] if single else []
    if size_max > 1:
        _, larger = family_of(below, size_max)
        members = [below.nodes(part) for part in below.classes]
        for mask in sorted(larger, key=lambda mask: (mask.bit_count(), bits_of(mask))):
            groups.append(CutSet(classes=tuple(members[number] for number in bits_of(mask))))
    return CutSets(node=node, size_max=size_max, groups=tuple(groups))


def family_of(below: Structure, size_max: int) -> Family:
    """Step 4: gate by gate, children first, then whatever the top stands on."""
    families: dict[int, Family] = {}
    for id, gate in below.gates.items():
        made: Family | None = None
        for events, inner in gate.slots:
            slot = _either(below.as_classes(events & ~below.top_events), (families[one] for one in inner))
            made = slot if made is None else _both(made, slot, size_max)
        families[id] = made or (0, frozenset())
    return _either(0, (families[gate] for gate in below.top_gates))


def _either(alone: int, parts: Iterable[Family]) -> Family:
    """Any of these kills: their union, kept minimal."""
    sets: set[int] = set()
    for singles, larger in parts:
        alone |= singles
        sets |= larger
    return alone, _minimal(alone, sets)


def _both(one: Family, other: Family, size_max: int) -> Family:
    """Both must be killed: every pair of cut sets together, kept minimal and within the size."""
    alone = one[0] & other[0]
    left, right = one[0] & ~alone, other[0] & ~alone
    _bounded(left.bit_count() * right.bit_count())
    sets = {1 << a | 1 << b for a in bits_of(left) for b in bits_of(right)}
    for larger, singles, opposite in ((one[1], other[0], other[1]), (other[1], one[0], one[1])):
        for mask in larger:
            if mask & singles or mask in opposite:
                sets.add(mask)  # it kills the other side as well
            elif mask.bit_count() < size_max:
                sets.update(mask | 1 << event for event in bits_of(singles))
                _bounded(len(sets))
    sets.update(_joined(one[1], other[1], size_max))
    return alone, _minimal(alone, sets)


def _joined(one: frozenset[int], other: frozenset[int], size_max: int) -> Iterator[int]:
    """Each of the one with each of the other, within the size. They must meet unless both are small."""
    if size_max >= 4:  # two pairs that do not meet fit in
        _bounded(len(one) * len(other))
        for mask, second in product(one, other):
            if (mask | second).bit_count() <= size_max:
                yield mask | second
        return
    meeting: dict[int, list[int]] = {}
    for second in other:
        for bit in bits_of(second):
            meeting.setdefault(bit, []).append(second)
    for mask in one:
        for bit in bits_of(mask):
            for second in meeting.get(bit, ()):
                if (mask | second).bit_count() <= size_max:
                    yield mask | second


def _bounded(count: int) -> None:
    if count > FAMILY_MAX:
        raise TooManyError


def _minimal(alone: int, sets: set[int]) -> frozenset[int]:
    """Without those that contain another: a subset is looked up, never searched for."""
    _bounded(len(sets))
    kept: set[int] = set()
    by_size: dict[int, list[int]] = {}
    for mask in sets:
        if not mask & alone:
            by_size.setdefault(mask.bit_count(), []).append(mask)
    sizes = sorted(by_size)
    for size in sizes:
        smaller = [s for s in sizes if s < size]
        for mask in by_size[size]:
            if not smaller or not _contains(mask, kept, smaller):
                kept.add(mask)
    return frozenset(kept)


def _contains(mask: int, kept: set[int], sizes: Iterable[int]) -> bool:
    bits = [1 << bit for bit in bits_of(mask)]
    return any(sum(part) in kept for size in sizes for part in combinations(bits, size))
