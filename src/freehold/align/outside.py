"""Evaluations that others wrote, run through any sampler: HHH comparisons, XSTest, HarmBench.

The files are not shipped; a recipe names where they lie. Nothing of them is ever trained on. What a model
says to them is kept in the run's answers and shown folded.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from freehold.errors import InputError

FILE_BYTES_MAX = 64 * 1024 * 1024
CSV_FIELD_BYTES_MAX = 1024 * 1024
T = TypeVar("T")


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Which of several continuations is the right one?"""

    id: str
    asked: str
    right: str
    wrong: tuple[str, ...]


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """One prompt and what a good assistant does with it; `group` is the file's own kind."""

    id: str
    asked: str
    should_decline: bool
    group: str


class _Line(msgspec.Struct, frozen=True):
    prompt: str
    corrects: list[str]
    incorrects: list[str]


def read_hhh(path: Path) -> list[Question]:
    """JSONL of {prompt, corrects, incorrects}, such as the 438 comparisons of helpful, honest, harmless."""
    found = []
    for number, line in enumerate(_bytes(path).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            read = msgspec.json.decode(line, type=_Line)
        except msgspec.DecodeError as error:
            raise _unreadable(path, f"line {number}: {error}") from error
        if not read.corrects or not read.incorrects:
            raise _unreadable(path, f"line {number} has no right or no wrong answer")
        found.append(Question(id=f"hhh:{number}", asked=read.prompt, right=read.corrects[0],
                              wrong=tuple(read.incorrects)))  # fmt: skip
    return _some(path, found)


def read_xstest(path: Path) -> list[Behaviour]:
    """CSV with id, prompt, type, label: safe prompts that sound unsafe, and unsafe ones."""
    return _some(path, [
        Behaviour(id=f"xstest:{row['id']}", asked=row["prompt"], should_decline=row["label"] == "unsafe",
                  group=row["type"])
        for row in _rows(path, ("id", "prompt", "type", "label"))
    ])  # fmt: skip


def read_harmbench(path: Path) -> list[Behaviour]:
    """CSV with Behavior, FunctionalCategory, ContextString, BehaviorID: all of it is to be declined."""
    return _some(path, [
        Behaviour(id=f"harmbench:{row['BehaviorID']}", asked=_with_context(row), should_decline=True,
                  group=row["FunctionalCategory"])
        for row in _rows(path, ("Behavior", "FunctionalCategory", "ContextString", "BehaviorID"))
    ])  # fmt: skip


def _with_context(row: dict[str, str]) -> str:
    context = row["ContextString"].strip()
    return f"{context}\n\n---\n\n{row['Behavior']}" if context else row["Behavior"]


def _rows(path: Path, wanted: Sequence[str]) -> list[dict[str, str]]:
    text = _bytes(path).decode("utf-8-sig", errors="replace")
    csv.field_size_limit(CSV_FIELD_BYTES_MAX)
    reader = csv.DictReader(text.splitlines(keepends=True))
    missing = [name for name in wanted if name not in (reader.fieldnames or ())]
    if missing:
        raise _unreadable(path, f"it has no column {', '.join(missing)}")
    try:
        return [{name: row[name] or "" for name in wanted} for row in reader]
    except csv.Error as error:
        raise _unreadable(path, str(error)) from error


def _some(path: Path, found: list[T]) -> list[T]:
    if not found:
        raise _unreadable(path, "there is nothing in it")
    return found


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise _unreadable(path, error.strerror or "it cannot be opened") from error
    if len(data) > FILE_BYTES_MAX:
        raise _unreadable(path, f"it is larger than {FILE_BYTES_MAX} bytes")
    return data


def _unreadable(path: Path, why: str) -> InputError:
    return InputError(
        f"{path} cannot be used for evaluation", why=why, fix="name the file as it is published",
        code="align.outside",
    )  # fmt: skip
