"""The hashes of complete subtrees, one flat file per tile level; tile N of a level is a slice of its file.

These files are a cache: whatever is missing after a crash is computed again from the segments.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from freehold.ledger.merkle import HASH_BYTES, TILE_HEIGHT

LEVELS_MAX = 8  # 256**8 leaves


def complete_at(tile_level: int, size: int) -> int:
    """How many subtrees of 256**tile_level leaves a tree of `size` leaves has completed."""
    return size >> TILE_HEIGHT * tile_level


class TreeFiles:
    """Appends hashes. What is appended is readable after `flush`, and survives a power cut after `sync`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._files: list[int] = []
        self._waiting: list[list[bytes]] = []
        self._written: list[int] = []
        while len(self._files) < LEVELS_MAX and (folder / str(len(self._files))).exists():
            self._grow()

    def _grow(self) -> None:
        path = self._folder / str(len(self._files))
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._files.append(os.open(path, flags, 0o600))
        self._waiting.append([])
        self._written.append(os.fstat(self._files[-1]).st_size)

    def holds(self, size: int) -> bool:
        """Are all hashes of a tree of `size` leaves in the files?"""
        return all(
            level < len(self._files) and os.fstat(self._files[level]).st_size >= wanted * HASH_BYTES
            for level in range(LEVELS_MAX)
            if (wanted := complete_at(level, size))
        )

    def cut(self, size: int) -> None:
        """Forget everything past a tree of `size` leaves."""
        for level, file in enumerate(self._files):
            self._waiting[level].clear()
            self._written[level] = complete_at(level, size) * HASH_BYTES
            os.ftruncate(file, self._written[level])

    def add(self, complete: Sequence[Sequence[bytes]]) -> None:
        for level, hashes in enumerate(complete):
            if hashes:
                while level >= len(self._files):
                    self._grow()
                self._waiting[level].extend(hashes)

    def flush(self) -> None:
        """All that waits goes to the files; on failure it keeps waiting and the files are as before."""
        for level, (file, waiting) in enumerate(zip(self._files, self._waiting, strict=True)):
            if waiting:
                data = b"".join(waiting)
                try:
                    _write(file, data)
                except OSError:
                    os.ftruncate(file, self._written[level])
                    raise
                self._written[level] += len(data)
                waiting.clear()

    def sync(self) -> None:
        self.flush()
        for file in self._files:
            os.fdatasync(file)

    def close(self) -> None:
        for file in self._files:
            os.close(file)
        self._files.clear()
        self._waiting.clear()
        self._written.clear()


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def read_hashes(folder: Path, tile_level: int, start: int, stop: int) -> bytes:
    """What the file holds of the range; shorter than asked where it was not written yet."""
    try:
        with (folder / str(tile_level)).open("rb") as file:
            return os.pread(file.fileno(), (stop - start) * HASH_BYTES, start * HASH_BYTES)
    except FileNotFoundError:
        return b""
