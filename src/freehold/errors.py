"""The error tree: one root, and every error says what, why and how to fix it.

FreeholdError                 what / why / fix / code / exit code
├── UsageError                the command line cannot be carried out as typed (exit 2)
├── InputError                a file or a message given to us is wrong (exit 3)
│   └── ProblemsError         ... in several places at once; each place is a Problem
├── UnavailableError          something this needs is not there: a port, a home, a database (exit 4)
├── MissingExtraError         an optional part is not installed; `fix` is the exact install line (exit 4)
├── RefusedError              a policy says no; `why` names the rule (exit 5)
└── IntegrityError            a proof, digest, signature or measurement does not hold (exit 6)

Codes are stable, look like "room.kebab-case", and each has a heading in docs/reference/errors.md.
Expected outcomes (a home that is down, no capacity, a refusal by a model) are values, not exceptions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

import msgspec

EXIT_OK = 0
EXIT_FINDING = 1  # the command worked, and what it looked for was found (or a check failed)
EXIT_USAGE = 2
EXIT_INPUT = 3
EXIT_UNAVAILABLE = 4
EXIT_REFUSED = 5
EXIT_INTEGRITY = 6
EXIT_INTERRUPTED = 130


class FreeholdError(Exception):
    """Root of every error that Freehold raises on purpose."""

    exit_code: ClassVar[int] = EXIT_INPUT

    def __init__(self, what: str, *, why: str = "", fix: str = "", code: str) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.fix = fix
        self.code = code

    def render(self) -> str:
        return render(self.code, self.what, self.why, self.fix)

    def __str__(self) -> str:
        return self.what


class UsageError(FreeholdError):
    exit_code = EXIT_USAGE


class InputError(FreeholdError):
    exit_code = EXIT_INPUT


class UnavailableError(FreeholdError):
    exit_code = EXIT_UNAVAILABLE


class RefusedError(FreeholdError):
    exit_code = EXIT_REFUSED


class IntegrityError(FreeholdError):
    exit_code = EXIT_INTEGRITY


class MissingExtraError(FreeholdError):
    """An optional dependency is not installed."""

    exit_code = EXIT_UNAVAILABLE

    def __init__(self, extra: str, needed_for: str) -> None:
        super().__init__(
            f"{needed_for} needs the extra {extra!r}, which is not installed",
            why="Freehold keeps heavy libraries out of the core",
            fix=f"pip install 'freehold[{extra}]'",
            code="core.missing-extra",
        )
        self.extra = extra


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing wrong at one place of a file."""

    code: str
    what: str
    why: str = ""
    fix: str = ""
    path: str = ""  # dotted key path, such as workloads.chat.homes[0]
    line: int | None = None

    def render(self, source: str = "") -> str:
        place = ":".join(part for part in (source, str(self.line) if self.line else "") if part)
        what = f"{place}: {self.what}" if place else self.what
        return render(self.code, what, self.why, self.fix)


class ProblemsError(InputError):
    """Everything that is wrong with one file, at once."""

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        count = len(problems)
        super().__init__(
            f"{source}: {count} problem{'s' if count != 1 else ''}",
            why=problems[0].what if problems else "",
            fix=problems[0].fix if problems else "",
            code=problems[0].code if problems else "config.invalid",
        )
        self.source = source
        self.problems = tuple(problems)

    def render(self) -> str:
        lines = [problem.render(self.source) for problem in self.problems]
        if len(self.problems) > 1:
            lines.append(f"{len(self.problems)} problems in {self.source}; nothing was changed")
        return "\n".join(lines)


def render(code: str, what: str, why: str = "", fix: str = "") -> str:
    lines = [f"error[{code}]: {what}"]
    if why:
        lines.append(f"  why: {why}")
    if fix:
        lines.append(f"  fix: {fix}")
    return "\n".join(lines)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was most likely meant to be, if any is close."""
    import difflib  # only on the way to an error message

    matches = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None
