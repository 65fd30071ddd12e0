"""Bracketed text: JSON, HCL, Bicep, and the {...} and [...] of YAML. One tolerant parser for all.

An entry is some words, then `=`, `:` or a block: `resource "a" "b" { ... }`, `key = value`, `"key": value`.
What is not a literal is kept as raw text. Broken input gives what was understood up to there.
"""

from __future__ import annotations

import re

from freehold.estate.scan.tree import DEPTH_MAX, Node, TooDeepError

_TOKEN = re.compile(
    r"""
      (?P<space>[ \t\r]+)
    | (?P<newline>\n)
    | (?P<comment>\#[^\n]*|//[^\n]*|/\*.*?\*/)
    | (?P<heredoc><<-?\s*"?(?P<mark>[A-Za-z_]+)"?[^\n]*\n(?P<body>.*?)\n[ \t]*(?P=mark)\b)
    | (?P<string>"(?:\\.|\$\{[^{}]*\}|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
    | (?P<open>[\[{(])
    | (?P<close>[\]})])
    | (?P<colon>:(?!:)|=(?![=>]))
    | (?P<comma>,)
    | (?P<word>[^\s\[\]{}(),:="'\#]+(?:::[^\s\[\]{}(),:="']+)*)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


class _Tokens:
    def __init__(self, text: str, line: int, *, json: bool, bare: bool) -> None:
        self.bare = bare
        self.items: list[tuple[str, str, int]] = []
        for match in _TOKEN.finditer(text):
            kind, value = match.lastgroup or "other", match[0]
            if kind in ("mark", "body"):
                kind = "heredoc"
            if kind == "newline":
                self.items.append((kind, value, line))
            elif kind == "heredoc":
                self.items.append((kind, match["body"], line + 1))
            elif kind == "comment" and json and value.startswith("#"):
                self.items.append(("other", value, line))
            elif kind not in ("space", "comment"):
                self.items.append((kind, value, line))
            line += value.count("\n")
        self.position = 0

    def peek(self) -> tuple[str, str, int]:
        if self.position < len(self.items):
            return self.items[self.position]
        return ("end", "", self.items[-1][2] if self.items else 1)

    def next(self) -> tuple[str, str, int]:
        token = self.peek()
        self.position += 1
        return token

    def skip_lines(self) -> None:
        while self.peek()[0] in ("newline", "comma"):
            self.position += 1


def parse(text: str, line: int = 1, *, json: bool = False, bare: bool = False) -> Node:
    """The whole text as one mapping (or the one value that it is). `bare`: words without quotes are text."""
    tokens = _Tokens(text, line, json=json, bare=bare)
    tokens.skip_lines()
    kind, value, at = tokens.peek()
    if kind == "open" and value in "{[":
        return _value(tokens, 0)
    node = Node(at)
    _body(tokens, node, 0)
    return node


def _body(tokens: _Tokens, into: Node, depth: int) -> None:
    if depth > DEPTH_MAX:
        raise TooDeepError
    while True:
        tokens.skip_lines()
        kind, _, _ = tokens.peek()
        if kind in ("close", "end"):
            return
        if not _entry(tokens, into, depth):
            tokens.next()


def _entry(tokens: _Tokens, into: Node, depth: int) -> bool:
    """One `words = value` or `words { ... }`; False if nothing could be read."""
    heads: list[tuple[str, int]] = []
    start = tokens.position
    while tokens.peek()[0] in ("word", "string"):
        kind, value, line = tokens.next()
        heads.append((_unquote(value) if kind == "string" else value, line))
    kind, value, line = tokens.peek()
    if not heads:
        return False
    if kind == "colon":
        tokens.next()
        child = _value(tokens, depth + 1)
    elif kind == "open" and value == "{":
        child = _value(tokens, depth + 1)
    else:
        if tokens.position == start:
            tokens.next()
        return True
    child.line = heads[0][1] if child.children or child.text is None else child.line
    for name, at in reversed(heads[1:]):
        child = Node(at, children=[(name, child)])
    into.children.append((heads[0][0], child))
    return True


def _value(tokens: _Tokens, depth: int) -> Node:
    if depth > DEPTH_MAX:
        raise TooDeepError
    while tokens.peek()[0] == "newline":
        tokens.next()
    kind, value, line = tokens.peek()
    if kind == "open" and value == "{":
        return _map(tokens, line, depth)
    if kind == "open":
        return _list(tokens, line, depth)
    if kind == "heredoc":
        tokens.next()
        return Node(line, text=value, block=True)
    if kind == "string" and _alone(tokens):
        tokens.next()
        return Node(line, text=_unquote(value))
    return _raw(tokens, line, depth)


def _alone(tokens: _Tokens) -> bool:
    following = tokens.items[tokens.position + 1][0] if tokens.position + 1 < len(tokens.items) else "end"
    return following in ("newline", "comma", "close", "end")


def _map(tokens: _Tokens, line: int, depth: int) -> Node:
    tokens.next()
    node = Node(line, children=[])
    _body(tokens, node, depth + 1)
    tokens.next()
    return node


def _list(tokens: _Tokens, line: int, depth: int) -> Node:
    tokens.next()
    node = Node(line, children=[])
    while True:
        tokens.skip_lines()
        if tokens.peek()[0] in ("close", "end"):
            tokens.next()
            return node
        before = tokens.position
        node.children.append(("", _value(tokens, depth + 1)))
        if tokens.position == before:
            tokens.next()


def _raw(tokens: _Tokens, line: int, depth: int) -> Node:
    """Text up to the end of the line; what a call such as jsonencode({...}) holds is read as well."""
    parts: list[str] = []
    inner: Node | None = None
    while True:
        kind, value, _ = tokens.peek()
        if kind in ("newline", "comma", "close", "end"):
            break
        if kind == "open":
            inner = _list(tokens, line, depth + 1) if value != "{" else _map(tokens, line, depth + 1)
            parts.append(value)
            if len(inner.children) == 1 and inner.children[0][1].children:
                inner = inner.children[0][1]
            continue
        tokens.next()
        parts.append(value)
    if inner is not None and inner.children and parts[:1] != ["."]:
        return Node(line, children=inner.children)
    return Node(line, text="".join(parts), raw=not tokens.bare)


def _unquote(text: str) -> str:
    body = text[1:-1]
    return _ESCAPE.sub(_escaped, body) if "\\" in body else body


def _escaped(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[1], match[1])
