"""Every setting in words: what it is called, what it may be, what it is when left out, what it is for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import inspect

from freehold.config.kinds import allowed, default_of, description, label, unwrap
from freehold.config.load import MissingRoom, SectionType


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the reference. `path` holds NAME where the file chooses a name."""

    path: str
    type: str
    required: bool
    default: str
    allowed: str
    description: str


def settings(sections: Mapping[str, SectionType]) -> list[Setting]:
    found: list[Setting] = []
    for name, kind in sections.items():
        if not isinstance(kind, MissingRoom):
            found.extend(_inside(inspect.type_info(kind), name))
    return found


def about(kind: SectionType) -> str:
    """What a section is for: the docstring of its struct."""
    inner = _table(inspect.type_info(kind))
    return " ".join((inner[0].cls.__doc__ or "").split()) if inner else ""


def _inside(kind: inspect.Type, path: str) -> Iterator[Setting]:
    table = _table(kind)
    if table is None:
        return
    struct, suffix = table
    for field in struct.fields:
        place = f"{path}{suffix}.{field.encode_name}"
        if _table(field.type) is None:
            yield _setting(field, place)
        else:
            yield from _inside(field.type, place)


def _table(kind: inspect.Type) -> tuple[inspect.StructType, str] | None:
    """The struct a setting opens into, and how its path goes on; None for a plain value."""
    kind = unwrap(kind)
    if isinstance(kind, inspect.StructType):
        return kind, ""
    if isinstance(kind, inspect.DictType):
        inner = unwrap(kind.value_type)
        return (inner, ".NAME") if isinstance(inner, inspect.StructType) else None
    if isinstance(kind, inspect.ListType | inspect.VarTupleType):
        inner = unwrap(kind.item_type)
        return (inner, "[]") if isinstance(inner, inspect.StructType) else None
    return None


def _setting(field: inspect.Field, path: str) -> Setting:
    return Setting(
        path=path,
        type=label(field.type),
        required=field.required,
        default="" if field.required else _show(default_of(field)),
        allowed=allowed(field.type),
        description=description(field),
    )


def _show(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple | list):
        return f"[{', '.join(_show(item) for item in value)}]"
    if isinstance(value, dict):
        return "{}"
    return json.dumps(value if isinstance(value, str | int | float) else str(value))
