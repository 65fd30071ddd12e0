"""The head of a request, read strictly: what is usual is read here, what is unusual goes to httptools whole.

A parser written at home is where requests are smuggled. So this one accepts only heads that match one
regular expression end to end and say their length exactly once; it never guesses. `careful.py` reads the
rest with httptools, or refuses it, and the two are fuzzed against each other.
"""

from __future__ import annotations

import re
from typing import Any, Final

# name ":" value CRLF, again and again: no folding, no bare CR or LF, no control bytes, nothing beyond ASCII.
_LINES = re.compile(rb"(?:[!#$%&'*+.^_`|~0-9a-z-]+:[\t\x20-\x7e]*\r\n)+")
_TARGET = re.compile(rb"/[\x21-\x7e]*")
_LENGTH = re.compile(rb"[ \t]*([0-9]{1,15})[ \t]*\r\n")
METHODS: Final = {b"POST": "POST", b"GET": "GET", b"DELETE": "DELETE", b"PUT": "PUT", b"PATCH": "PATCH"}
# A head that says one of these is for the careful reader. Looked for as words, so a value may trip it too.
_UNUSUAL = re.compile(
    rb"\r\n(?:transfer-encoding|expect|upgrade|te|trailer|connection|keep-alive|http2-settings):"
)
_KEEP_ALIVE = b"\r\nconnection: keep-alive\r\n"
HOST: Final = b"\r\nhost:"
_CONTENT_LENGTH: Final = b"\r\ncontent-length:"


class Head:
    """One request head. `lower` begins and ends with CRLF, so that a header is found as b"\\r\\nname:"."""

    __slots__ = ("keep", "length", "line", "lower", "memo", "method", "raw", "target")

    def __init__(
        self, method: str, target: bytes, line: bytes, lower: bytes, raw: bytes, length: int, keep: bool
    ) -> None:
        self.method, self.target, self.line = method, target, line
        self.lower, self.raw, self.length, self.keep = lower, raw, length, keep
        self.memo: Any = None  # what the plane made of it, for when the same head comes again

    def get(self, name: bytes) -> bytes | None:
        """The value of the first header `name` (lower case), as it was sent."""
        at = self.lower.find(b"\r\n%b:" % name)
        if at < 0:
            return None
        start = at + len(name) + 3
        return self.raw[start : self.lower.find(b"\r\n", start)].strip()

    def headers(self) -> dict[str, str]:
        """Every header, names in lower case, repeated ones joined with a comma."""
        found: dict[str, str] = {}
        for line in self.raw[2:-2].split(b"\r\n"):
            name, _, value = line.partition(b":")
            key, text = name.decode("ascii").lower(), value.strip().decode("latin-1")
            found[key] = f"{found[key]}, {text}" if key in found else text
        return found


def scan(data: bytes, end: int) -> Head | None:
    """The head that ends at `end` (where CRLF CRLF begins), or None: give it to the careful reader."""
    first = data.find(b"\r\n")
    words = data[:first].split(b" ")
    if len(words) != 3 or words[2] != b"HTTP/1.1":
        return None
    method = METHODS.get(words[0])
    if method is None or _TARGET.fullmatch(words[1]) is None:
        return None
    raw = data[first : end + 2]
    lower = raw.lower()
    if _LINES.fullmatch(lower, 2) is None or lower.count(HOST) != 1:
        return None
    if _UNUSUAL.search(lower) is not None and not _only_keep_alive(lower):
        return None
    length = 0
    at = lower.find(_CONTENT_LENGTH)
    if at >= 0:
        found = _LENGTH.match(lower, at + 17)
        if found is None or lower.find(_CONTENT_LENGTH, at + 17) >= 0:
            return None
        length = int(found[1])
    return Head(method, words[1], data[:first], lower, raw, length, True)


def _only_keep_alive(lower: bytes) -> bool:
    """`connection: keep-alive` is what many clients say and changes nothing."""
    return _KEEP_ALIVE in lower and len(_UNUSUAL.findall(lower)) == 1
