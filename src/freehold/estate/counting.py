"""Counts of minimal cut sets up to three for many workloads at once: exact, and without listing them.

A workload is dead when all its homes are. Each home's own cut sets are worked out once (cuts.py): hundreds of
events kill a home alone, few pairs and triples do. So for one workload:

- an event's *signature* is the set of homes it kills alone. Events of one signature are interchangeable as
  far as single kills go, and cut sets made of them are the minimal covers of the homes by signatures: their
  number is a sum of products of group sizes, over covers that are known beforehand for so many homes.
- the few *special* pairs and triples, which kill a home together, are corrections: every triple with a
  special pair in it is looked at, one by one where it holds two of them, else a signature at a time.

For more homes or larger cut sets the general way is taken; a test holds the two to the same numbers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import combinations, product

import msgspec

from freehold.estate.cuts import Structure, family_of
from freehold.estate.graph import Graph, bits_from, bits_of

HOMES_MAX = 6  # covers of more homes are too many to know beforehand
SPECIALS_MAX = 3000  # pairs and triples of one home that are looked at one by one

Pair = tuple[int, int]
Triple = tuple[int, int, int]


class HomeCuts(msgspec.Struct, frozen=True, kw_only=True):
    """What kills one home: alone, two together, three together; each minimal, as nodes of the graph."""

    alone: tuple[int, ...]
    pairs: tuple[Pair, ...]
    triples: tuple[Triple, ...]


def home_cuts(graph: Graph, home: int) -> HomeCuts | None:
    """None where pairs and triples are too many to look at one by one."""
    below = Structure(graph, home)
    _, larger = family_of(below, 3)
    members = [below.nodes(part) for part in below.classes]
    pairs: list[Pair] = []
    triples: list[Triple] = []
    for mask in larger:
        for nodes in product(*(members[number] for number in bits_of(mask))):
            ordered = sorted(nodes)
            if len(ordered) == 2:
                pairs.append((ordered[0], ordered[1]))
            else:
                triples.append((ordered[0], ordered[1], ordered[2]))
            if len(pairs) + len(triples) > SPECIALS_MAX:
                return None
    alone = below.nodes(below.top_events)
    return HomeCuts(alone=alone, pairs=tuple(sorted(pairs)), triples=tuple(sorted(triples)))


class Counted:
    """One workload: `counts` of minimal cut sets of one, two and three events.

    Inside, events are numbered anew, those of this workload only, so that bit sets stay short.
    """

    def __init__(self, homes: Sequence[HomeCuts]) -> None:
        self.homes = homes
        self.full = (1 << len(homes)) - 1
        self.members = sorted({event for home in homes for event in _events(home)})
        self._place = {event: number for number, event in enumerate(self.members)}
        self._alone = [bits_from(self._place[event] for event in home.alone) for home in homes]
        self.single = self._alone[0]
        for alone in self._alone[1:]:
            self.single &= alone
        self._pairs: dict[Pair, int] = defaultdict(int)  # special pair -> homes it kills
        self._triples: dict[Triple, int] = defaultdict(int)
        self._collect()
        self.groups = self._by_signature()
        self._size = {sign: part.bit_count() for sign, part in self.groups.items()}
        self._sign = {event: self._signature(event) for event in self._special}

    @property
    def counts(self) -> tuple[int, int, int]:
        return self.single.bit_count(), self._count_pairs(), self._count_triples()

    def _collect(self) -> None:
        """Special pairs and triples of all homes, but for those that hold a single point."""
        place, single = self._place, self.single
        for number, home in enumerate(self.homes):
            bit = 1 << number
            for a, b in home.pairs:
                pair = (place[a], place[b])  # in order: places are in the order of the nodes
                if not (single >> pair[0] & 1 or single >> pair[1] & 1):
                    self._pairs[pair] |= bit
            for a, b, c in home.triples:
                triple = (place[a], place[b], place[c])
                if not any(single >> event & 1 for event in triple):
                    self._triples[triple] |= bit
        self._special = {event for group in (*self._pairs, *self._triples) for event in group}
        self._near: dict[int, set[int]] = defaultdict(set)  # event -> those it is in a special pair with
        for one, other in self._pairs:
            self._near[one].add(other)
            self._near[other].add(one)

    def _by_signature(self) -> dict[int, int]:
        """Signature -> events, as a bit set; single points are left out."""
        everything = 0
        for alone in self._alone:
            everything |= alone
        for event in self._special:
            everything |= 1 << event
        parts = {0: everything & ~self.single}
        for number, alone in enumerate(self._alone):
            split: dict[int, int] = {}
            for sign, part in parts.items():
                inside = part & alone
                if inside:
                    split[sign | 1 << number] = inside
                if inside != part:
                    split[sign] = part ^ inside
            parts = split
        return parts

    def _signature(self, event: int) -> int:
        return sum(1 << number for number, alone in enumerate(self._alone) if alone >> event & 1)

    def _count_pairs(self) -> int:
        size, sign = self._size, self._sign
        count = sum(size[s] * size[t] for s, t in covers(len(self.homes), 2) if s in size and t in size)
        for (a, b), mask in self._pairs.items():
            alone = sign[a] | sign[b]
            count += alone != self.full and alone | mask == self.full
        return count

    def _count_triples(self) -> int:
        size = self._size
        count = 0
        for s, t, u in covers(len(self.homes), 3):
            if s in size and t in size and u in size:
                count += size[s] * size[t] * size[u]
        looked_at = self._triples_with_two_specials()
        count += sum(self._truly(triple) - self._by_signs(triple) for triple in looked_at)
        memo: dict[tuple[int, int, int], dict[int, int]] = {}
        for (a, b), mask in self._pairs.items():
            key = (self._sign[a], self._sign[b], mask)
            gain = memo.get(key)
            if gain is None:
                gain = memo[key] = self._gain(*key)
            if not gain:
                continue
            count += sum(size.get(u, 0) * value for u, value in gain.items())
            apart = {a, b} | self._near[a] | self._near[b]
            apart |= {event for triple in self._triples if a in triple and b in triple for event in triple}
            count -= sum(gain.get(self._sign[event], 0) for event in apart)
        return count

    def _gain(self, sa: int, sb: int, mask: int) -> dict[int, int]:
        """Signature of a third event -> +1 if only the special pair makes a cut set, -1 if it ends one."""
        full, alone = self.full, sa | sb
        together = alone | mask
        found: dict[int, int] = {}
        if alone == full:
            return found
        for u in self.groups:
            if sa | u == full or sb | u == full:
                continue
            truly = together != full and together | u == full
            by_signs = alone | u == full
            if truly != by_signs:
                found[u] = truly - by_signs
        return found

    def _triples_with_two_specials(self) -> set[Triple]:
        found: set[Triple] = set(self._triples)
        for middle, near in self._near.items():
            for one, other in combinations(sorted(near), 2):
                a, b, c = sorted((middle, one, other))
                found.add((a, b, c))
        return found

    def _truly(self, triple: Triple) -> bool:
        """Does it kill every home, and no two of it do?"""
        killed = self._triples.get(triple, 0)
        for pair in combinations(triple, 2):
            by_two = self._sign[pair[0]] | self._sign[pair[1]] | self._pairs.get(pair, 0)
            if by_two == self.full:
                return False
            killed |= by_two
        return killed == self.full

    def _by_signs(self, triple: Triple) -> bool:
        """Was it counted as a cover by signatures?"""
        a, b, c = (self._sign[event] for event in triple)
        full = self.full
        return a | b | c == full and full not in (a | b, a | c, b | c)

    def listed(self, cap: int) -> Iterator[tuple[int, ...]]:
        """Minimal cut sets, smallest first, at most `cap`."""
        left = cap
        for members in self._every():
            if left == 0:
                return
            left -= 1
            yield tuple(self.members[event] for event in members)

    def single_nodes(self) -> tuple[int, ...]:
        return tuple(self.members[event] for event in bits_of(self.single))

    def _every(self) -> Iterator[tuple[int, ...]]:
        for event in bits_of(self.single):
            yield (event,)
        seen: set[tuple[int, ...]] = set()
        for s, t in covers(len(self.homes), 2):
            for pair in product(*(bits_of(self.groups.get(sign, 0)) for sign in (s, t))):
                yield tuple(sorted(pair))
        for (a, b), mask in self._pairs.items():
            alone = self._sign[a] | self._sign[b]
            if alone != self.full and alone | mask == self.full:
                yield (a, b)
        for signs in covers(len(self.homes), 3):
            for triple in product(*(bits_of(self.groups.get(sign, 0)) for sign in signs)):
                a, b, c = sorted(triple)
                if not any(
                    self._pairs.get(pair, 0) and self._ends(pair) for pair in combinations((a, b, c), 2)
                ):
                    seen.add((a, b, c))
                    yield (a, b, c)
        yield from self._special_triples(seen)

    def _ends(self, pair: Pair) -> bool:
        return self._sign[pair[0]] | self._sign[pair[1]] | self._pairs[pair] == self.full

    def _special_triples(self, seen: set[tuple[int, ...]]) -> Iterator[tuple[int, ...]]:
        for triple in sorted(self._triples_with_two_specials()):
            if triple not in seen and self._truly(triple):
                yield triple
        for a, b in self._pairs:
            gain = self._gain(self._sign[a], self._sign[b], self._pairs[a, b])
            apart = {a, b} | self._near[a] | self._near[b]
            for sign, value in gain.items():
                for c in bits_of(self.groups[sign]) if value > 0 else ():
                    ordered = tuple(sorted((a, b, c)))
                    if c not in apart and ordered not in self._triples:
                        yield ordered


def _events(home: HomeCuts) -> Iterator[int]:
    yield from home.alone
    for group in (*home.pairs, *home.triples):
        yield from group


@cache
def covers(homes: int, size: int) -> tuple[tuple[int, ...], ...]:
    """Every way in which `size` signatures together kill all homes, and no fewer of them do."""
    full = (1 << homes) - 1
    return tuple(
        signs
        for signs in combinations(range(1, full), size)
        if _joined(signs) == full and all(_joined(rest) != full for rest in combinations(signs, size - 1))
    )


def _joined(signs: Sequence[int]) -> int:
    joined = 0
    for sign in signs:
        joined |= sign
    return joined
