"""Appending to one writer's folder: frames into segments, synced; hashes beside them; recovery at a start."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec

from freehold.errors import IntegrityError, UnavailableError
from freehold.ledger import recovery
from freehold.ledger.checkpoint import Checkpoint
from freehold.ledger.files import FileReader
from freehold.ledger.index import Index
from freehold.ledger.layout import Layout, sync_folder, take_lock, write_whole
from freehold.ledger.merkle import Frontier
from freehold.ledger.note import Note
from freehold.ledger.segment import pack
from freehold.ledger.store import Batch, StoreAwayError
from freehold.ledger.treefiles import TreeFiles

CATCH_UP_SECONDS_MAX = 600.0
SEGMENT_BYTES = 64 * 1024 * 1024
Sync = Literal["full", "none"]


class FileStore(FileReader):
    """Implements `store.Store`. Opening it takes the lock, cuts a torn tail and makes the hashes whole."""

    def __init__(
        self, folder: Path, origin: str, *, sync: Sync = "full", segment_bytes: int = SEGMENT_BYTES,
        size_max_bytes: int | None = None,
    ) -> None:  # fmt: skip
        layout = Layout(folder)
        self._segment_bytes, self._size_max_bytes, self._sync = segment_bytes, size_max_bytes, sync
        self._segment: int | None = None
        self._offset = 0
        self._unsure = False
        self.torn_bytes = 0
        try:
            _lay_out(layout, origin)
            self._lock = take_lock(layout)
        except OSError as error:
            raise unwritable(folder, error) from error
        super().__init__(folder)
        try:
            self.clean = not layout.opened.exists()
            self._tree = TreeFiles(layout.tree)
            self.frontier = self._recover()
            write_whole(layout.opened, f"{os.getpid()}\n".encode())
            self._index = Index(layout.index, self)
        except OSError as error:
            os.close(self._lock)
            raise unwritable(folder, error) from error
        except BaseException:
            os.close(self._lock)
            raise

    def size(self) -> int:
        return self.frontier.size

    def append(self, batch: Batch) -> None:
        data = pack(batch.first, batch.leaves, batch.frontier)
        try:
            if self._unsure and self._segment is not None:
                os.ftruncate(self._segment, self._offset)
                self._unsure = False
            segment = self._segment
            if segment is None or self._offset >= self._segment_bytes:
                segment = self._next_segment(batch.first)
            self._hold_to_size(len(data))
            self._unsure = True
            _write(segment, data)
            if self._sync == "full":
                os.fdatasync(segment)
            self._unsure = False
        except OSError as error:
            raise StoreAwayError(error.strerror or "the disk failed") from error
        self._offset += len(data)
        self.frontier = batch.frontier
        self._tree.add(batch.complete)
        self._index.add(batch.facts, batch.frontier.size)

    def publish(self, note: str, *, keep: bool) -> None:
        """Proofs are made from the tree files, so they are written before a checkpoint speaks of them."""
        try:
            self._tree.flush()
            write_whole(self.layout.checkpoint, note.encode())
            if keep:
                self._append_line(self.layout.history, msgspec.json.encode(note))
        except OSError as error:
            raise StoreAwayError(error.strerror or "the disk failed") from error

    def publish_cosigned(self, note: str) -> None:
        try:
            write_whole(self.layout.cosigned, note.encode())
        except OSError as error:
            raise StoreAwayError(error.strerror or "the disk failed") from error

    def add_key(self, line: str) -> None:
        self._append_line(self.layout.keys, line.encode(), sync=True)

    def catch_up(self) -> None:
        self._index.catch_up(CATCH_UP_SECONDS_MAX)

    def close(self) -> None:
        self._index.close()
        with suppress(OSError):  # the disk is full; what is missing is computed again at the next start
            self._tree.flush()
        self._tree.close()
        if self._segment is not None:
            os.close(self._segment)
        self.layout.opened.unlink(missing_ok=True)
        os.close(self._lock)

    def _append_line(self, path: Path, line: bytes, *, sync: bool = False) -> None:
        with path.open("ab") as file:
            file.write(line + b"\n")
            if sync:
                file.flush()
                os.fsync(file.fileno())

    def _hold_to_size(self, more_bytes: int) -> None:
        if self._size_max_bytes is None:
            return
        closed = sum(one.path.stat().st_size for one in self.layout.segment_list()[:-1])
        if closed + self._offset + more_bytes > self._size_max_bytes:
            raise StoreAwayError("the segments have grown to [ledger] size_max")

    def _next_segment(self, first: int) -> int:
        path = self.layout.segment(first)
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(opened, 0)  # an earlier try may have left bytes that were never acknowledged
            sync_folder(path.parent)
            self._tree.sync()  # recovery computes hashes again from the last segment only
        except OSError:
            os.close(opened)
            raise
        if self._segment is not None:
            os.close(self._segment)
        self._segment, self._offset = opened, 0
        return opened

    def _rebuild_tree(self) -> None:
        self._tree.cut(0)
        recovery.grow_tree(self.layout.segment_list(), Frontier(), self._tree)

    def _recover(self) -> Frontier:
        """Nothing is changed before it is known that a torn tail is all there is to repair."""
        segments = self.layout.segment_list()
        tail = recovery.examine(segments)
        archived = self.archived()
        size = tail.size if segments else recovery.after(archived).size
        self._not_behind_checkpoint(size)
        if segments and tail.torn_bytes:
            os.truncate(segments[-1].path, tail.good_bytes)
            self.torn_bytes = tail.torn_bytes
        frontier = recovery.regrow(segments, archived, self._tree)
        if segments:
            self._segment = os.open(segments[-1].path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            self._offset = tail.good_bytes
        return frontier

    def _not_behind_checkpoint(self, size: int) -> None:
        note = self.checkpoint()
        if note is None:
            return
        signed = Checkpoint.parse(Note.parse(note).text)
        if signed.size > size:
            raise IntegrityError(
                f"the ledger {self.layout.folder} was cut: records from {size} on are missing",
                why=f"its checkpoint covers {signed.size} records, the segments hold {size}",
                fix="restore the segments from a copy; nothing was changed",
                code="ledger.truncated",
            )


def _lay_out(layout: Layout, origin: str) -> None:
    layout.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    layout.segments.mkdir(exist_ok=True)
    layout.tree.mkdir(exist_ok=True)
    if not layout.origin.exists():
        write_whole(layout.origin, f"{origin}\n".encode(), sync=True)
        sync_folder(layout.folder)


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def unwritable(folder: Path, error: OSError) -> UnavailableError:
    return UnavailableError(
        f"the ledger {folder} cannot be written",
        why=error.strerror or str(error),
        fix="free the disk or make the folder writable, or set [ledger] path to another place",
        code="ledger.unwritable",
    )
