"""What a start finds: where the last commit ends, what was torn, and the frontier to go on from."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec

from freehold.errors import IntegrityError
from freehold.ledger.layout import Archived, Segment
from freehold.ledger.merkle import Frontier, leaf_hash
from freehold.ledger.segment import Frame, frames, read_entries, split, whole
from freehold.ledger.treefiles import TreeFiles


class Tail(msgspec.Struct, frozen=True, kw_only=True):
    """The end of the last segment."""

    size: int  # of the tree, at the last whole commit
    good_bytes: int
    torn_bytes: int


def examine(segments: Sequence[Segment]) -> Tail:
    """Find the last whole commit. Bytes after it were never acknowledged, unless a whole one follows them."""
    if not segments:
        return Tail(size=0, good_bytes=0, torn_bytes=0)
    last = segments[-1]
    good, size = 0, last.first
    bad: Frame | None = None
    with last.path.open("rb") as file:
        for frame in frames(file):
            if not whole(frame, read_entries(file, frame)):
                bad = bad or frame
            elif bad is not None:
                raise damaged(bad.first, f"{last.path.name} was changed at byte {bad.offset}")
            else:
                good, size = frame.end, frame.size
        return Tail(size=size, good_bytes=good, torn_bytes=file.seek(0, 2) - good)


def regrow(segments: Sequence[Segment], archived: Sequence[Archived], tree: TreeFiles) -> Frontier:
    """Compute again the hashes of the last segment, or of every one where hashes are missing."""
    if not segments:
        tree.cut(after(archived).size)
        return after(archived)
    start = len(segments) - 1 if tree.holds(segments[-1].first) else 0
    frontier = _before(segments, start, archived)
    if not tree.holds(frontier.size):
        raise damaged(0, "hashes of archived records are missing from the tree files")
    tree.cut(frontier.size)
    return grow_tree(segments[start:], frontier, tree)


def after(archived: Sequence[Archived]) -> Frontier:
    if not archived:
        return Frontier()
    last = archived[-1]
    return Frontier(last.first + last.count, [bytes.fromhex(node) for node in last.frontier])


def _before(segments: Sequence[Segment], start: int, archived: Sequence[Archived]) -> Frontier:
    """The frontier on which a segment was begun."""
    first = segments[start].first
    if start > 0:
        last = last_frame(segments[start - 1])
        return Frontier(last.size, last.frontier)
    before = after([one for one in archived if one.first + one.count <= first])
    if before.size != first:
        raise damaged(
            before.size, f"the first segment begins at {first}, and what was before is not archived"
        )
    return before


def last_frame(segment: Segment) -> Frame:
    with segment.path.open("rb") as file:
        found = deque(frames(file), maxlen=1)
    if not found:
        raise damaged(segment.first, f"{segment.path.name} is not a segment")
    return found[0]


def grow_tree(segments: Sequence[Segment], frontier: Frontier, tree: TreeFiles) -> Frontier:
    """Hash the segments' records again, and hold every commit's frontier against its records."""
    for segment in segments:
        if segment.first != frontier.size:
            raise damaged(frontier.size, f"the segment that follows begins at {segment.first}")
        with segment.path.open("rb") as file:
            for frame in frames(file):
                entries = read_entries(file, frame)
                if frame.first != frontier.size or not whole(frame, entries):
                    raise damaged(frontier.size, f"{segment.path.name} was changed at byte {frame.offset}")
                tree.add(frontier.extend([leaf_hash(leaf) for leaf in split(entries)]))
                if tuple(frontier.hashes()) != frame.frontier:
                    raise damaged(frame.first, f"{segment.path.name} was changed at byte {frame.offset}")
        tree.flush()
    return frontier


def damaged(seq: int, why: str) -> IntegrityError:
    return IntegrityError(
        f"the ledger is damaged at record {seq}",
        why=why,
        fix="run freehold ledger verify, and restore the segments from a copy; nothing was changed",
        code="ledger.damaged",
    )
