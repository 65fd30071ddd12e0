"""The Merkle tree of RFC 6962 and 9162: hashes, the growing frontier, proofs and their checks.

Pure functions over bytes. Where hashes of complete subtrees come from is the caller's business: a `Node`
function is passed in, so that the same code proves from flat files, from tiles and from a database.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

HASH_BYTES = 32
TILE_HEIGHT = 8  # a tile holds the 256 hashes of one level that stand under one hash eight levels up
TILE_WIDTH = 1 << TILE_HEIGHT
EMPTY_ROOT = hashlib.sha256(b"").digest()

Node = Callable[[int, int], bytes]
"""(level, index) -> the hash of the complete subtree of 2**level leaves from leaf index * 2**level on."""

_sha256 = hashlib.sha256


def leaf_hash(leaf: bytes) -> bytes:
    return _sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return _sha256(b"\x01" + left + right).digest()


class Frontier:
    """The hashes from which every later root follows: one per set bit of the size, smallest subtree first."""

    __slots__ = ("_nodes", "size")

    def __init__(self, size: int = 0, nodes: Sequence[bytes] = ()) -> None:
        if len(nodes) != size.bit_count():
            raise ValueError(f"a frontier of {size} leaves has {size.bit_count()} hashes, not {len(nodes)}")
        hashes = iter(nodes)
        self.size = size
        self._nodes: list[bytes | None] = [
            next(hashes) if size >> level & 1 else None for level in range(size.bit_length())
        ]

    def copy(self) -> Frontier:
        return Frontier(self.size, self.hashes())

    def hashes(self) -> list[bytes]:
        return [node for node in self._nodes if node is not None]

    def extend(self, leaves: Sequence[bytes]) -> list[list[bytes]]:
        """Append leaf hashes; return the hashes that became complete at each tile level (0, 8, 16, ...)."""
        self.size += len(leaves)
        complete = [list(leaves)]
        row, level = list(leaves), 0
        while row:
            if level == len(self._nodes):
                self._nodes.append(None)
            if (waiting := self._nodes[level]) is not None:
                row.insert(0, waiting)
            self._nodes[level] = row.pop() if len(row) & 1 else None
            pairs = iter(row)
            row = [_sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
            level += 1
            if level % TILE_HEIGHT == 0:
                complete.append(row)
                row = list(row)
        return complete

    def root(self) -> bytes:
        nodes = self.hashes()
        if not nodes:
            return EMPTY_ROOT
        root = nodes[0]
        for node in nodes[1:]:
            root = node_hash(node, root)
        return root


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes."""
    frontier = Frontier()
    frontier.extend(leaves)
    return frontier.root()


def _split(width: int) -> int:
    """The largest power of two smaller than `width`."""
    return 1 << (width - 1).bit_length() - 1


def range_root(start: int, end: int, node: Node) -> bytes:
    """The root of leaves [start, end), where start is a multiple of the next power of two of the width."""
    width = end - start
    if width & (width - 1) == 0:
        level = width.bit_length() - 1
        return node(level, start >> level)
    middle = start + _split(width)
    return node_hash(range_root(start, middle, node), range_root(middle, end, node))


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """The audit path of leaf `index` in the tree of `size` leaves, leaf end first."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    return _path(index, 0, size, node)


def _path(index: int, start: int, end: int, node: Node) -> list[bytes]:
    if end - start == 1:
        return []
    middle = start + _split(end - start)
    if index < middle:
        return [*_path(index, start, middle, node), range_root(middle, end, node)]
    return [*_path(index, middle, end, node), range_root(start, middle, node)]


def consistency_proof(old: int, new: int, node: Node) -> list[bytes]:
    """What shows that the tree of `new` leaves begins with the tree of `old` leaves."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} cannot be shown to extend a tree of {old}")
    return [] if old in (0, new) else _subproof(old, 0, new, node, whole=True)


def _subproof(old: int, start: int, end: int, node: Node, *, whole: bool) -> list[bytes]:
    if old == end:
        return [] if whole else [range_root(start, end, node)]
    middle = start + _split(end - start)
    if old <= middle:
        return [*_subproof(old, start, middle, node, whole=whole), range_root(middle, end, node)]
    return [*_subproof(old, middle, end, node, whole=False), range_root(start, middle, node)]


def root_from_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """The root that the proof leads to (RFC 9162, 2.1.3.2), or None if it has the wrong shape."""
    if not 0 <= index < size:
        return None
    position, last, root = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return None
        if position & 1 or position == last:
            root = node_hash(step, root)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            root = node_hash(root, step)
        position >>= 1
        last >>= 1
    return root if last == 0 else None


def consistent(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Does the proof show that the new tree begins with the old one (RFC 9162, 2.1.4.2)?"""
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    if old == new:
        return not proof and old_root == new_root
    if not proof or not 0 < old < new:
        return False
    steps = list(proof) if old & (old - 1) else [old_root, *proof]
    position, last = old - 1, new - 1
    while position & 1:
        position >>= 1
        last >>= 1
    low = high = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            low, high = node_hash(step, low), node_hash(step, high)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            high = node_hash(high, step)
        position >>= 1
        last >>= 1
    return last == 0 and low == old_root and high == new_root
