"""YAML as people really have it: with template lines that make it no YAML at all. By indentation, line by
line.
"""

from __future__ import annotations

import re

from freehold.estate.scan import flow
from freehold.estate.scan.tree import DEPTH_MAX, Node, TooDeepError

_ENTRY = re.compile(
    r"""(?P<key>"[^"]*"|'[^']*'|[^\s#{}\[\]"'][^\s:{}\[\]]*(?:[^:#]*?[^\s:#])?)\s*:(?:\s+(?P<rest>.*))?$"""
)
_TEMPLATE = re.compile(r"^\{\{-?\s*(?P<word>\w+)?\s*(?P<rest>.*?)-?\}\}$")
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_BLOCK = re.compile(r"[|>][+-]?\d?$")


class _Level:
    __slots__ = ("indent", "node")

    def __init__(self, indent: int, node: Node) -> None:
        self.indent, self.node = indent, node


def parse(text: str, line: int = 1) -> Node:
    """One tree for all documents of the file."""
    return _Reader(text, line).read()


class _Reader:
    def __init__(self, text: str, line: int) -> None:
        self.lines = text.splitlines()
        self.first = line
        self.root = Node(line)
        self.stack = [_Level(-1, self.root)]
        self.conditions: list[str] = []
        self.position = 0

    def read(self) -> Node:
        while self.position < len(self.lines):
            raw = self.lines[self.position]
            self.position += 1
            stripped = raw.strip()
            if not stripped or stripped.startswith("#"):
                continue
            if stripped in ("---", "..."):
                self.stack = [_Level(-1, self.root)]
            elif match := _TEMPLATE.match(stripped):
                self._template(match["word"] or "", match["rest"])
            else:
                self._line(raw, len(raw) - len(raw.lstrip(" ")))
        return self.root

    def _template(self, word: str, rest: str) -> None:
        if word in ("if", "with", "range"):
            self.conditions.append(rest.strip() if word == "if" else "")
        elif word == "end" and self.conditions:
            self.conditions.pop()

    def _line(self, raw: str, indent: int) -> None:
        number = self.first + self.position - 1
        content = raw.strip()
        while content.startswith("- ") or content == "-":
            parent = self._parent(indent, listing=True)
            item = self._new(number)
            parent.children.append(("", item))
            self._push(indent, item)
            rest = content[1:].lstrip(" ")
            indent += len(content) - len(rest)
            content = rest
            if not content:
                return
            if not _ENTRY.match(_uncomment(content)):
                self._fill(item, content, number, indent)
                return
        match = _ENTRY.match(_uncomment(content))
        if match is None:
            return
        parent = self._parent(indent, listing=False)
        child = self._new(number)
        parent.children.append((_bare(match["key"]), child))
        self._push(indent, child)
        self._fill(child, match["rest"] or "", number, indent)

    def _fill(self, node: Node, text: str, number: int, indent: int) -> None:
        text = _uncomment(text).strip()
        if _BLOCK.fullmatch(text):
            self._block(node, indent)
        elif text.startswith(("{", "[")) and not text.startswith("{{"):
            node.children = flow.parse(self._whole_flow(text), number, json=True, bare=True).children
        elif text and not text.startswith(("&", "*")):
            node.text = _bare(text)
            node.raw = "{{" in text or text.startswith("!")

    def _whole_flow(self, text: str) -> str:
        """A flow value may go on over the following lines, until its brackets close."""
        while text.count("{") + text.count("[") > text.count("}") + text.count("]"):
            if self.position >= len(self.lines) or text.count("\n") > 2000:
                break
            text += "\n" + self.lines[self.position]
            self.position += 1
        return text

    def _block(self, node: Node, indent: int) -> None:
        lines: list[str] = []
        while self.position < len(self.lines):
            line = self.lines[self.position]
            if line.strip() and len(line) - len(line.lstrip(" ")) <= indent:
                break
            lines.append(line)
            self.position += 1
        node.text, node.block = "\n".join(lines), True
        node.line = self.first + self.position - len(lines)

    def _parent(self, indent: int, *, listing: bool) -> Node:
        while self.stack[-1].indent > indent or (
            self.stack[-1].indent == indent and not self._holds(listing)
        ):
            self.stack.pop()
        if listing and self.stack[-1].indent == indent:
            return self.stack[-1].node
        return self.stack[-1].node

    def _holds(self, listing: bool) -> bool:
        """A list may stand at the indentation of its key; nothing else at the same indentation is a child."""
        node = self.stack[-1].node
        return listing and node.text is None and all(key == "" for key, _ in node.children)

    def _push(self, indent: int, node: Node) -> None:
        if len(self.stack) > DEPTH_MAX:
            raise TooDeepError
        self.stack.append(_Level(indent, node))

    def _new(self, line: int) -> Node:
        node = Node(line, children=[])
        active = [condition for condition in self.conditions if condition]
        if active:
            node.children.append(("{{if}}", Node(line, text=" ".join(active), raw=True)))
        return node


def _uncomment(text: str) -> str:
    if "#" not in text:
        return text
    if text[:1] in "\"'":
        end = text.find(text[0], 1)
        return text[: end + 1] + _COMMENT.sub("", text[end + 1 :])
    return _COMMENT.sub("", text)


def _bare(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text
