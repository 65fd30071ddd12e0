"""What a pocket home was asked and how it ended: bounded, and without any credential."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec

from freehold.errors import UnavailableError
from freehold.pocket.keys import SECRET_HEADERS

ENTRIES_MAX = 1000
BODY_BYTES_MAX = 65_536
FILE_BYTES_MAX = 256 * 1024 * 1024
_KEY = re.compile(r"([?&]key=)[^&]*")

Ended = Literal["open", "whole", "fault", "client_left"]


class Logged(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One request. `body` is its first part, as text."""

    number: int
    at_ns: int
    home: str
    method: str
    path: str
    model: str = ""
    stream: bool = False
    fault: str = ""  # the name of the rule that was played
    ended: Ended = "open"
    sent_bytes: int = 0
    output_tokens: int = 0
    headers: dict[str, str] = {}
    body: str = ""


class RequestLog:
    def __init__(self, path: Path | None = None) -> None:
        self._kept: OrderedDict[int, Logged] = OrderedDict()
        self._file: BinaryIO | None = _opened(path) if path else None
        self._count = 0

    def next_number(self) -> int:
        self._count += 1
        return self._count

    def keep(self, entry: Logged) -> None:
        """Once as it comes in, so that no client knows its answer before the log does; once at its end."""
        self._kept[entry.number] = entry
        if len(self._kept) > ENTRIES_MAX:
            self._kept.popitem(last=False)
        if entry.ended != "open":
            self._write(entry)

    def _write(self, entry: Logged) -> None:
        if self._file is not None and self._file.tell() < FILE_BYTES_MAX:
            self._file.write(msgspec.json.encode(entry) + b"\n")
            self._file.flush()

    @property
    def entries(self) -> tuple[Logged, ...]:
        return tuple(self._kept.values())

    def clear(self) -> None:
        self._kept.clear()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("ab")
    except OSError as error:
        raise UnavailableError(
            f"the request log {str(path)!r} cannot be written",
            why=error.strerror or str(error),
            fix="make its folder and permissions right, or name another place",
            code="pocket.unwritable-log",
        ) from error


def without_secrets(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: "(hidden)" if name in SECRET_HEADERS else value for name, value in headers.items()}


def without_key(target: str) -> str:
    return _KEY.sub(r"\1(hidden)", target)


def shown(body: bytes) -> str:
    return body[:BODY_BYTES_MAX].decode("utf-8", "replace")
