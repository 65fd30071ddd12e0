"""On which line each key of a TOML text stands, which tomllib does not say.

The scanner knows where keys and values begin and end and nothing else: tomllib stays the judge of what is
valid. On text that is not TOML it stops early and reports what it has seen. It is also the first to look at
the text, so it bounds nesting before tomllib, which is slow on keys of many parts, ever sees it.
"""

from __future__ import annotations

import contextlib
import re
import tomllib

KeyPath = tuple[str | int, ...]

MAX_DEPTH = 32  # tables, arrays and parts of a dotted key, all together

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BLANK = re.compile(r"[ \t]*")
_BLANK_LINES = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_SCALAR = re.compile(r"[^,\]}\n#]*")
_STRINGS = (
    re.compile(r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}', re.DOTALL),
    re.compile(r"'''(?:[^']|'{1,2}(?!'))*'{3,5}", re.DOTALL),
    re.compile(r'"(?:[^"\\\n]|\\.)*"'),
    re.compile(r"'[^'\n]*'"),
)


class TooDeepError(Exception):
    """Nesting beyond MAX_DEPTH."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


class _NotTomlError(Exception):
    """The scanner cannot go on; tomllib will say why."""


def key_lines(text: str) -> dict[KeyPath, int]:
    """Every key path of the text, with the line where it first appears. Array elements count as keys."""
    scanner = _Scanner(text)
    with contextlib.suppress(_NotTomlError):  # tomllib reads the same text next and names the place
        scanner.document()
    return scanner.lines


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.lines: dict[KeyPath, int] = {}
        self._tables_of: dict[KeyPath, int] = {}  # arrays of tables: how many elements so far
        self._line = 1
        self._counted = 0

    def document(self) -> None:
        table: KeyPath = ()
        self._skip(_BLANK_LINES)
        while self.position < len(self.text):
            if self.text.startswith("[", self.position):
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK_LINES)

    def _header(self) -> KeyPath:
        many = self.text.startswith("[[", self.position)
        line = self._line_now()
        self.position += 2 if many else 1
        parts = self._key()
        self._expect("]]" if many else "]")
        path: KeyPath = ()
        for part in parts[:-1]:
            path = self._inside((*path, part), line)
        path = (*path, parts[-1])
        if not many:
            return self._inside(path, line)
        self._mark(path, line)
        index = self._tables_of.get(path, 0)
        self._tables_of[path] = index + 1
        return self._mark((*path, index), line)

    def _inside(self, path: KeyPath, line: int) -> KeyPath:
        """The table at `path`; for an array of tables, its newest element."""
        self._mark(path, line)
        count = self._tables_of.get(path)
        return path if count is None else (*path, count - 1)

    def _pair(self, table: KeyPath) -> None:
        line = self._line_now()
        path = table
        for part in self._key():
            path = self._mark((*path, part), line)
        self._expect("=")
        self._skip(_BLANK)
        self._value(path)

    def _key(self) -> list[str]:
        parts: list[str] = []
        while True:
            self._skip(_BLANK)
            parts.append(self._key_part())
            if len(parts) > MAX_DEPTH:
                raise TooDeepError(self._line_now())
            self._skip(_BLANK)
            if not self.text.startswith(".", self.position):
                return parts
            self.position += 1

    def _key_part(self) -> str:
        quote = self.text[self.position : self.position + 1]
        if quote in ('"', "'") and quote:
            raw = self._string()
            return unquote(raw)
        match = _BARE_KEY.match(self.text, self.position)
        if match is None:
            raise _NotTomlError
        self.position = match.end()
        return match[0]

    def _string(self) -> str:
        for pattern in _STRINGS:
            match = pattern.match(self.text, self.position)
            if match is not None:
                self.position = match.end()
                return match[0]
        raise _NotTomlError

    def _value(self, path: KeyPath) -> None:
        opening = self.text[self.position : self.position + 1]
        if opening in ('"', "'") and opening:
            self._string()
        elif opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline_table(path)
        else:
            self._skip(_SCALAR)

    def _array(self, path: KeyPath) -> None:
        self.position += 1
        index = 0
        while True:
            self._skip(_BLANK_LINES)
            if self._take("]"):
                return
            self._mark((*path, index), self._line_now())
            self._value((*path, index))
            index += 1
            self._skip(_BLANK_LINES)
            if not self._take(","):
                self._expect("]")
                return

    def _inline_table(self, path: KeyPath) -> None:
        self.position += 1
        while True:
            self._skip(_BLANK_LINES)
            if self._take("}"):
                return
            self._pair(path)
            self._skip(_BLANK_LINES)
            if not self._take(","):
                self._expect("}")
                return

    def _mark(self, path: KeyPath, line: int) -> KeyPath:
        if len(path) > MAX_DEPTH:
            raise TooDeepError(line)
        self.lines.setdefault(path, line)
        return path

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.position)
        if match is not None:
            self.position = match.end()

    def _take(self, token: str) -> bool:
        if self.text.startswith(token, self.position):
            self.position += len(token)
            return True
        return False

    def _expect(self, token: str) -> None:
        if not self._take(token):
            raise _NotTomlError

    def _line_now(self) -> int:
        self._line += self.text.count("\n", self._counted, self.position)
        self._counted = self.position
        return self._line


def unquote(raw: str) -> str:
    """The text of a quoted key; tomllib decodes escapes, so the two cannot disagree."""
    if "\\" not in raw:
        return raw[1:-1]
    try:
        return str(tomllib.loads(f"key = {raw}")["key"])
    except tomllib.TOMLDecodeError as error:
        raise _NotTomlError from error
