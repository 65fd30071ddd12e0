"""Reading one writer's folder: records, hashes, checkpoints. Takes no lock: it works beside a live writer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec

from freehold.errors import InputError, IntegrityError
from freehold.ledger import index
from freehold.ledger.layout import Archived, Layout, Segment
from freehold.ledger.merkle import TILE_WIDTH, leaf_hash, root_of
from freehold.ledger.segment import frames, read_entries, split
from freehold.ledger.treefiles import read_hashes


class FileReader:
    """Implements `store.Reader` over files."""

    def __init__(self, folder: Path) -> None:
        self.layout = Layout(folder)
        if not self.layout.exists:
            raise InputError(
                f"{folder} is not a ledger",
                why="it has no segments of records",
                fix="pass the folder of a ledger, or set [ledger] path",
                code="ledger.not-a-ledger",
            )
        self.origin = self.layout.origin.read_text().strip()
        self.writer = self.origin.rpartition("/")[2]

    def size(self) -> int:
        segments = self.layout.segment_list()
        if segments:
            end = segments[-1].first
            with segments[-1].path.open("rb") as file:
                for frame in frames(file):
                    end = frame.size
            return end
        return max((one.first + one.count for one in self.archived()), default=0)

    def archived_size(self) -> int:
        segments = self.layout.segment_list()
        return segments[0].first if segments else self.size()

    def leaves(self, start: int, stop: int) -> Iterator[bytes]:
        at = start
        for segment, end in self._overlapping(start, stop):
            if segment.first > at:
                break
            with segment.path.open("rb") as file:
                for frame in frames(file):
                    if frame.size > at and frame.first < min(stop, end):
                        for seq, leaf in enumerate(split(read_entries(file, frame)), frame.first):
                            if at <= seq < stop:
                                yield leaf
                                at = seq + 1
        if at < stop:
            raise self._missing(at)

    def _overlapping(self, start: int, stop: int) -> Iterator[tuple[Segment, int]]:
        segments = self.layout.segment_list()
        ends = [*(segment.first for segment in segments[1:]), 1 << 63][: len(segments)]
        for segment, end in zip(segments, ends, strict=True):
            if end > start and segment.first < stop:
                yield segment, end

    def _missing(self, seq: int) -> IntegrityError | InputError:
        for one in self.archived():
            if one.first <= seq < one.first + one.count:
                return InputError(
                    f"record {seq} was archived",
                    why=f"its segment was moved to {one.moved_to}",
                    fix=f"copy {one.first:016}.seg back into {self.layout.segments}",
                    code="ledger.archived",
                )
        return IntegrityError(
            f"record {seq} is missing",
            why="the segments do not hold it, and it was not archived",
            fix="run freehold ledger verify, and restore the segments from a copy",
            code="ledger.damaged",
        )

    def hashes(self, tile_level: int, start: int, stop: int) -> bytes:
        data = read_hashes(self.layout.tree, tile_level, start, stop)
        have = len(data) // 32
        if have == stop - start:
            return data
        return data[: have * 32] + b"".join(self._computed(tile_level, start + have, stop))

    def _computed(self, tile_level: int, start: int, stop: int) -> Iterator[bytes]:
        """Hashes that did not reach the tree files before a crash."""
        if tile_level == 0:
            yield from map(leaf_hash, self.leaves(start, stop))
            return
        for tile in range(start, stop):
            below = self.hashes(tile_level - 1, tile * TILE_WIDTH, (tile + 1) * TILE_WIDTH)
            yield root_of([below[at : at + 32] for at in range(0, len(below), 32)])

    def checkpoint(self) -> str | None:
        return _text(self.layout.checkpoint)

    def cosigned(self) -> str | None:
        return _text(self.layout.cosigned)

    def history(self) -> list[str]:
        lines = (_text(self.layout.history) or "").splitlines()
        return [_history_line(line) for line in lines if line.endswith('"')]  # a torn last line is no entry

    def keys(self) -> list[str]:
        return (_text(self.layout.keys) or "").splitlines()

    def find(self, id: str) -> int | None:
        return index.find(self.layout.index, self, id)

    def searchable(self) -> sqlite3.Connection:
        return index.searchable(self.layout.index, self)

    def of_kind(self, kind: str, limit: int) -> list[int]:
        with closing(self.searchable()) as database:
            newest = "SELECT seq FROM records WHERE kind = ? ORDER BY seq DESC LIMIT ?"
            return [row[0] for row in reversed(database.execute(newest, (kind, limit)).fetchall())]

    def archived(self) -> list[Archived]:
        lines = (_text(self.layout.archived) or "").splitlines()
        return [msgspec.json.decode(line, type=Archived) for line in lines]

    def close(self) -> None:
        pass


def _text(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None


def _history_line(line: str) -> str:
    try:
        return msgspec.json.decode(line, type=str)
    except msgspec.MsgspecError as error:
        raise IntegrityError(
            "the history of checkpoints was changed",
            why=f"it holds a line that is not a checkpoint: {line[:40]}...",
            fix="restore the file from a copy; the tree itself can still be verified without it",
            code="ledger.damaged",
        ) from error
