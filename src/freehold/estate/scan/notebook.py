"""Notebooks: the code cells, at the lines where the file has them; magics and shell lines are read as
shell.
"""

from __future__ import annotations

import re

from freehold.estate.scan import flow, python
from freehold.estate.scan import knowledge as know
from freehold.estate.scan.configs import Clue, ConfigFile, Setting, expression
from freehold.estate.scan.expr import Module
from freehold.estate.scan.shell import read_script
from freehold.estate.scan.tree import Node

_ENV = re.compile(r"%(?:env|set_env)\s+(\w+)[= ](.*)")
_AI = re.compile(r"%{1,2}ai\s+(\S+)")


def read(path: str, text: str) -> tuple[Module, ConfigFile]:
    root = flow.parse(text, json=True)
    file = ConfigFile(path=path, root=Node(1), clues=[], settings=[])
    source: list[str] = []
    lines: list[int] = []
    cells = root.get("cells")
    for _, cell in cells.entries() if cells else ():
        kind = cell.get("cell_type")
        if kind is not None and kind.text == "code":
            _cell(_lines(cell), source, lines, file)
    return python.read(path, "\n".join(source).encode(), lines), file


def _lines(cell: Node) -> list[tuple[int, str]]:
    """(line in the file, line of code)."""
    source = cell.get("source")
    if source is None:
        return []
    pieces = [source] if source.text is not None else [child for _, child in source.entries()]
    return [
        (piece.line, line) for piece in pieces for line in (piece.text or "").removesuffix("\n").split("\n")
    ]


def _cell(code: list[tuple[int, str]], source: list[str], lines: list[int], file: ConfigFile) -> None:
    first = code[0][1].strip() if code else ""
    if match := _AI.match(first):
        client = know.client_of_prefixed(match[1]) or know.client_of_model(match[1])
        if client is not None:
            file.clues.append(_used(code[0][0], client, match[1]))
        return
    if first.startswith(("%%bash", "%%sh", "%%script")):
        for line, text in code[1:]:
            _shell(line, text, file)
        return
    for line, text in code:
        stripped = text.strip()
        if match := _ENV.match(stripped):
            value = expression(Node(line, text=match[2].strip()))
            file.settings.append(Setting(name=f"env:{match[1]}", line=line, value=value, value_line=line))
        elif stripped.startswith("!"):
            _shell(line, stripped[1:], file)
        elif not stripped.startswith("%"):
            source.append(text)
            lines.append(line)


def _shell(line: int, text: str, file: ConfigFile) -> None:
    clues, settings = read_script(text, line)
    file.clues.extend(clues)
    file.settings.extend(settings)


def _used(line: int, client: know.Client, model: str) -> Clue:
    return Clue(line=line, vendor=client.vendor, api=client.api, state="used", what="%%ai", model=model)
