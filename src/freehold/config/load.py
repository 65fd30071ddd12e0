"""From a file to settings: read, walk every section, raise every problem together."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar, get_origin

import msgspec
from msgspec import inspect

from freehold.config.lines import KeyPath
from freehold.config.read import Document, digest_of, not_found, read_document
from freehold.config.secrets import writable_error
from freehold.config.walk import INVALID, MAX_PROBLEMS, TooManyProblemsError, Walker, line_of
from freehold.errors import Problem, ProblemsError
from freehold.types.names import Digest

DEFAULT_NAME = "freehold.toml"

T = TypeVar("T")

_TOO_MANY = Problem(
    code="config.too-many-problems",
    what=f"more than {MAX_PROBLEMS} problems; the rest is left out",
    fix="check that this is the right file",
)


class MissingRoom(msgspec.Struct, frozen=True, kw_only=True):
    """Stands where a section's struct would be, when the part that reads it is not installed."""

    extra: str


SectionType = Any
"""A msgspec.Struct type, or `dict[str, Struct]` for named tables. typing has no word for both."""


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """Checked settings, where they came from, and where each of them stands."""

    source: Path | None
    digest: Digest
    sections: dict[str, Any]
    lines: dict[KeyPath, int] = {}

    def section(self, name: str, kind: type[T]) -> T:
        """One section, typed: loaded.section("gateway", GatewaySettings)."""
        found = self.sections[name]
        if not isinstance(found, get_origin(kind) or kind):
            raise TypeError(f"section {name!r} is a {type(found).__name__}, not {kind!r}")
        return found

    def line(self, *path: str | int) -> int | None:
        return line_of(self.lines, path)


Check = Callable[[Loaded], Iterable[Problem]]
"""Looks across sections. A named table that is itself wrong is there as None: its name is known, no more."""


def load(
    path: Path | str | None,
    sections: Mapping[str, SectionType],
    *,
    absent_ok: bool = False,
    checks: Sequence[Check] = (),
) -> Loaded:
    """Read `path`, or ./freehold.toml when None. `absent_ok`: if that is absent, all defaults."""
    place = Path(DEFAULT_NAME) if path is None else Path(path)
    if path is None and not os.path.lexists(place):
        if not absent_ok:
            raise not_found(place)
        return Loaded(source=None, digest=digest_of(b""), sections=defaults(sections))
    document = read_document(place)
    walker = Walker(document.lines)
    try:
        found = _walk_sections(walker, document, sections)
    except TooManyProblemsError:
        raise ProblemsError(str(place), [*walker.problems, _TOO_MANY]) from None
    loaded = Loaded(
        source=place,
        digest=document.digest,
        sections={**defaults(sections), **found},
        lines=document.lines,
    )
    across = (problem for check in checks for problem in check(loaded))
    problems = [*walker.problems, *islice(across, MAX_PROBLEMS)]
    if problems:
        raise ProblemsError(str(place), sorted(problems, key=lambda problem: problem.line or 0))
    return loaded


def defaults(sections: Mapping[str, SectionType]) -> dict[str, Any]:
    """Every section as it is when the file does not name it."""
    return {
        name: kind() if is_struct(kind) else {}
        for name, kind in sections.items()
        if not isinstance(kind, MissingRoom)
    }


def is_struct(kind: SectionType) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _walk_sections(walker: Walker, document: Document, sections: Mapping[str, SectionType]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in document.table.items():
        kind = sections.get(name)
        if kind is None:
            walker.unknown_key(name, list(sections), ())
        elif isinstance(kind, MissingRoom):
            walker.note(
                "config.missing-extra", (name,), f"[{name}] needs a part of Freehold that is not installed",
                f"it comes with the extra {kind.extra!r}", f"pip install 'freehold[{kind.extra}]'",
            )  # fmt: skip
        else:
            read = walker.value(inspect.type_info(kind), value, (name,))
            if read is not INVALID:
                found[name] = read
            elif (name,) in walker.partial:
                found[name] = walker.partial[(name,)]
    if document.writable_by_others:
        error = writable_error(document.source)
        for path, secret in walker.secrets:
            if secret.kind == "cmd":
                walker.note(error.code, path, error.what, error.why, error.fix)
    return found
