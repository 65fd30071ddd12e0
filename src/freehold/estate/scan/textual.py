"""Line-based files: .env, TOML and INI, Dockerfiles, shell scripts, makefiles, SQL. Each as the one kind
of tree.

Shell is where the rest hides: exports, curl, command lines of vendors, and files written by heredocs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from freehold.estate.scan import flow
from freehold.estate.scan.tree import Node

_ASSIGN = re.compile(
    r"\s*(?:export\s+|declare\s+-x\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)\s*[:?+]?=\s*(?P<value>.*)$"
)
_QUOTED = re.compile(r"""(["'])(?P<body>.*?)\1""")
_TABLE = re.compile(r"\s*\[\[?(?P<name>[^\]]+)\]\]?\s*(?:#.*)?$")
_DOCKER = re.compile(r"\s*(?P<word>ENV|ARG|FROM|RUN|CMD|ENTRYPOINT)\s+(?P<rest>.*)$", re.IGNORECASE)
_HEREDOC = re.compile(r"<<-?\s*(?P<quote>[\"']?)(?P<mark>[A-Za-z_]+)(?P=quote)")
_SQL_DEFAULT = re.compile(r"^\s*(?P<column>\w+)\s+\w+.*?\bDEFAULT\s+'(?P<value>[^']*)'", re.IGNORECASE)
_SQL_INSERT = re.compile(r"(?i)\bINSERT\s+INTO\s+\S+\s*\(([^)]*)\)")
_SQL_ROW = re.compile(r"\(((?:'[^']*'|[^()'])*)\)")
_SQL_VALUE = re.compile(r"'[^']*'|[^,\s][^,]*")


class Script(Node):
    """Shell text, for the reader of commands."""


def dotenv(text: str, line: int = 1) -> Node:
    root = Node(line)
    for number, raw in enumerate(text.splitlines(), line):
        match = None if raw.lstrip().startswith("#") else _ASSIGN.match(raw)
        if match:
            root.children.append((match["name"], Node(number, text=plain(match["value"]))))
    return root


def plain(value: str) -> str:
    """The value without its quotes or its trailing comment."""
    value = value.strip()
    quoted = _QUOTED.match(value)
    if quoted:
        return quoted["body"]
    return re.sub(r"\s+#.*$", "", value).strip()


def toml(text: str) -> Node:
    """TOML and INI: tables and keys at their lines. Values that are not scalars go to the flow reader."""
    root = Node(1)
    table = root
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        raw = lines[number]
        number += 1
        if raw.lstrip().startswith(("#", ";")):
            continue
        if match := _TABLE.match(raw):
            table = Node(number)
            node = root
            *parents, last = [part.strip(" \"'") for part in match["name"].split(".")]
            for part in parents:
                node = node.at((part,)) or _add(node, part, number)
            node.children.append((last, table))
        elif match := re.match(r"\s*(?P<key>[\w.\"' -]+?)\s*=\s*(?P<value>.*)$", raw):
            value, start = match["value"].strip(), number
            while value.count("[") + value.count("{") > value.count("]") + value.count("}") and number < len(
                lines
            ):
                value += "\n" + lines[number]
                number += 1
            table.children.append((match["key"].strip(" \"'"), _toml_value(value, start)))
    return root


def _add(node: Node, key: str, line: int) -> Node:
    child = Node(line)
    node.children.append((key, child))
    return child


def _toml_value(value: str, line: int) -> Node:
    if value.startswith(("[", "{")):
        return Node(line, children=flow.parse(value, line).children)
    return Node(line, text=plain(value))


def dockerfile(text: str) -> Node:
    root = Node(1)
    pending, start = "", 0
    for number, raw in enumerate(text.splitlines(), 1):
        if raw.lstrip().startswith("#"):
            continue
        start = start or number
        pending += raw.rstrip("\\ ") + " "
        if raw.rstrip().endswith("\\"):
            continue
        if match := _DOCKER.match(pending):
            _docker(match["word"].upper(), match["rest"].strip(), start, root)
        pending, start = "", 0
    return root


def _docker(word: str, rest: str, line: int, root: Node) -> None:
    if word in ("ENV", "ARG"):
        pairs = re.findall(r"""([A-Za-z_]\w*)=("[^"]*"|'[^']*'|\S+)""", rest)
        if not pairs and " " in rest:
            pairs = [tuple(rest.split(None, 1))]
        for name, value in pairs:
            root.children.append((name, Node(line, text=plain(value))))
    elif word == "FROM":
        root.children.append(("image", Node(line, text=rest.split()[0])))
    else:
        root.children.append(("run", Node(line, text=rest, block=True)))


def sql(text: str) -> Node:
    """Column defaults, which a table gives a row that says nothing, and the rows a migration inserts."""
    root = Node(1)
    columns: list[str] = []
    for number, raw in enumerate(text.splitlines(), 1):
        if raw.lstrip().startswith("--"):
            continue
        if match := _SQL_DEFAULT.match(raw):
            root.children.append((match["column"], Node(number, text=match["value"])))
        if match := _SQL_INSERT.search(raw):
            columns = [name.strip(' "`') for name in match[1].split(",")]
            raw = raw[match.end() :]
        for row in _SQL_ROW.findall(raw) if columns else ():
            for column, value in zip(columns, _SQL_VALUE.findall(row), strict=False):
                if value.startswith("'"):
                    root.children.append((column, Node(number, text=value[1:-1])))
        if raw.rstrip().endswith(";"):
            columns = []
    return root


def commands(text: str, line: int = 1) -> Iterator[tuple[int, str]]:
    """Commands with their lines, continuations joined, comments and heredoc bodies left out."""
    pending, start, mark = "", 0, None
    for number, raw in enumerate(text.splitlines(), line):
        if mark is not None:
            if raw.strip() == mark:
                mark = None
            continue
        stripped = raw.strip()
        if stripped.startswith("#"):
            continue
        start = start or number
        pending += (raw[:-1] if raw.endswith("\\") else raw) + " "
        if raw.endswith("\\"):
            continue
        if match := _HEREDOC.search(pending):
            mark = match["mark"]
        yield start, pending.strip()
        pending, start = "", 0


def heredocs(text: str, line: int = 1) -> Iterator[tuple[str, str, int]]:
    """(the command that takes it, body, first line of the body)."""
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        match = _HEREDOC.search(lines[number])
        number += 1
        if match is None or lines[number - 1].lstrip().startswith("#"):
            continue
        command, first, body = lines[number - 1], number, []
        while number < len(lines) and lines[number].strip() != match["mark"]:
            body.append(lines[number])
            number += 1
        yield command, "\n".join(body), line + first
