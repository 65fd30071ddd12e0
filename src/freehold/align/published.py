"""Principles as others publish them, read as a constitution of ours.

The layout of the constitutional harmlessness paper: a JSON object of `{"prompt": [critique request],
"edit_request": revision request}` by name, and beside it, if given, a JSON list of comparison questions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from freehold.align.constitution import PRINCIPLES_MAX, Constitution, Head, Principle
from freehold.errors import InputError

FILE_BYTES_MAX = 8 * 1024 * 1024


def read_published(critiques: Path, comparisons: Path | None, name: str) -> Constitution:
    found = _decode(critiques, dict[str, _Published])
    questions = _decode(comparisons, list[str]) if comparisons else []
    principles = {
        _id(key): _principle(entry, questions[number % len(questions)] if questions else "")
        for number, (key, entry) in enumerate(found.items())
    }
    if not 0 < len(principles) <= PRINCIPLES_MAX:
        raise _unreadable(
            critiques, f"it has {len(principles)} principles; 1 to {PRINCIPLES_MAX} can be read"
        )
    about = f"Imported from {critiques.name}" + (f" and {comparisons.name}" if comparisons else "")
    return Constitution(head=Head(name=name, version="imported", about=about), principles=principles)


class _Published(msgspec.Struct, frozen=True):
    prompt: list[str]
    edit_request: str


def _principle(entry: _Published, comparison: str) -> Principle:
    critique = _words(entry.prompt[0] if entry.prompt else "", "CritiqueRequest:", "Critique:")
    return Principle(
        text=critique,
        critique=critique,
        revision=_words(entry.edit_request, "RevisionRequest:", "Revision:"),
        comparison=_words(comparison, "", "Options:"),
    )


def _words(text: str, before: str, after: str) -> str:
    """The request alone, without the marks that the published prompts wrap it in."""
    return " ".join(text.split()).removeprefix(before).removesuffix(after).strip()


def _id(key: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in key).lower()


def _decode(path: Path, kind: Any) -> Any:
    try:
        data = path.read_bytes()
        if len(data) > FILE_BYTES_MAX:
            raise _unreadable(path, f"it is larger than {FILE_BYTES_MAX} bytes")
        return msgspec.json.decode(data, type=kind)
    except OSError as error:
        raise _unreadable(path, error.strerror or "it cannot be opened") from error
    except msgspec.DecodeError as error:
        raise _unreadable(path, str(error)) from error


def _unreadable(path: Path, why: str) -> InputError:
    return InputError(
        f"{path} cannot be read as published principles",
        why=why,
        fix='it should be {"name": {"prompt": ["..."], "edit_request": "..."}, ...}',
        code="align.published",
    )


def as_toml(constitution: Constitution) -> str:
    """A constitution as the file one would write."""
    lines = [
        "[constitution]",
        *(f"{key} = {_quoted(getattr(constitution.head, key))}" for key in ("name", "version", "about")),
    ]
    for name, principle in constitution.principles.items():
        lines += ["", f"[principles.{_quoted(name)}]"]
        for key in ("text", "critique", "revision", "comparison"):
            if value := getattr(principle, key):
                lines.append(f"{key} = {_quoted(value)}")
        if principle.weight != 1.0:
            lines.append(f"weight = {principle.weight}")
        if principle.scope:
            lines.append(f"scope = [{', '.join(_quoted(one) for one in principle.scope)}]")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A TOML basic string: JSON's escapes are TOML's, but for the delete character."""
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")
