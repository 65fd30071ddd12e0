"""From a path to a parsed table: every way in which a file can be wrong before its settings are looked at."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from freehold.config.lines import MAX_DEPTH, KeyPath, TooDeepError, key_lines
from freehold.config.secrets import writable_by_others
from freehold.errors import InputError, Problem, ProblemsError
from freehold.types.names import Digest

MAX_CONFIG_BYTES = 4 * 1024 * 1024

_PLACE = re.compile(r"(.*?) \((?:at line (\d+), column (\d+)|at end of document)\)", re.DOTALL)
_DUPLICATE = (
    "Cannot overwrite",
    "Cannot declare",
    "Duplicate inline table key",
    "Cannot mutate",
    "Cannot redefine",
)


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A TOML file that could be read: its table, where each key stands, and the digest of its bytes."""

    source: Path
    digest: Digest
    table: dict[str, Any]
    lines: dict[KeyPath, int]
    writable_by_others: bool


def read_document(path: Path) -> Document:
    raw = read_bytes(path)
    table, lines = parse(raw, str(path))
    return Document(
        source=path,
        digest=digest_of(raw),
        table=table,
        lines=lines,
        writable_by_others=writable_by_others(path),
    )


def digest_of(raw: bytes) -> Digest:
    return Digest(f"sha256:{hashlib.sha256(raw).hexdigest()}")


def read_bytes(path: Path) -> bytes:
    """The bytes of a regular file of bounded size; pipes and devices are never opened."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise InputError(
                f"{str(path)!r} is {_kind(mode)}, not a file",
                why="settings are read from a regular file",
                fix="name the file itself, such as freehold.toml",
                code="config.not-a-file",
            )
        # Not blocking: if a pipe took the file's place just now, this must not wait for a writer.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            raw = file.read(MAX_CONFIG_BYTES + 1)
    except FileNotFoundError:
        raise not_found(path) from None
    except (OSError, ValueError) as error:
        raise InputError(
            f"{str(path)!r} cannot be read",
            why=getattr(error, "strerror", None) or "the name is not one that a file can have",
            fix="check the path, its symbolic links and its permissions",
            code="config.unreadable",
        ) from None
    if len(raw) > MAX_CONFIG_BYTES:
        raise InputError(
            f"{str(path)!r} is larger than {MAX_CONFIG_BYTES} bytes",
            why="a settings file has at most 4 MiB",
            fix="check that this is the right file",
            code="config.too-large",
        )
    return raw


def not_found(path: Path) -> InputError:
    return InputError(
        f"{str(path)!r} does not exist",
        why=f"looked in {str(Path.cwd())!r}" if not path.is_absolute() else "nothing is there",
        fix="name another file with -c, or write one to start from: freehold init",
        code="config.not-found",
    )


def parse(raw: bytes, source: str) -> tuple[dict[str, Any], dict[KeyPath, int]]:
    """Bytes to a table and the line of each of its keys."""
    text = _decode(raw, source)
    try:
        lines = key_lines(text)
        table = tomllib.loads(text)
    except TooDeepError as error:
        _fail(source, "config.too-deep", f"nested deeper than {MAX_DEPTH} levels", error.line,
              "settings are a few levels deep", "check that this is the right file")  # fmt: skip
    except RecursionError:
        _fail(source, "config.too-deep", f"nested deeper than {MAX_DEPTH} levels", None,
              "settings are a few levels deep", "check that this is the right file")  # fmt: skip
    except ValueError as error:  # TOMLDecodeError, and int() on thousands of digits
        _syntax(source, str(error), text)
    if not table:
        raise InputError(
            f"{source!r} holds no settings",
            why="the file is empty, or everything in it is commented out",
            fix="write one to start from: freehold init --force",
            code="config.empty",
        )
    return table, lines


def _decode(raw: bytes, source: str) -> str:
    if b"\x00" in raw:
        raise InputError(
            f"{source!r} is not a text file",
            why=f"byte {raw.index(0)} is zero",
            fix="name a TOML file",
            code="config.binary",
        )
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{source!r} is not UTF-8",
            why=f"byte {error.start} (line {line}) cannot be decoded",
            fix="save the file as UTF-8",
            code="config.not-utf8",
        ) from None
    if text.startswith("\ufeff"):
        raise InputError(
            f"{source!r} starts with a byte-order mark",
            why="TOML is UTF-8 without one",
            fix="save the file as UTF-8 without a byte-order mark",
            code="config.not-utf8",
        )
    return text


def _syntax(source: str, message: str, text: str) -> NoReturn:
    match = _PLACE.fullmatch(message)
    what = match[1] if match else "a number has too many digits"
    line = int(match[2]) if match and match[2] else None
    column = f", column {match[3]}" if match and match[3] else ""
    if match is not None and line is None:
        line = text.count("\n") + 1
    if what.startswith(_DUPLICATE):
        _fail(source, "config.duplicate-key", f"a key or table is defined twice{column}", line,
              "TOML allows each key and each table once", "remove one of the two, or rename it")  # fmt: skip
    what = what[:1].lower() + what[1:200]
    _fail(source, "config.syntax", f"not valid TOML: {what}{column}", line,
          "the file follows https://toml.io", "correct the line; text goes between quotes")  # fmt: skip


def _fail(source: str, code: str, what: str, line: int | None, why: str, fix: str) -> NoReturn:
    raise ProblemsError(source, [Problem(code=code, what=what, line=line, why=why, fix=fix)]) from None


def _kind(mode: int) -> str:
    kinds = (
        (stat.S_ISDIR, "a directory"), (stat.S_ISFIFO, "a named pipe"), (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"),
    )  # fmt: skip
    return next((words for test, words in kinds if test(mode)), "something else")
