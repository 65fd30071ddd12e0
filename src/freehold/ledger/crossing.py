"""Cross-checkpoints: each writer records the others' signed checkpoints in its own tree.

So no tree can be rewound or forked alone: its checkpoint lies in trees that others hold and sign.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from freehold.clock import Clock, ulid
from freehold.errors import FreeholdError
from freehold.ledger import keychain
from freehold.ledger.checkpoint import Checkpoint, open_checkpoint
from freehold.ledger.merkle import range_root
from freehold.ledger.note import Note
from freehold.ledger.store import Reader, node_reader
from freehold.types.records import AlarmRecord, AnyRecord, CheckpointRecord


class Crossing:
    """Looks at the other writers; returns what is to be recorded about them."""

    def __init__(
        self, others: Callable[[], Sequence[Reader]], clock: Clock, seen: Sequence[str] = ()
    ) -> None:
        self._others, self._clock = others, clock
        self._seen: dict[str, Checkpoint] = {}
        self._alarmed: set[str] = set()
        for note in seen:
            checkpoint = Checkpoint.parse(Note.parse(note).text)
            self._seen[checkpoint.origin] = checkpoint

    def look(self) -> list[AnyRecord]:
        found: list[AnyRecord] = []
        for other in self._others():
            try:
                found += self._look_at(other)
            except (FreeholdError, OSError, ValueError) as error:
                found += self._alarm(other.origin, "ledger.cross-check", str(error))
            finally:
                other.close()
        return found

    def _look_at(self, other: Reader) -> list[AnyRecord]:
        note = other.checkpoint()
        if note is None:
            return []
        first, rotations = keychain.read_lines(other.keys())
        keys = keychain.follow([first] if first else [], other.origin, rotations)
        now, before = open_checkpoint(note, keys), self._seen.get(other.origin)
        if before is not None:
            if now == before:
                return []
            if now.size < before.size:
                return self._alarm(other.origin, "ledger.rewound", f"{before.size} records, now {now.size}")
            if before.size and range_root(0, before.size, node_reader(other)) != before.root:
                return self._alarm(other.origin, "ledger.forked", f"another tree at size {before.size}")
        self._seen[other.origin] = now
        self._alarmed.discard(other.origin)
        now_ns = self._clock.now_ns()
        return [
            CheckpointRecord(id=ulid(now_ns), time_ns=now_ns, origin=now.origin, size=now.size, note=note)
        ]

    def _alarm(self, origin: str, alarm: str, why: str) -> list[AnyRecord]:
        if origin in self._alarmed:
            return []  # said once, until it is well again
        self._alarmed.add(origin)
        now_ns = self._clock.now_ns()
        return [
            AlarmRecord(
                id=ulid(now_ns), time_ns=now_ns, alarm=alarm, severity="critical", about=origin,
                evidence={"why": why},
            )
        ]  # fmt: skip


def seen_notes(leaves: Sequence[bytes]) -> list[str]:
    """The checkpoints in records of ours, oldest first."""
    return [msgspec.json.decode(leaf, type=CheckpointRecord).note for leaf in leaves]
