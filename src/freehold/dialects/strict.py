"""What a vendor would find wrong with a request: fields it does not know, misses, or cannot read.

The field sets are the vendors' own (see `published/`, written by scripts/published_fields.py). The gateway
carries unknown fields to the home that may know them; a pocket home refuses them as its vendor would.
"""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any

import msgspec

from freehold.dialects.base import Operation
from freehold.dialects.fields import parse
from freehold.types.names import DialectName

VIOLATIONS_MAX = 20
DEPTH_MAX = 64
NEWEST = "2026-10-21"
# Taken by Anthropic before 2026-10-21, and so no longer in its SDK's types.
_SAMPLING = {"temperature": "num", "top_p": "num", "top_k": "int"}
_KINDS = {
    "str": "a string", "int": "an integer", "num": "a number", "bool": "a boolean", "null": "null"
}  # fmt: skip
_CHECKS: dict[str, tuple[type, ...]] = {
    "str": (str,), "int": (int,), "num": (int, float), "bool": (bool,), "null": (type(None),),
}  # fmt: skip


class _Type(msgspec.Struct):
    fields: dict[str, Any] = {}
    required: list[str] = []
    union: bool = False


class _Published(msgspec.Struct):
    source: str
    roots: dict[str, str]
    types: dict[str, _Type]


@functools.cache
def published(dialect: DialectName) -> _Published:
    data = resources.files("freehold.dialects").joinpath("published", f"{dialect}.json").read_bytes()
    return msgspec.json.decode(data, type=_Published)


def violations(
    dialect: DialectName, surface: str, body: bytes, *, operation: Operation = "generate",
    api_version: str | None = None,
) -> list[str]:  # fmt: skip
    """Everything wrong with a request by its vendor's published fields, as "path: what"; or nothing.

    Raises a DialectError where the body is not JSON at all.
    """
    value = parse(body)
    form: DialectName = "anthropic" if surface == "invoke" else dialect
    rules = published(form)
    root = rules.roots.get(operation)
    if root is None:
        return []
    found: list[str] = []
    extra, missing = _surface(form, surface, operation, api_version)
    checked = value
    if type(value) is dict:
        checked = {name: each for name, each in value.items() if name not in extra}
        for name, kind in extra.items():
            if name in value:
                _check(rules, kind, value[name], name, found, 0)
    _object(rules, root[1:], checked, "", found, 0, frozenset(missing))
    if type(value) is dict and "anthropic_version" in extra and "anthropic_version" not in value:
        found.append("anthropic_version: Field required")
    return found[:VIOLATIONS_MAX]


def _surface(
    form: DialectName, surface: str, operation: Operation, version: str | None
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """(fields this surface takes beside the published ones, required ones that it takes elsewhere)."""
    if form == "openai" and surface == "azure":
        return {}, ("model",)
    if form != "anthropic":
        return {}, ()
    extra: dict[str, Any] = {} if version == NEWEST else dict(_SAMPLING)
    if surface in ("invoke", "vertex"):
        extra.update(anthropic_version="str", anthropic_beta=["list", "str"])
        return extra, ("model",) if operation == "generate" else ()
    return extra, ()


def _object(
    rules: _Published, name: str, value: object, path: str, found: list[str], depth: int,
    elsewhere: frozenset[str] = frozenset(),
) -> None:  # fmt: skip
    if type(value) is not dict:
        found.append(f"{path or 'body'}: expected an object")
        return
    kind = rules.types[name]
    for field in kind.required:
        if field not in value and field not in elsewhere:
            found.append(f"{_at(path, field)}: Field required")
    for field, each in value.items():
        if field not in kind.fields and "_" in field:
            field = _camel(rules, field)
        if field in elsewhere and name == "MessageCreateParamsBase":
            found.append(f"{_at(path, field)}: Extra inputs are not permitted")
        elif field in kind.fields:
            _check(rules, kind.fields[field], each, _at(path, field), found, depth + 1)
        else:
            found.append(f"{_at(path, field)}: Extra inputs are not permitted")
    if kind.union and len(value) != 1:
        found.append(f"{path or 'body'}: exactly one member must be set, got {len(value)}")


def _camel(rules: _Published, field: str) -> str:
    """Google takes both spellings of a name, and its SDK sends both."""
    if not rules.source.startswith("google"):
        return field
    first, *rest = field.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _check(rules: _Published, kind: Any, value: object, path: str, found: list[str], depth: int) -> None:
    if len(found) >= VIOLATIONS_MAX or kind == "any":
        return
    if depth > DEPTH_MAX:
        found.append(f"{path}: nested deeper than {DEPTH_MAX}")
    elif isinstance(kind, str) and kind.startswith("#"):
        _object(rules, kind[1:], value, path, found, depth)
    elif isinstance(kind, str):
        if type(value) not in _CHECKS[kind]:
            found.append(f"{path}: Input should be {_KINDS[kind]}")
    elif kind[0] == "enum":
        if value not in kind[1:]:
            found.append(f"{path}: Input should be {' or '.join(repr(each) for each in kind[1:6])}")
    elif kind[0] == "list":
        _list(rules, kind[1], value, path, found, depth)
    elif kind[0] == "map":
        if type(value) is not dict:
            found.append(f"{path}: expected an object")
        else:
            for name, each in value.items():
                _check(rules, kind[1], each, _at(path, name), found, depth + 1)
    else:
        _union(rules, kind[1:], value, path, found, depth)


def _list(rules: _Published, kind: Any, value: object, path: str, found: list[str], depth: int) -> None:
    if type(value) is not list:
        found.append(f"{path}: Input should be a list")
        return
    for at, each in enumerate(value):
        _check(rules, kind, each, f"{path}.{at}", found, depth + 1)


def _union(
    rules: _Published, kinds: list[Any], value: object, path: str, found: list[str], depth: int
) -> None:
    """The member that fits, or what is wrong with the one that was meant: told by its `type` or `role`."""
    meant = [kind for kind in kinds if _meant(rules, kind, value)]
    best: list[str] | None = None
    for kind in meant or kinds:
        wrong: list[str] = []
        _check(rules, kind, value, path, wrong, depth + 1)
        if not wrong:
            return
        if best is None or len(wrong) < len(best):
            best = wrong
    found.extend(best or [])


def _meant(rules: _Published, kind: Any, value: object) -> bool:
    """Does the value name this member, by every field in which the member takes one of few values?"""
    if isinstance(kind, list):
        return (kind[0] == "list" and type(value) is list) or (kind[0] == "map" and type(value) is dict)
    if not kind.startswith("#"):
        return type(value) in _CHECKS.get(kind, ())
    if type(value) is not dict:
        return False
    member = rules.types[kind[1:]]
    for name in ("type", "role"):
        allowed = member.fields.get(name)
        if allowed is None or allowed[0] != "enum" or (name not in value and name not in member.required):
            continue
        if value.get(name) not in allowed[1:]:
            return False
    return True


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
