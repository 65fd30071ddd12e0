"""Reading records back to be verified: segment by segment, in several processes, or row by row.

Everything here is about what one stretch of records says by itself; `verify` holds the stretches against the
stored hashes, the checkpoints and each other.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import BinaryIO

import msgspec

from freehold.errors import IntegrityError
from freehold.ledger.layout import Segment
from freehold.ledger.merkle import leaf_hash
from freehold.ledger.segment import Frame, frames, read_entries, split, whole
from freehold.ledger.store import Reader

PARALLEL_FROM_SEGMENTS = 2
ROWS_PER_PART = 4096
JUDGED_BY = 8  # records after one that is out of place, which say whether all moved up


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that does not hold."""

    kind: str  # edited, reordered, missing, damaged, truncated, forked, rewound, swapped-key, forged
    what: str
    record: int | None = None  # the first record it touches


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What one segment turned out to hold; made in a process of its own."""

    first: int
    hashes: bytes  # leaf hashes of its records, back to back
    commits: tuple[tuple[int, bytes], ...]  # size after each commit, and a digest of the frontier it claims
    finding: Finding | None = None
    loose_bytes: int = 0  # after its last commit
    crossings: tuple[tuple[int, str], ...] = ()  # what records say of other writers' checkpoints


def read_parts(segments: Sequence[Segment], jobs: int | None = None) -> Iterator[Part]:
    """Every segment read and hashed, in order; in several processes where that pays."""
    workers = min(jobs or os.cpu_count() or 1, len(segments))
    if workers < 2 or len(segments) < PARALLEL_FROM_SEGMENTS:
        yield from map(read_part, segments)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("forkserver")) as pool:
        running: deque[Future[Part]] = deque()
        for segment in segments:
            running.append(pool.submit(read_part, segment))
            if len(running) > 2 * workers:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


def read_rows(reader: Reader) -> Iterator[Part]:
    """The same, where records are rows of a database: it has no commits to hold them against."""
    for first in range(0, reader.size(), ROWS_PER_PART):
        stop = min(first + ROWS_PER_PART, reader.size())
        try:
            leaves = list(reader.leaves(first, stop))
        except IntegrityError as error:
            yield Part(first=first, hashes=b"", commits=(), finding=_of_error(error, first))
            return
        finding = _out_of_place(leaves, first)
        if finding is not None:
            yield Part(first=first, hashes=b"", commits=(), finding=finding)
            return
        yield Part(
            first=first, hashes=b"".join(map(leaf_hash, leaves)), commits=((stop, b""),),
            crossings=_crossings(leaves, first),
        )  # fmt: skip


def _of_error(error: IntegrityError, first: int) -> Finding:
    return Finding(kind="missing", what=f"{error.what}: {error.why}", record=first)


def read_part(segment: Segment) -> Part:
    """Hash one segment's records; stop at the first commit that is wrong."""
    hashes: list[bytes] = []
    commits: list[tuple[int, bytes]] = []
    crossings: list[tuple[int, str]] = []
    finding, size, end = None, segment.first, 0
    with segment.path.open("rb") as file:
        length = file.seek(0, 2)
        commits_of = frames(file)
        for frame in commits_of:
            entries = read_entries(file, frame)
            leaves = list(split(entries))
            finding = _misplaced(frame, leaves, size, lambda: _next_leaves(file, commits_of))
            if finding is not None:
                break
            hashes += map(leaf_hash, leaves)
            if not whole(frame, entries):
                what = f"the commit that begins at record {size} fails its checksum"
                finding = Finding(kind="edited", what=what, record=size)
                break
            crossings += _crossings(leaves, size)
            commits.append((frame.size, b"".join(frame.frontier)))
            size, end = frame.size, frame.end
    return Part(
        first=segment.first, hashes=b"".join(hashes), commits=tuple(commits), finding=finding,
        loose_bytes=length - end, crossings=tuple(crossings),
    )  # fmt: skip


def _next_leaves(file: BinaryIO, rest: Iterator[Frame]) -> list[bytes]:
    """Of the next commit, whatever it holds."""
    frame = next(rest, None)
    return [] if frame is None else list(split(read_entries(file, frame)))


def _misplaced(
    frame: Frame, leaves: Sequence[bytes], size: int, following: Callable[[], list[bytes]]
) -> Finding | None:
    """Is each record the one that belongs at its place?"""
    if frame.first != size:
        what = f"a commit that should begin at record {size} begins at {frame.first}"
        return Finding(kind="missing" if frame.first > size else "reordered", what=what, record=size)
    if (misplaced := _out_of_place(leaves, size, following)) is not None:
        return misplaced
    if len(leaves) != frame.count:
        what = f"a commit of {frame.count} records holds {len(leaves)}"
        return Finding(kind="missing", what=what, record=size + len(leaves))
    return None


def _out_of_place(
    leaves: Sequence[bytes], size: int, following: Callable[[], list[bytes]] = list
) -> Finding | None:
    """The first record that is not where it belongs: others are missing before it, or it changed places."""
    for at, leaf in enumerate(leaves):
        if not leaf.startswith(b'{"seq":%d,' % (size + at)):
            shift = _said(leaf) - (size + at)
            later = leaves[at + 1 :] or following()  # at the end of a commit, the next one tells which
            moved_up = shift > 0 and all(
                _said(one) - (size + at + 1 + more) == shift for more, one in enumerate(later[:JUDGED_BY])
            )
            what = (
                f"where record {size + at} belongs stands {_said(leaf)}" if _said(leaf) >= 0 else "no record"
            )
            return Finding(kind="missing" if moved_up else "reordered", what=what, record=size + at)
    return None


_SAID = re.compile(rb'\{"seq":(\d{1,19}),')


def _said(leaf: bytes) -> int:
    match = _SAID.match(leaf)
    return int(match[1]) if match else -1


def _crossings(leaves: Sequence[bytes], first: int) -> tuple[tuple[int, str], ...]:
    return tuple(
        (seq, note) for seq, leaf in enumerate(leaves, first) if (note := _crossing(leaf)) is not None
    )


def _crossing(leaf: bytes) -> str | None:
    """The checkpoint in a record about another writer's tree."""
    if b'"kind":"checkpoint/1"' not in leaf[:64]:
        return None
    try:
        return msgspec.json.decode(leaf, type=_Noted).note
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""  # of nobody: such a record shows nothing


class _Noted(msgspec.Struct, frozen=True):
    note: str
