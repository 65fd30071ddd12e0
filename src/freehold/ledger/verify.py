"""Verify a whole ledger offline: every record, every hash, every signature; and name the first thing wrong.

The steps, and the tampering each one finds:

1. The checkpoint is signed by a trusted key, or one it handed over to      (swapped key, forged checkpoint)
2. The segments hold at least as many records as it covers                  (truncation)
3. Every commit is whole, and begins where the one before it ended          (damage, deletion, insertion)
4. Every record says its own place and hashes to its stored leaf            (edit, reordering)
5. The leaves lead to each commit's frontier, and to the signed root        (edits of stored hashes too)
6. Every earlier checkpoint that was kept is a prefix of this tree          (fork, rewind)
7. What other writers recorded of this tree's checkpoints holds too         (rewind together with its history)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from freehold.errors import FreeholdError, IntegrityError
from freehold.ledger import keychain
from freehold.ledger.checkpoint import Checkpoint, open_checkpoint
from freehold.ledger.files import FileReader
from freehold.ledger.layout import Archived, Segment
from freehold.ledger.merkle import HASH_BYTES, Frontier, range_root
from freehold.ledger.note import Verifier
from freehold.ledger.parts import Finding, Part, read_parts, read_rows
from freehold.ledger.store import Reader, node_reader
from freehold.ledger.treefiles import read_hashes

Progress = Callable[[int], None]  # told how many more records were read
_DEFAULTS: dict[str, Any] = {"earlier": (), "jobs": None, "progress": None, "archive": None}


class Report(msgspec.Struct, frozen=True, kw_only=True):
    origin: str
    records: int  # durable, read or archived
    covered: int  # by the signed checkpoint
    archived: int = 0  # records whose bytes were moved away: their hashes were checked, not they
    torn_bytes: int = 0  # after the last commit: of a write under way, or of one that a stop cut short
    checkpoints: int = 0  # earlier ones that were held against the tree
    signed_by: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def holds(self) -> bool:
        return not self.findings


def verify(
    reader: Reader, trusted: Sequence[Verifier] | None = None, *, earlier: Sequence[str] = (),
    jobs: int | None = None, progress: Progress | None = None, archive: Path | None = None,
) -> Report:  # fmt: skip
    """Verify one writer's tree. `earlier`: checkpoints kept elsewhere; `trusted` None: its own first key."""
    return _Verification(reader, trusted, earlier, jobs, progress, archive).run()


class _Verification:
    def __init__(
        self, reader: Reader, trusted: Sequence[Verifier] | None, earlier: Sequence[str],
        jobs: int | None, progress: Progress | None, archive: Path | None,
    ) -> None:  # fmt: skip
        self.reader, self.trusted, self.earlier = reader, trusted, earlier
        self.jobs, self.progress, self.archive = jobs, progress, archive
        self.findings: list[Finding] = []
        self.crossings: list[tuple[int, str]] = []
        self.torn_bytes = 0
        self.keys: list[Verifier] = []
        files = reader if isinstance(reader, FileReader) else None
        self.unfinished = files is not None and files.layout.opened.exists()
        self.last_first = max((one.first for one in files.layout.segment_list()), default=0) if files else 0
        self.roots: dict[int, bytes | None] = {}  # sizes at which a root is needed

    def run(self) -> Report:
        keys, signed_by = self._keys()
        self.keys = keys
        latest = self._signed(self.reader.checkpoint(), keys)  # 1
        older = [one for note in self._history() if (one := self._signed(note, keys)) is not None]
        checkpoints = [*older, *([latest] if latest else [])]
        self.roots = {one.size: None for one in checkpoints}
        size = self._read_all()  # 3, 4, 5
        covered = latest.size if latest else 0
        if covered > size and not self.findings:  # 2
            self._find(
                "truncated", f"records {size} to {covered - 1} are missing: the checkpoint covers them", size
            )
        self._hold_roots(checkpoints)  # 5, 6
        if latest is None and size and not self.findings:
            self._find("forged", "there is no checkpoint: nothing vouches for these records", 0)
        return Report(
            origin=self.reader.origin, records=size, covered=covered, archived=self.reader.archived_size(),
            torn_bytes=self.torn_bytes,
            checkpoints=len(older), signed_by=signed_by, findings=tuple(self.findings),
        )  # fmt: skip

    def _find(self, kind: str, what: str, record: int | None = None) -> None:
        self.findings.append(Finding(kind=kind, what=what, record=record))

    def _keys(self) -> tuple[list[Verifier], str]:
        try:
            first, rotations = keychain.read_lines(self.reader.keys())
        except FreeholdError as error:
            self._find("swapped-key", f"{error.what}: {error.why}")
            first, rotations = None, []
        trusted = list(self.trusted) if self.trusted is not None else [first] if first else []
        keys = keychain.follow(trusted, self.reader.origin, rotations)
        return keys, ", ".join(f"{key.short}" for key in keys)

    def _history(self) -> list[str]:
        cosigned = self.reader.cosigned()
        try:
            return [*self.reader.history(), *([cosigned] if cosigned else []), *self.earlier]
        except IntegrityError as error:
            self._find("damaged", f"{error.what}: {error.why}")
            return [*self.earlier]

    def _signed(self, note: str | None, keys: Sequence[Verifier]) -> Checkpoint | None:
        if note is None:
            return None
        try:
            checkpoint = open_checkpoint(note, keys)
        except FreeholdError as error:
            kind = "swapped-key" if error.code == "ledger.swapped-key" else "forged"
            self._find(kind, f"{error.what}: {error.why}")
            return None
        if checkpoint.origin != self.reader.origin:
            self._find("forged", f"a checkpoint speaks of {checkpoint.origin}, not of {self.reader.origin}")
            return None
        return checkpoint

    def _read_all(self) -> int:
        frontier = Frontier()
        for part in self._parts():
            frontier = self._archived_until(part.first, frontier)
            if part.first != frontier.size:
                self._find(
                    "missing", f"records {frontier.size} to {part.first - 1} are missing", frontier.size
                )
                return frontier.size
            self._grow(frontier, part)
            self.crossings += part.crossings
            if self.progress:
                self.progress(len(part.hashes) // HASH_BYTES)
            if not self.findings:
                self._judge_end(part, frontier.size)
            if self.findings:
                return frontier.size
        return self._archived_until(None, frontier).size

    def _judge_end(self, part: Part, size: int) -> None:
        """Bytes after the last commit are a torn write where a writer is at work, or was stopped in one."""
        if part.finding is not None:
            self.findings.append(part.finding)
        elif part.loose_bytes and self.unfinished and part.first == self.last_first:
            self.torn_bytes = part.loose_bytes
        elif part.loose_bytes:
            self._find("damaged", f"{part.loose_bytes} bytes after record {size - 1} are no commit", size)

    def _parts(self) -> Iterator[Part]:
        if isinstance(self.reader, FileReader):
            return read_parts(self._segments(self.reader), self.jobs)
        return read_rows(self.reader)

    def _segments(self, reader: FileReader) -> list[Segment]:
        here = reader.layout.segment_list()
        if self.archive is None:
            return here
        known = {one.first for one in here}
        moved = [
            Segment(one.first, path)
            for one in reader.archived()
            if one.first not in known and (path := self.archive / f"{one.first:016}.seg").exists()
        ]
        return sorted([*moved, *here])

    def _archived_until(self, first: int | None, frontier: Frontier) -> Frontier:
        """Go over archived records by their hashes, which the checkpoint's root still vouches for."""
        for one in self.reader.archived():
            if one.first == frontier.size and (first is None or one.first < first):
                self._grow_hashes(frontier, self._stored(one.first, one.first + one.count))
                self._hold_archive(one, frontier)
        return frontier

    def _hold_archive(self, one: Archived, frontier: Frontier) -> None:
        if [node.hex() for node in frontier.hashes()] != list(one.frontier):
            self._find("edited", "the stored hashes of archived records were changed", one.first)

    def _stored(self, start: int, stop: int) -> bytes:
        if isinstance(self.reader, FileReader):  # what is in the files, and not what can be computed
            return read_hashes(self.reader.layout.tree, 0, start, stop)
        return self.reader.hashes(0, start, stop)

    def _grow(self, frontier: Frontier, part: Part) -> None:
        """Leaves against stored leaf hashes, commits against the frontier they lead to."""
        count = len(part.hashes) // HASH_BYTES
        stored = self._stored(part.first, part.first + count)
        if stored != part.hashes[: len(stored)]:
            at = next(
                i for i in range(0, len(stored), HASH_BYTES) if stored[i : i + 32] != part.hashes[i : i + 32]
            )
            seq = part.first + at // HASH_BYTES
            self._find("edited", f"record {seq} is not the one whose hash is in the tree", seq)
            return
        start = 0
        for size, claimed in part.commits:
            stop = (size - part.first) * HASH_BYTES
            self._grow_hashes(frontier, part.hashes[start:stop])
            first, start = part.first + start // HASH_BYTES, stop
            if claimed and b"".join(frontier.hashes()) != claimed:
                self._find(
                    "edited", f"a record up to {size - 1} was changed, and its stored hash with it", first
                )
                return

    def _grow_hashes(self, frontier: Frontier, hashes: bytes) -> None:
        """Extend, stopping at each size whose root a checkpoint signed."""
        start = 0
        stops = sorted(
            s for s in self.roots if frontier.size < s <= frontier.size + len(hashes) // HASH_BYTES
        )
        base = frontier.size
        for size in [*stops, base + len(hashes) // HASH_BYTES]:
            stop = (size - base) * HASH_BYTES
            frontier.extend([hashes[at : at + HASH_BYTES] for at in range(start, stop, HASH_BYTES)])
            start = stop
            if size in self.roots:
                self.roots[size] = frontier.root()

    def _hold_roots(self, checkpoints: Iterable[Checkpoint]) -> None:
        good = 0
        for one in sorted(checkpoints, key=lambda one: one.size):
            root = Frontier().root() if one.size == 0 else self.roots.get(one.size)
            if root == one.root:
                good = one.size
                continue
            if root is None:
                if not self.findings:
                    self._find(
                        "rewound", f"a checkpoint covers {one.size} records, more than there are", good
                    )
            elif not self.findings:
                kind = "forked" if self._agrees_later(checkpoints, one) else "edited"
                self._find(kind, f"the records do not lead to the root signed at size {one.size}", good)
            return

    def hold_crossing(self, seq: int, note: str, other: _Verification) -> None:
        """Our record `seq` says that we saw this checkpoint of the other: is it a prefix of what it holds?"""
        try:
            said = open_checkpoint(note, other.keys)
        except FreeholdError as error:
            self._find(
                "forged", f"record {seq} holds no checkpoint of {other.reader.origin}: {error.why}", seq
            )
            return
        by, size = f"{self.reader.writer} record {seq}", other.reader.size()
        if said.size > size:
            other._find("rewound", f"{by} saw {said.size} records here, more than there are", size)
        elif said.size and range_root(0, said.size, node_reader(other.reader)) != said.root:
            other._find("forked", f"{by} saw another tree here at size {said.size}")

    def _agrees_later(self, checkpoints: Iterable[Checkpoint], bad: Checkpoint) -> bool:
        """A later root that holds means that two trees were signed, not that a record was changed."""
        return any(self.roots.get(one.size) == one.root for one in checkpoints if one.size >= bad.size)


def verify_together(
    readers: Sequence[Reader], trusted: Sequence[Verifier] | None = None, **options: Any
) -> list[Report]:
    """Verify the trees of writers that share a ledger, and what each recorded of the others' checkpoints."""
    runs = [_Verification(reader, trusted, **{**_DEFAULTS, **options}) for reader in readers]
    reports = [run.run() for run in runs]
    by_origin = {run.reader.origin: run for run in runs}
    for run in runs:
        for seq, note in run.crossings:  # 7
            other = by_origin.get(note.partition("\n")[0])
            if other is not None and not other.findings:
                run.hold_crossing(seq, note, other)
    return [
        report if tuple(run.findings) == report.findings
        else msgspec.structs.replace(report, findings=tuple(run.findings))
        for run, report in zip(runs, reports, strict=True)
    ]  # fmt: skip
