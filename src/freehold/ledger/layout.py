"""Where one writer's ledger keeps what, in its folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from freehold.errors import InputError

_WRITER = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_SEGMENT = re.compile(r"(\d{16})\.seg")


class Segment(msgspec.Struct, frozen=True, order=True):
    first: int
    path: Path


class Archived(msgspec.Struct, frozen=True, kw_only=True):
    """A closed segment that was moved away; its hashes stay in the tree."""

    first: int
    count: int
    sha256: str
    moved_to: str
    frontier: tuple[str, ...]  # after it, in hex


class Layout:
    """Paths only; nothing is opened here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.segments = folder / "segments"
        self.tree = folder / "tree"
        self.checkpoint = folder / "checkpoint"
        self.cosigned = folder / "cosigned"
        self.history = folder / "checkpoints"
        self.keys = folder / "keys"
        self.origin = folder / "origin"
        self.index = folder / "index.sqlite"
        self.lock = folder / "lock"
        self.opened = folder / "open"
        self.spill = folder / "spill"
        self.archived = folder / "archived"
        self.content = folder / "content"
        self.signing_key = folder / "key.pem"

    def segment(self, first: int) -> Path:
        return self.segments / f"{first:016}.seg"

    def segment_list(self) -> list[Segment]:
        found = (_SEGMENT.fullmatch(path.name) for path in self.segments.iterdir())
        return sorted(
            Segment(int(match[1]), self.segments / match[0]) for match in found if match is not None
        )

    @property
    def exists(self) -> bool:
        return self.origin.is_file() and self.segments.is_dir()


def writer_folder(root: Path, writer: str) -> Path:
    if not _WRITER.fullmatch(writer):
        raise InputError(
            f"{writer!r} cannot name a writer",
            why="a writer's name is 1 to 64 lower-case letters, digits, '.', '_' or '-'",
            fix="choose another [ledger] writer",
            code="ledger.writer-name",
        )
    return root / writer


def writers_in(root: Path) -> Iterator[Path]:
    """The folders of the writers that share a ledger; the folder of a single writer counts as itself."""
    if Layout(root).exists:
        yield root
    elif root.is_dir():
        yield from sorted(path for path in root.iterdir() if Layout(path).exists)


def write_whole(path: Path, data: bytes, *, sync: bool = False) -> None:
    """Replace a file so that a reader sees the old bytes or the new ones, never a part."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    if sync:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make new names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
