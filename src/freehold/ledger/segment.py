"""Segment files: frames, each one commit, that hold entries in the layout of tlog-tiles.

    frame   = header | frontier hashes | entries
    header  = 0000 | version | entries_bytes | first | count | frontier count | crc32   (28 bytes, big endian)
    entry   = length (2 bytes) | leaf

An entry bundle of tlog-tiles is 256 entries back to back, so an export copies bytes and never encodes. No
entry has length zero, so a frame cannot be taken for one. A frame is written and synced whole: records and
frontier are durable together, and a frame whose checksum fails at the very end of the last segment is a torn
write, cut off at the next start. Anywhere else it is damage, and reported.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import BinaryIO

import msgspec

from freehold.ledger.merkle import HASH_BYTES, Frontier

VERSION = 1
LEAF_BYTES_MAX = 65535
HEADER = struct.Struct(">HHIQIII")
LENGTH = struct.Struct(">H")


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """Where one commit lies in its segment, and what it claims."""

    offset: int
    entries: int  # where its entries begin
    end: int
    first: int
    count: int
    checksum: int
    frontier: tuple[bytes, ...]

    @property
    def size(self) -> int:
        """The size of the tree after this commit."""
        return self.first + self.count


def pack(first: int, leaves: Sequence[bytes], frontier: Frontier) -> bytes:
    """One frame: the leaves from number `first` on, and the frontier after them."""
    lengths = map(LENGTH.pack, map(len, leaves))
    entries = b"".join(chain.from_iterable(zip(lengths, leaves, strict=True)))
    hashes = b"".join(frontier.hashes())
    fields = (0, VERSION, len(entries), first, len(leaves), len(hashes) // HASH_BYTES)
    checksum = zlib.crc32(entries, zlib.crc32(hashes, zlib.crc32(HEADER.pack(*fields, 0))))
    return b"".join((HEADER.pack(*fields, checksum), hashes, entries))


def read_frame(file: BinaryIO, offset: int) -> Frame | None:
    """The head of the frame at `offset`, entries unread; None if there is no plausible one."""
    file.seek(offset)
    head = file.read(HEADER.size)
    if len(head) < HEADER.size:
        return None
    marker, version, entries_bytes, first, count, hashes, checksum = HEADER.unpack(head)
    if marker or version != VERSION or not count or (first + count).bit_count() != hashes:
        return None
    frontier = file.read(hashes * HASH_BYTES)
    if len(frontier) != hashes * HASH_BYTES:
        return None
    entries = offset + HEADER.size + len(frontier)
    return Frame(
        offset=offset, entries=entries, end=entries + entries_bytes, first=first, count=count,
        checksum=checksum, frontier=tuple(frontier[at : at + 32] for at in range(0, len(frontier), 32)),
    )  # fmt: skip


def frames(file: BinaryIO) -> Iterator[Frame]:
    """The frames of a segment from its beginning, entries unread; stops where there is no whole one."""
    size = file.seek(0, 2)
    offset = 0
    while (frame := read_frame(file, offset)) is not None and frame.end <= size:
        yield frame
        offset = frame.end


def read_entries(file: BinaryIO, frame: Frame) -> bytes:
    file.seek(frame.entries)
    return file.read(frame.end - frame.entries)


def whole(frame: Frame, entries: bytes) -> bool:
    """Does the checksum hold?"""
    hashes = len(frame.frontier)
    head = HEADER.pack(0, VERSION, len(entries), frame.first, frame.count, hashes, 0)
    checksum = zlib.crc32(entries, zlib.crc32(b"".join(frame.frontier), zlib.crc32(head)))
    return checksum == frame.checksum and frame.end - frame.entries == len(entries)


def split(entries: bytes) -> Iterator[bytes]:
    """The leaves of an entry bundle."""
    offset, end, unpack = 0, len(entries), LENGTH.unpack_from
    while offset < end - 1:
        start = offset + 2
        offset = start + unpack(entries, offset)[0]
        yield entries[start:offset]
