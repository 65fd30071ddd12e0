"""Tiles for the world: C2SP tlog-tiles, static files that any web server hands out and anybody can check."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import msgspec

from freehold.errors import UnavailableError
from freehold.ledger.checkpoint import Checkpoint
from freehold.ledger.layout import write_whole
from freehold.ledger.merkle import TILE_WIDTH
from freehold.ledger.note import Note
from freehold.ledger.segment import LENGTH
from freehold.ledger.store import Reader
from freehold.ledger.treefiles import complete_at


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    origin: str
    size: int
    tiles_written: int
    archived: int  # entries before this one are not here: their bytes were moved away


def export(reader: Reader, folder: Path, progress: Callable[[int], None] | None = None) -> Exported:
    """Write what is new since the last export to this folder; the checkpoint last."""
    note = reader.checkpoint()
    if note is None:
        raise UnavailableError(
            "there is nothing to export yet",
            why="no checkpoint was signed",
            fix="start the writer once; it signs within a second of the first record",
            code="ledger.not-covered",
        )
    folder.mkdir(parents=True, exist_ok=True)
    size = Checkpoint.parse(Note.parse(note).text).size
    written = sum(_write(folder / name, data) for name, data in _hash_tiles(reader, folder, size))
    archived = reader.archived_size()
    for name, data, more in _entry_bundles(reader, folder, archived, size):
        written += _write(folder / name, data)
        if progress:
            progress(more)
    write_whole(folder / "checkpoint", note.encode())
    return Exported(origin=reader.origin, size=size, tiles_written=written, archived=archived)


def tile_name(level: int | str, tile: int, width: int = TILE_WIDTH) -> str:
    """tile/0/x001/234, with .p/WIDTH where it is not full."""
    digits = f"{tile % 1000:03}"
    while tile >= 1000:
        tile //= 1000
        digits = f"x{tile % 1000:03}/{digits}"
    return f"tile/{level}/{digits}" + (f".p/{width}" if width < TILE_WIDTH else "")


def _hash_tiles(reader: Reader, folder: Path, size: int) -> Iterator[tuple[str, bytes]]:
    level = 0
    while count := complete_at(level, size):
        for start in range(0, count, TILE_WIDTH):
            stop = min(start + TILE_WIDTH, count)
            name = tile_name(level, start // TILE_WIDTH, stop - start)
            if not (folder / name).exists():
                yield name, reader.hashes(level, start, stop)
        level += 1


def _entry_bundles(
    reader: Reader, folder: Path, archived: int, size: int
) -> Iterator[tuple[str, bytes, int]]:
    start = -(-archived // TILE_WIDTH) * TILE_WIDTH
    while start + TILE_WIDTH <= size and (folder / tile_name("entries", start // TILE_WIDTH)).exists():
        start += TILE_WIDTH
    leaves = reader.leaves(start, size) if start < size else iter(())
    while part := list(islice(leaves, TILE_WIDTH)):
        name = tile_name("entries", start // TILE_WIDTH, len(part))
        start += len(part)
        yield name, b"".join(LENGTH.pack(len(leaf)) + leaf for leaf in part), len(part)


def _write(path: Path, data: bytes) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, data)
    return 1
