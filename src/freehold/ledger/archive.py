"""Moving old segments away. Their hashes stay, so the tree and every proof in it stay whole."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import msgspec

from freehold.errors import IntegrityError
from freehold.ledger.checkpoint import Checkpoint
from freehold.ledger.files import FileReader
from freehold.ledger.layout import Archived, Segment, sync_folder
from freehold.ledger.note import Note
from freehold.ledger.parts import read_part
from freehold.ledger.treefiles import read_hashes

COPY_BYTES = 1024 * 1024


def archive(reader: FileReader, to: Path, *, keep_segments: int = 1) -> list[Archived]:
    """Move closed segments, oldest first, and keep the newest `keep_segments` (at least the one in use).

    Only what a checkpoint covers is moved, and only after its records were held against the tree. Safe beside
    a live writer, which touches the last segment only.
    """
    to.mkdir(parents=True, exist_ok=True, mode=0o700)
    note = reader.checkpoint()
    covered = Checkpoint.parse(Note.parse(note).text).size if note else 0
    moved = []
    with _locked(reader):
        segments = reader.layout.segment_list()
        for segment, after in pairwise(segments[: len(segments) - max(1, keep_segments) + 1]):
            if after.first > covered:
                break
            moved.append(_move(reader, segment, after.first, to))
    return moved


def _move(reader: FileReader, segment: Segment, end: int, to: Path) -> Archived:
    part = read_part(segment)
    stored = read_hashes(reader.layout.tree, 0, segment.first, end)
    if part.finding is not None or part.hashes != stored:
        why = part.finding.what if part.finding else "its records are not those whose hashes are in the tree"
        raise IntegrityError(
            f"{segment.path.name} is not archived: it does not hold", why=why,
            fix="run freehold ledger verify, and restore the segment from a copy", code="ledger.damaged",
        )  # fmt: skip
    frontier = part.commits[-1][1]
    one = Archived(
        first=segment.first, count=end - segment.first, sha256=_copy(segment.path, to / segment.path.name),
        moved_to=str(to.resolve()),
        frontier=tuple(frontier[at : at + 32].hex() for at in range(0, len(frontier), 32)),
    )  # fmt: skip
    with reader.layout.archived.open("ab") as file:
        file.write(msgspec.json.encode(one) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    sync_folder(reader.layout.folder)
    segment.path.unlink()
    return one


def _copy(source: Path, target: Path) -> str:
    """Copy and sync; return the digest of what was read back."""
    partial = target.with_name(f".{target.name}.part")
    with source.open("rb") as original, partial.open("wb") as copy:
        shutil.copyfileobj(original, copy, COPY_BYTES)
        copy.flush()
        os.fsync(copy.fileno())
    if _digest(partial) != _digest(source):
        raise IntegrityError(
            f"the copy of {source.name} is not what was copied", why="the target disk may be failing",
            fix="archive to another place", code="ledger.damaged",
        )  # fmt: skip
    partial.replace(target)
    sync_folder(target.parent)
    return _digest(target)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _locked(reader: FileReader) -> Iterator[None]:
    """One archiving at a time."""
    with (reader.layout.folder / "archive.lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
