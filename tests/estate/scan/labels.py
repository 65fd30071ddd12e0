"""Reads the labelled set: projects written to a folder without their marks, and the marks as labels."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

LABELLED = Path(__file__).parent / "labelled"
HELD_OUT = Path(__file__).parent / "heldout"  # written after the scanner, by someone who had not read it
_MARK = re.compile(r"\s*«(?P<kind>use|conf|perm|decl|off|no)(?: (?P<vendor>\w+))?(?: (?P<hops>\d))?»")
STATES = {"use": "used", "conf": "configured", "perm": "permitted", "decl": "declared", "off": "disabled"}


class Label(NamedTuple):
    file: str
    line: int
    vendor: str
    state: str
    hops: int


class Project(NamedTuple):
    name: str
    labels: tuple[Label, ...]
    tempting: tuple[tuple[str, int], ...]  # lines marked as no use


def projects(folder: Path = LABELLED) -> list[Path]:
    return sorted(folder.glob("*.txt"))


def lay_out(source: Path, root: Path) -> Project:
    labels: list[Label] = []
    tempting: list[tuple[str, int]] = []
    for file, lines in _files(source):
        clean = []
        for number, line in enumerate(lines, 1):
            for mark in _MARK.finditer(line):
                if mark["kind"] == "no":
                    tempting.append((file, number))
                else:
                    hops = int(mark["hops"] or 0)
                    labels.append(Label(file, number, mark["vendor"], STATES[mark["kind"]], hops))
            clean.append(_MARK.sub("", line))
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(clean) + "\n")
    return Project(source.stem, tuple(labels), tuple(tempting))


def _files(source: Path) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for line in source.read_text().splitlines():
        if line.startswith("=== "):
            found.append((line[4:], []))
        else:
            found[-1][1].append(line)
    return found
