"""What this process has of each limit, written down as it changes, for whoever comes after it.

A file mapped into memory: a store into it costs nothing, and it outlives a process that is killed. Its lock
says whether the process lives. What was written before the machine itself went down may be older than the
truth, so it is believed only under the same boot.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from freehold.gateway.meters import Place
from freehold.gateway.slices import CEILING_AT, RESERVED_AT, ROW_CELLS, USED_AT
from freehold.gateway.state.base import Left

FOLDER: Final = "leases"
ROWS_MAX: Final = 65_536
HEADER_BYTES: Final = 512
ROW_BYTES: Final = ROW_CELLS * 8
LEFT_FILES_MAX: Final = 4096
KEY_AT, KIND_AT, WINDOW_AT = 0, 1, 2
HERE_AT: Final = 6  # 1 while the row is in use
_SUFFIX: Final = ".lease"


class _Header(msgspec.Struct, frozen=True, kw_only=True):
    owner: str
    boot: str


class Journal:
    """Of one process. Its rows are lists of whole numbers that happen to be in a file."""

    def __init__(self, folder: Path, owner: str) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = folder / f"{owner}{_SUFFIX}"
        self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        size = HEADER_BYTES + ROWS_MAX * ROW_BYTES
        os.truncate(self._handle, size)  # sparse: only what is written takes room
        self._map = mmap.mmap(self._handle, size)
        header = msgspec.json.encode(_Header(owner=owner, boot=boot_id()))
        self._map[: len(header)] = header
        self._cells = memoryview(self._map)[HEADER_BYTES:].cast("q")
        self._free: list[int] = []
        self._next = 0

    def row(self, place: Place) -> memoryview | None:
        """A row for this window; None when there is room for no more."""
        if self._free:
            number = self._free.pop()
        elif self._next < ROWS_MAX:
            number, self._next = self._next, self._next + 1
        else:
            return None
        row = self._cells[number * ROW_CELLS : (number + 1) * ROW_CELLS]
        row[KEY_AT], row[KIND_AT], row[WINDOW_AT] = int(place.key, 16), place.kind, place.window
        row[USED_AT] = row[RESERVED_AT] = row[CEILING_AT] = 0
        row[HERE_AT], row[7] = 1, number
        return row

    def release(self, row: memoryview) -> None:
        row[HERE_AT] = 0
        self._free.append(row[7])
        row.release()

    def close(self, *, settled: bool) -> None:
        """`settled`: the state knows everything, so there is nothing to leave behind."""
        if settled:
            self._path.unlink(missing_ok=True)
        with contextlib.suppress(BufferError):  # a row is still in some slice: the map goes with it
            self._cells.release()
            self._map.close()
        fcntl.flock(self._handle, fcntl.LOCK_UN)  # the map may hold the file open, and the lock with it
        os.close(self._handle)


def left_behind(folder: Path) -> Iterator[tuple[str, list[Left], Path]]:
    """What processes that are gone had. Whoever settles it removes the file; until then it is held."""
    for path in sorted(folder.glob(f"*{_SUFFIX}"))[:LEFT_FILES_MAX]:
        try:
            handle = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            found = _read(Path(f"/proc/self/fd/{handle}").read_bytes())
        except BlockingIOError:
            continue  # it lives
        else:
            if found is None:
                path.unlink(missing_ok=True)  # it ended before it had anything
            elif path.exists():
                yield found[0], found[1], path
        finally:
            os.close(handle)


def _read(data: bytes) -> tuple[str, list[Left]] | None:
    try:
        header = msgspec.json.decode(data[:HEADER_BYTES].rstrip(b"\0"), type=_Header)
    except msgspec.DecodeError:
        return None
    sure = header.boot == boot_id()
    cells = memoryview(data)[HEADER_BYTES:].cast("q")
    left = []
    for at in range(0, len(cells) - ROW_CELLS + 1, ROW_CELLS):
        if cells[at + HERE_AT] != 1:
            if cells[at + KEY_AT] == 0:
                break  # rows are taken in order, and none after this one ever was
            continue
        used, reserved, ceiling = cells[at + USED_AT], cells[at + RESERVED_AT], cells[at + CEILING_AT]
        place = Place(f"{cells[at]:010x}", cells[at + KIND_AT], cells[at + WINDOW_AT])
        left.append(Left(place=place, used=used, reserved=reserved if sure else max(0, ceiling - used)))
    return header.owner, left


def boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""  # not told here: then no boot is another
