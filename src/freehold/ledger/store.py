"""What the ledger asks of the place that keeps it: files on this machine, or PostgreSQL.

One store holds one writer's tree. `Store` appends; `Reader` only looks, also while another process appends.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from freehold.ledger.facts import Facts
from freehold.ledger.layout import Archived
from freehold.ledger.merkle import TILE_HEIGHT, Frontier, Node, node_hash


class StoreAwayError(Exception):
    """The store cannot take records now: the disk is full, the database is gone. Nothing was appended."""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """One commit: all of it becomes durable, or none."""

    first: int
    leaves: Sequence[bytes]
    frontier: Frontier  # after the batch
    complete: Sequence[Sequence[bytes]]  # hashes that became complete, per tile level
    facts: Sequence[Facts]


class Reader(Protocol):
    """Reads one writer's tree."""

    @property
    def writer(self) -> str: ...
    @property
    def origin(self) -> str: ...
    def size(self) -> int:
        """How many records are durable."""
        ...

    def archived(self) -> list[Archived]:
        """What was moved away, oldest first."""
        ...

    def archived_size(self) -> int:
        """Records before this place were moved away; their hashes are still here."""
        ...

    def leaves(self, start: int, stop: int) -> Iterator[bytes]:
        """The exact stored bytes; an ArchivedError where they were moved away."""
        ...

    def hashes(self, tile_level: int, start: int, stop: int) -> bytes:
        """Hashes of complete subtrees of 256**tile_level leaves, back to back."""
        ...

    def checkpoint(self) -> str | None:
        """The latest signed checkpoint."""
        ...

    def cosigned(self) -> str | None:
        """The latest checkpoint that witnesses have cosigned."""
        ...

    def history(self) -> list[str]:
        """Earlier checkpoints, oldest first."""
        ...

    def keys(self) -> list[str]:
        """The writer's verifier keys and the rotations between them, as stored lines, oldest first."""
        ...

    def find(self, id: str) -> int | None:
        """The place of a record in the tree."""
        ...

    def of_kind(self, kind: str, limit: int) -> list[int]:
        """The places of the latest records of a kind, oldest first."""
        ...

    def searchable(self) -> sqlite3.Connection:
        """A database whose table `records` holds the facts of every record."""
        ...

    def close(self) -> None: ...


class Store(Reader, Protocol):
    """Appends to one writer's tree. Opening it takes the writer's lock."""

    @property
    def frontier(self) -> Frontier: ...
    @property
    def clean(self) -> bool:
        """Did the last writer close it?"""
        ...

    @property
    def torn_bytes(self) -> int:
        """What the start cut off: the rest of a commit that was never acknowledged."""
        ...

    def append(self, batch: Batch) -> None:
        """Return once the batch is durable; StoreAwayError if nothing was appended."""
        ...

    def publish(self, note: str, *, keep: bool) -> None:
        """Make this the latest checkpoint; with `keep`, add it to the history too."""
        ...

    def catch_up(self) -> None:
        """Return once `find` is fast: what an earlier run left unindexed is indexed."""
        ...

    def publish_cosigned(self, note: str) -> None: ...
    def add_key(self, line: str) -> None: ...


def node_reader(reader: Reader) -> Node:
    """Subtree hashes from a store's tiles."""

    def node(level: int, index: int) -> bytes:
        tile_level, above = divmod(level, TILE_HEIGHT)
        data = reader.hashes(tile_level, index << above, index + 1 << above)
        row = [data[at : at + 32] for at in range(0, len(data), 32)]
        if len(row) != 1 << above:
            raise ValueError(f"the tree has no complete subtree at level {level}, index {index}")
        while len(row) > 1:
            pairs = iter(row)
            row = [node_hash(left, right) for left, right in zip(pairs, pairs, strict=True)]
        return row[0]

    return node
