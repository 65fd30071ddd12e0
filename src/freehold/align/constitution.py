"""What a model must hold to: principles in a TOML file, read whole, with a digest over what they say.

The digest is over the content, so comments and order of lines do not change it, and any word of a principle
does.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

import msgspec

from freehold.config import load
from freehold.errors import Problem, ProblemsError
from freehold.types.names import Digest

TEXT_CHARACTERS_MAX = 4000
PRINCIPLES_MAX = 200

Words = Annotated[str, msgspec.Meta(max_length=TEXT_CHARACTERS_MAX)]
Weight = Annotated[float, msgspec.Meta(ge=0.0, le=1000.0)]


class Principle(msgspec.Struct, frozen=True, kw_only=True):
    """One rule. `scope`: what it speaks about; empty means everything."""

    text: Words
    weight: Weight = 1.0
    scope: tuple[str, ...] = ()
    critique: Words = ""
    revision: Words = ""
    comparison: Words = ""
    good: str = ""  # how a critique goes on when the answer holds; the recipe's word if empty
    bad: str = ""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    name: str = ""
    version: str = ""
    about: Words = ""


class Signers(msgspec.Struct, frozen=True, kw_only=True):
    """Who must agree to a change: any `threshold` of these Ed25519 public keys (base64)."""

    threshold: Annotated[int, msgspec.Meta(ge=0, le=50)] = 0
    keys: dict[str, str] = {}


class Constitution(msgspec.Struct, frozen=True, kw_only=True):
    head: Head
    principles: dict[str, Principle]
    signers: Signers = Signers()

    @property
    def digest(self) -> Digest:
        body = msgspec.json.encode(msgspec.to_builtins(self), order="deterministic")
        return Digest(f"sha256:{hashlib.sha256(body).hexdigest()}")


def read_constitution(path: Path) -> Constitution:
    """The file as a constitution, or every hole in it at once."""
    sections = {"constitution": Head, "principles": dict[str, Principle], "signers": Signers}
    loaded = load(path, sections)
    found = Constitution(
        head=loaded.section("constitution", Head),
        principles=loaded.sections["principles"],
        signers=loaded.section("signers", Signers),
    )
    problems = [*_head_holes(found), *_principle_holes(found), *_signer_holes(found)]
    if problems:
        placed = [
            msgspec.structs.replace(problem, line=loaded.line(*problem.path.split(".")))
            for problem in problems
        ]
        raise ProblemsError(str(path), sorted(placed, key=lambda problem: problem.line or 0))
    return found


def _head_holes(found: Constitution) -> list[Problem]:
    holes = [name for name in ("name", "version") if not getattr(found.head, name).strip()]
    return [
        _hole("constitution", f"the constitution has no {name}", "records name it", f'add {name} = "..."')
        for name in holes
    ]


def _principle_holes(found: Constitution) -> list[Problem]:
    problems = []
    if not found.principles:
        problems.append(
            _hole(
                "principles",
                "the constitution has no principles",
                "there is nothing to hold to",
                "add a [principles.NAME] table",
            )
        )
    if len(found.principles) > PRINCIPLES_MAX:
        problems.append(_hole("principles", f"{len(found.principles)} principles are too many",
                              f"the most is {PRINCIPLES_MAX}", "draw some together"))  # fmt: skip
    if found.principles and not any(principle.weight > 0 for principle in found.principles.values()):
        problems.append(_hole("principles", "every principle has weight 0", "none would ever be drawn",
                              "give at least one a weight"))  # fmt: skip
    said: dict[str, str] = {}
    for name, principle in found.principles.items():
        for field in ("text", "critique", "revision"):
            if not getattr(principle, field).strip():
                problems.append(_hole(f"principles.{name}", f"principles.{name} has no {field}",
                                      "a principle is asked for, criticised by and revised by its words",
                                      f'add {field} = "..."'))  # fmt: skip
        if (twin := said.setdefault(principle.text.strip(), name)) != name:
            problems.append(
                _hole(
                    f"principles.{name}",
                    f"principles.{name} says the same as principles.{twin}",
                    "it would count twice",
                    "remove one, or raise the other's weight",
                )
            )
    return problems


def _signer_holes(found: Constitution) -> list[Problem]:
    signers = found.signers
    if signers.threshold > len(signers.keys):
        return [
            _hole(
                "signers",
                f"{signers.threshold} of {len(signers.keys)} signers can never sign",
                "the threshold is larger than the number of keys",
                "add keys or lower it",
            )
        ]
    return []


def _hole(path: str, what: str, why: str, fix: str) -> Problem:
    return Problem(code="align.constitution", what=what, why=why, fix=fix, path=path)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One difference between two constitutions."""

    principle: str
    kind: str  # added, removed, changed
    field: str = ""
    before: str = ""
    after: str = ""


def diff(old: Constitution, new: Constitution) -> list[Change]:
    """What changed, principle by principle, field by field."""
    changes = [
        Change(principle=name, kind="removed", before=old.principles[name].text)
        for name in old.principles
        if name not in new.principles
    ]
    for name, principle in new.principles.items():
        before = old.principles.get(name)
        if before is None:
            changes.append(Change(principle=name, kind="added", after=principle.text))
            continue
        for field in Principle.__struct_fields__:
            one, two = getattr(before, field), getattr(principle, field)
            if one != two:
                changes.append(
                    Change(principle=name, kind="changed", field=field, before=str(one), after=str(two))
                )
    for field in Head.__struct_fields__:
        one, two = getattr(old.head, field), getattr(new.head, field)
        if one != two:
            changes.append(Change(principle="", kind="changed", field=field, before=one, after=two))
    if old.signers != new.signers:
        changes.append(Change(principle="", kind="changed", field="signers"))
    return changes
