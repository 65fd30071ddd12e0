"""Times as seconds since 1970 in UTC: read from the forms evidence uses, shown in one form."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from freehold.seal.attest.malformed import malformed

_FORM = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?Z", re.ASCII)


def parse_time_s(text: object, name: str) -> int:
    """ "2025-06-25T00:00:00Z" -> seconds."""
    match = _FORM.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise malformed(f"{name} is not a time", why="expected the form 2025-06-25T00:00:00Z")
    try:
        return int(datetime(*map(int, match.groups()), tzinfo=UTC).timestamp())  # type: ignore[arg-type, misc]  # six integers
    except ValueError as error:
        raise malformed(f"{name} is not a time", why=str(error)) from error


def show_time(at_s: int) -> str:
    try:
        return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{at_s} s since 1970"
