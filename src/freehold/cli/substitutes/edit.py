"""One figure in freehold.toml, and nothing else of it: comments, order and form stay as they are.

The text is edited, and what came of it is read again: if the new file says anything more or less than the one
figure, nothing is written and the lines to add are printed instead.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from freehold.errors import InputError

_TOKEN = re.compile(
    r'"""(?:[^\\]|\\.)*?"""|' r"'''.*?'''|" r'"(?:[^"\\\n]|\\.)*"|' r"'[^'\n]*'|#[^\n]*|[\[\]{}]", re.DOTALL
)  # strings and comments whole, so that no bracket inside them counts
_HEADER = re.compile(r"^[ \t]*(\[\[?)[ \t]*([^\]\n]+?)[ \t]*\]\]?[ \t]*(?:#[^\n]*)?$", re.MULTILINE)
_QUALITY = re.compile(r"\bquality\s*=\s*[0-9.eE_+-]+")
_OUR_NOTE = re.compile(r"\A([^\n#]*)#\s*agreed on [^\n]*; the lower bound")  # on the same line
_WIDTH: Final = 2


def lines_to_add(workload: str, home: str, quality: float, note: str) -> str:
    """What a person may paste, where the file cannot be edited."""
    return f'[[workloads.{workload}.substitutes]]\nhome = "{home}"\nquality = {quality}  # {note}\n'


def with_quality(text: str, workload: str, home: str, quality: float, note: str) -> str | None:
    """The file with the figure in it; None where that cannot be done without touching anything else."""
    wanted = _wanted(text, workload, home, quality)
    if wanted is None:
        return None
    for edit in (_in_tables, _in_array, _new_key):
        made = edit(text, workload, home, quality, note)
        if made is not None and _reads_as(made, wanted):
            return made
    return None


def write(path: Path, before: str, after: str) -> None:
    """Whole or not at all, with the file's own permissions; not over what somebody changed meanwhile."""
    if path.read_text(encoding="utf-8") != before:
        raise InputError(
            f"{path} was changed while the homes were asked", why="it is not what was read at the start",
            fix="run it again, or add the lines by hand", code="cli.file-changed",
        )  # fmt: skip
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IMODE(path.stat().st_mode))
        with open(handle, "w", encoding="utf-8", newline="") as file:
            file.write(after)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _wanted(text: str, workload: str, home: str, quality: float) -> dict[str, Any] | None:
    document = tomllib.loads(text)
    found = document.get("workloads", {}).get(workload)
    if found is None:
        return None
    substitutes = found.setdefault("substitutes", [])
    row = next((one for one in substitutes if one.get("home") == home), None)
    if row is None:
        row = {"home": home}
        substitutes.append(row)
    row["quality"] = quality
    return document


def _reads_as(text: str, wanted: dict[str, Any]) -> bool:
    try:
        return tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        return False


def _sections(text: str) -> Iterator[tuple[str, bool, int, int]]:
    """Name, whether it is one of an array, and where its own lines begin and end."""
    spans = [(one.start(), one.end()) for one in _TOKEN.finditer(text) if one[0][0] in "\"'#"]
    heads = [one for one in _HEADER.finditer(text) if not any(a < one.start() < b for a, b in spans)]
    ends = [*(one.start() for one in heads[1:]), len(text)]
    for head, end in zip(heads, ends, strict=False):  # without a header there is an end too many
        name = ".".join(part.strip().strip("\"'") for part in head[2].split("."))
        yield name, head[1] == "[[", head.end(), end


def _in_tables(text: str, workload: str, home: str, quality: float, note: str) -> str | None:
    """`[[workloads.NAME.substitutes]]`, a table for each."""
    mine = [one for one in _sections(text) if one[0] == f"workloads.{workload}.substitutes" and one[1]]
    if not mine:
        return None
    for _, _, start, end in mine:
        body = text[start:end]
        if tomllib.loads(body).get("home") == home:
            if _QUALITY.search(body):
                return text[:start] + _figure(body, quality, note) + text[end:]
            at = start + len(body.rstrip())
            return f"{text[:at]}\nquality = {quality}  # {note}{text[at:]}"
    at = mine[-1][2] + len(text[mine[-1][2] : mine[-1][3]].rstrip())
    return f"{text[:at]}\n\n{lines_to_add(workload, home, quality, note).rstrip()}{text[at:]}"


def _figure(body: str, quality: float, note: str) -> str:
    """The figure of a line of its own, and what the line said about the old one."""
    return re.sub(
        r"(?m)^([ \t]*)quality\s*=\s*[0-9.eE_+-]+[ \t]*(?:#[^\n]*)?$",
        lambda found: f"{found[1]}quality = {quality}  # {note}", body, count=1,
    )  # fmt: skip


def _in_array(text: str, workload: str, home: str, quality: float, note: str) -> str | None:
    """`substitutes = [{...}, ...]` among the workload's own keys."""
    section = next((one for one in _sections(text) if one[0] == f"workloads.{workload}" and not one[1]), None)
    if section is None:
        return None
    _, _, start, end = section
    found = re.compile(r"^[ \t]*substitutes[ \t]*=[ \t]*(?=\[)", re.MULTILINE).search(text, start, end)
    if found is None:
        return None
    opened, closed, tables = _brackets(text, found.end())
    for begin, finish in tables:
        table = text[begin:finish]
        if tomllib.loads(f"x = {table}")["x"].get("home") == home:
            if _QUALITY.search(table):
                made = _QUALITY.sub(f"quality = {quality}", table, count=1)
            else:
                made = f"{table[:-1].rstrip().rstrip(',')}, quality = {quality} }}"
            return (
                text[:begin] + made + _OUR_NOTE.sub(lambda one: f"{one[1]}# {note}", text[finish:], count=1)
            )
    row = f'{{ home = "{home}", quality = {quality} }}'
    if not tables:
        return f"{text[: opened + 1]}{row}{text[closed:]}"
    last = tables[-1][1]
    return f"{text[:last]}, {row}{text[last:]}"


def _brackets(text: str, at: int) -> tuple[int, int, list[tuple[int, int]]]:
    """Where the array that opens at `at` opens and closes, and where each table in it does."""
    depth, begin, tables = 0, 0, list[tuple[int, int]]()
    for token in _TOKEN.finditer(text, at):
        if token[0] in "[{":
            depth += 1
            begin = token.start() if depth == _WIDTH and token[0] == "{" else begin
        elif token[0] in "]}":
            if depth == _WIDTH and token[0] == "}":
                tables.append((begin, token.end()))
            depth -= 1
            if depth == 0:
                return at, token.start(), tables
    return at, len(text), tables


def _new_key(text: str, workload: str, home: str, quality: float, note: str) -> str | None:
    """The workload has no substitutes yet: a line after its last one."""
    section = next((one for one in _sections(text) if one[0] == f"workloads.{workload}" and not one[1]), None)
    if section is None:
        return None
    _, _, start, end = section
    lines = text[start:end].split("\n")
    while len(lines) > 1 and (not lines[-1].strip() or lines[-1].lstrip().startswith("#")):
        lines.pop()  # what stands before the next header belongs to it
    at = start + len("\n".join(lines))
    row = f'substitutes = [{{ home = "{home}", quality = {quality} }}]  # {note}'
    return f"{text[:at]}\n{row}{text[at:]}"
