"""The reserve for when the store is away: a file whose space is set aside beforehand.

So it takes records even where the disk is full. Every record in it is synced; they go into the tree, in
order, as soon as the store is back. Its head also counts what had to be given up: a gap outlives a crash.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

HEAD_BYTES = 4096
SPILL_BYTES = 32 * 1024 * 1024
_HEAD = struct.Struct(">8sQQQQI")  # magic, generation, lost, first lost ns, last lost ns, crc
_MAGIC = b"fhspill1"
_RECORD = struct.Struct(">II")  # length, crc over generation and body


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """Records that could not be kept."""

    records: int = 0
    from_ns: int = 0
    to_ns: int = 0


class Spill:
    """Append-only between two `reset`s."""

    def __init__(self, path: Path, size_bytes: int = SPILL_BYTES) -> None:
        self._size = HEAD_BYTES + size_bytes
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(self._file).st_size < self._size:
            os.posix_fallocate(self._file, 0, self._size)
            os.fsync(self._file)
        self.lost, self._generation = self._read_head()
        self._end = HEAD_BYTES
        self._at = HEAD_BYTES
        self.waiting = sum(1 for _ in self._scan())
        self._at = HEAD_BYTES

    def room_bytes(self) -> int:
        return max(0, self._size - self._end - _RECORD.size)

    def add(self, bodies: Sequence[bytes]) -> int:
        """Keep as many as fit, synced; say how many that were. OSError if none could be."""
        parts, used = [], 0
        for body in bodies:
            used += _RECORD.size + len(body)
            if used > self.room_bytes():
                break
            parts.append(_RECORD.pack(len(body), self._checksum(body)) + body)
        if parts:
            data = b"".join(parts) + bytes(_RECORD.size)
            if os.pwrite(self._file, data, self._end) != len(data):
                raise OSError(28, "No space left on device")
            os.fdatasync(self._file)
            self._end += len(data) - _RECORD.size
            self.waiting += len(parts)
        return len(parts)

    def peek(self, records_max: int) -> list[bytes]:
        """The oldest records that are not yet taken."""
        found: list[bytes] = []
        at = self._at
        while len(found) < records_max and (body := self._body(at)) is not None:
            found.append(body)
            at += _RECORD.size + len(body)
        return found

    def taken(self, bodies: Sequence[bytes]) -> None:
        """These are in the tree. When all are, the space is free again."""
        self._at += sum(_RECORD.size + len(body) for body in bodies)
        self.waiting -= len(bodies)
        if self._at == self._end:
            self._generation += 1
            self._end = self._at = HEAD_BYTES
            self.waiting = 0
            self._write_head()

    def count_lost(self, lost: Lost) -> None:
        """Remember what was given up; an empty Lost once the gap is in the tree."""
        self.lost = lost
        self._write_head()

    def close(self) -> None:
        os.close(self._file)

    def _scan(self) -> list[bytes]:
        found: list[bytes] = []
        while (body := self._body(self._end)) is not None:
            found.append(body)
            self._end += _RECORD.size + len(body)
        return found

    def _body(self, at: int) -> bytes | None:
        head = os.pread(self._file, _RECORD.size, at)
        if len(head) < _RECORD.size:
            return None
        length, checksum = _RECORD.unpack(head)
        if not 0 < length <= self._size:
            return None
        body = os.pread(self._file, length, at + _RECORD.size)
        return body if len(body) == length and self._checksum(body) == checksum else None

    def _checksum(self, body: bytes) -> int:
        """A record of an earlier generation does not count: its space was freed."""
        return zlib.crc32(body, self._generation & 0xFFFFFFFF)

    def _read_head(self) -> tuple[Lost, int]:
        data = os.pread(self._file, _HEAD.size, 0)
        if len(data) == _HEAD.size:
            magic, generation, records, from_ns, to_ns, checksum = _HEAD.unpack(data)
            if magic == _MAGIC and zlib.crc32(data[:-4]) == checksum:
                return Lost(records=records, from_ns=from_ns, to_ns=to_ns), generation
        return Lost(), 1

    def _write_head(self) -> None:
        lost = self.lost
        fields = (_MAGIC, self._generation, lost.records, lost.from_ns, lost.to_ns)
        checksum = zlib.crc32(_HEAD.pack(*fields, 0)[:-4])
        os.pwrite(self._file, _HEAD.pack(*fields, checksum), 0)
        os.fdatasync(self._file)
