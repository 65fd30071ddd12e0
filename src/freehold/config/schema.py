"""The JSON schema (draft 2020-12) of freehold.toml, for editors, made from the same structs as the check."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import inspect

from freehold.config.kinds import custom_type, default_of, description, members, unwrap
from freehold.config.load import MissingRoom, SectionType
from freehold.config.walk import INTEGER_BITS, MAX_STRING

Schema = dict[str, Any]

_LIMITS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


def json_schema(sections: Mapping[str, SectionType]) -> Schema:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "freehold.toml",
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "properties": {
            name: _schema(inspect.type_info(kind))
            for name, kind in sections.items()
            if not isinstance(kind, MissingRoom)
        },
    }


def _schema(kind: inspect.Type) -> Schema:
    kind = unwrap(kind)
    match kind:
        case inspect.StructType():
            return _struct(kind)
        case inspect.DictType():
            return {
                "type": "object",
                "propertyNames": _schema(kind.key_type),
                "additionalProperties": _schema(kind.value_type),
            }
        case inspect.ListType() | inspect.VarTupleType():
            bounds = {"minItems": kind.min_length, "maxItems": kind.max_length}
            return {"type": "array", "items": _schema(kind.item_type), **_present(bounds)}
        case inspect.LiteralType():
            return {"enum": list(kind.values)}
        case inspect.UnionType():
            return {"anyOf": [_schema(member) for member in members(kind)]}
        case inspect.CustomType():
            return dict(custom_type(kind).schema())
        case inspect.StrType():
            bounds = {"minLength": kind.min_length, "maxLength": kind.max_length or MAX_STRING}
            return {"type": "string", **_present({**bounds, "pattern": kind.pattern})}
        case inspect.IntType():
            ends = {"minimum": -(2**INTEGER_BITS) + 1, "maximum": 2**INTEGER_BITS - 1}
            return {"type": "integer", **ends, **_numbers(kind)}
        case inspect.FloatType():
            return {"type": "number", **_numbers(kind)}
        case inspect.BoolType():
            return {"type": "boolean"}
        case inspect.DateType():
            return {"type": "string", "format": "date", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
    raise TypeError(f"settings cannot have the type {kind!r}")


def _struct(kind: inspect.StructType) -> Schema:
    properties: Schema = {}
    for field in kind.fields:
        properties[field.encode_name] = {
            **_schema(field.type), **_present({"description": description(field) or None}), **_default(field),
        }  # fmt: skip
    required = [field.encode_name for field in kind.fields if field.required]
    shape: Schema = {"type": "object", "additionalProperties": False, "properties": properties}
    if kind.cls.__doc__:
        shape["description"] = " ".join(kind.cls.__doc__.split())
    return {**shape, "required": required} if required else shape


def _default(field: inspect.Field) -> Schema:
    """The default as an editor would insert it; tables and unknowns are left out."""
    value = default_of(field)
    if field.required or value is None or isinstance(value, msgspec.Struct | dict):
        return {}
    if isinstance(value, tuple):
        return {"default": [str(item) for item in value]}
    return {"default": value if isinstance(value, str | int | float) else str(value)}


def _numbers(kind: inspect.IntType | inspect.FloatType) -> Schema:
    return _present({word: getattr(kind, key) for key, word in _LIMITS.items()})


def _present(found: Schema) -> Schema:
    return {key: value for key, value in found.items() if value is not None}
