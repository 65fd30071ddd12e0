"""Structured text as one kind of tree, whatever its syntax, with a line on every node."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

DEPTH_MAX = 100


class TooDeepError(Exception):
    """Nested beyond DEPTH_MAX."""


class Node(msgspec.Struct):
    """A scalar (text), a mapping (keys with repetitions) or a list (keys are empty)."""

    line: int
    text: str | None = None
    children: list[tuple[str, Node]] = []
    raw: bool = False  # an expression of the file's own language, not a literal
    block: bool = False  # text over several lines, such as a script
    off: bool = False  # inside a template condition that the values switch off

    def get(self, *names: str) -> Node | None:
        """The first child with one of these keys, whatever the case."""
        for key, child in self.children:
            if key.lower() in names:
                return child
        return None

    def entries(self) -> Iterator[tuple[str, Node]]:
        yield from self.children

    def at(self, keys: tuple[str, ...]) -> Node | None:
        """Follow a path; a number indexes a list."""
        node: Node = self
        for key in keys:
            found = next((child for name, child in node.children if name == key), None)
            if found is None and key.isdigit() and int(key) < len(node.children):
                found = node.children[int(key)][1]
            if found is None:
                return None
            node = found
        return node
