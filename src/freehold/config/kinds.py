"""What msgspec says about a setting's type, in words that people read, and the few questions asked of it."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
from msgspec import inspect

from freehold.config.secrets import Secret
from freehold.config.values import Duration, SettingType, Size, Url, Usd

CUSTOM: tuple[type[SettingType], ...] = (Duration, Size, Usd, Url, Secret)

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_MAX_KEY_SHOWN = 60

NUMBER_WORDS = (("ge", "at least"), ("gt", "more than"), ("le", "at most"), ("lt", "less than"))


def unwrap(kind: inspect.Type) -> inspect.Type:
    """Without the description around it, and without `None`, which TOML cannot write."""
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.UnionType):
        rest = [member for member in kind.types if not isinstance(member, inspect.NoneType)]
        if len(rest) == 1:
            return unwrap(rest[0])
    return kind


def members(kind: inspect.UnionType) -> list[inspect.Type]:
    return [unwrap(member) for member in kind.types if not isinstance(member, inspect.NoneType)]


def custom_type(kind: inspect.CustomType) -> type[SettingType]:
    for known in CUSTOM:
        if kind.cls is known:
            return known
    raise TypeError(f"{kind.cls!r} is not a setting type; add it to freehold.config.kinds.CUSTOM")


def description(field: inspect.Field) -> str:
    kind = field.type
    if isinstance(kind, inspect.Metadata) and kind.extra_json_schema:
        return str(kind.extra_json_schema.get("description", ""))
    return ""


def limits(kind: inspect.IntType | inspect.FloatType) -> str:
    # 0 and 0.0 are one limit to typing's cache, so whichever came first must read the same.
    found = [
        f"{words} {_number(getattr(kind, key))}"
        for key, words in NUMBER_WORDS
        if getattr(kind, key) is not None
    ]
    return ", ".join(found)


def _number(limit: float) -> str:
    return str(int(limit)) if limit == int(limit) else str(limit)


def label(kind: inspect.Type) -> str:
    """The type in words, without its limits."""
    kind = unwrap(kind)
    match kind:
        case inspect.StrType() | inspect.LiteralType():
            return "text"
        case inspect.IntType():
            return "integer"
        case inspect.FloatType():
            return "number"
        case inspect.BoolType():
            return "true or false"
        case inspect.DateType():
            return "date"
        case inspect.CustomType():
            return custom_type(kind).label
        case inspect.StructType() | inspect.DictType():
            return "table"
        case inspect.ListType() | inspect.VarTupleType():
            return f"array of {label(kind.item_type)}"
        case inspect.UnionType():
            return " or ".join(label(member) for member in members(kind))
    raise TypeError(f"settings cannot have the type {kind!r}")


def allowed(kind: inspect.Type) -> str:
    """What a value may be beyond its type; empty where anything goes."""
    kind = unwrap(kind)
    match kind:
        case inspect.LiteralType():
            return ", ".join(json.dumps(value) for value in kind.values)
        case inspect.IntType() | inspect.FloatType():
            return limits(kind)
        case inspect.StrType():
            return f"matches {kind.pattern}" if kind.pattern else ""
        case inspect.CustomType():
            return f"such as {custom_type(kind).example}"
        case inspect.ListType() | inspect.VarTupleType():
            return allowed(kind.item_type)
    return ""


def default_of(field: inspect.Field) -> Any:
    """The default value, or msgspec's NODEFAULT where the field is required."""
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


def dotted(path: tuple[str | int, ...]) -> str:
    """workloads.chat.homes[0], with quotes where a key needs them."""
    words = ""
    for part in path:
        if isinstance(part, int):
            words += f"[{part}]"
            continue
        key = part if len(part) <= _MAX_KEY_SHOWN else part[:_MAX_KEY_SHOWN] + "..."
        shown = key if _BARE.fullmatch(key) else json.dumps(key)
        words += f".{shown}" if words else shown
    return words
