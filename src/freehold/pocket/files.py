"""Fault scripts and answer scripts, read from TOML with every problem at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from freehold.config import Loaded, load
from freehold.errors import Problem, nearest
from freehold.pocket.faults import FaultRule, problems
from freehold.pocket.script import AnswerRule

_Rule = TypeVar("_Rule")


def read_faults(path: Path, homes: Iterable[str] = ()) -> dict[str, FaultRule]:
    """`homes`: those that rules may name, when it is known which there are."""
    known = tuple(homes)

    def check(loaded: Loaded) -> list[Problem]:
        rules = _whole(loaded.sections["faults"])
        found = [*problems(rules), *_unknown_homes("faults", rules, known)]
        return [_placed(problem, loaded) for problem in found]

    loaded = load(path, {"faults": dict[str, FaultRule]}, checks=(check,))
    rules: dict[str, FaultRule] = loaded.sections["faults"]
    return rules


def read_script(path: Path, homes: Iterable[str] = ()) -> tuple[AnswerRule, ...]:
    known = tuple(homes)

    def check(loaded: Loaded) -> list[Problem]:
        found = _unknown_homes("answers", _whole(loaded.sections["answers"]), known)
        return [_placed(problem, loaded) for problem in found]

    loaded = load(path, {"answers": dict[str, AnswerRule]}, checks=(check,))
    return tuple(loaded.sections["answers"].values())


def _whole(rules: Mapping[str, _Rule | None]) -> dict[str, _Rule]:
    """Those that were read; what is wrong with the others is already noted."""
    return {name: rule for name, rule in rules.items() if rule is not None}


def _unknown_homes(
    section: str, rules: Mapping[str, FaultRule] | Mapping[str, AnswerRule], known: tuple[str, ...]
) -> list[Problem]:
    return [
        _unknown_home(f"{section}.{name}.home", rule.home, known)
        for name, rule in rules.items()
        if known and rule.home and rule.home not in known
    ]


def _unknown_home(path: str, home: str, known: tuple[str, ...]) -> Problem:
    close = nearest(home, known)
    return Problem(
        code="pocket.unknown-home",
        what=f"{path} names {home!r}, which is not a home here",
        why=f"homes here are {', '.join(known)}" + (f"; the closest is {close!r}" if close else ""),
        fix="name one of them",
        path=path,
    )


def _placed(problem: Problem, loaded: Loaded) -> Problem:
    return msgspec.structs.replace(problem, line=loaded.line(*problem.path.split(".")))
