"""The smallest honest instance of a JSON schema: what a structured answer or a tool's arguments hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DEPTH_MAX = 32
ITEMS_MAX = 64
TEXT_CHARS_MAX = 4096
FORMATS = {
    "date": "2026-01-02", "time": "03:04:05Z", "date-time": "2026-01-02T03:04:05Z", "duration": "P1D",
    "email": "someone@example.com", "hostname": "example.com", "uri": "https://example.com/",
    "ipv4": "192.0.2.1", "ipv6": "2001:db8::1", "uuid": "00000000-0000-4000-8000-000000000000",
}  # fmt: skip


def instance(schema: Any, hint: str = "value") -> Any:
    """A value the schema accepts; `hint` names free text. Keywords that only narrow further are not read."""
    return _build(schema, schema, hint, 0)


def _build(schema: Any, root: Any, hint: str, depth: int) -> Any:
    if not isinstance(schema, Mapping) or depth > DEPTH_MAX:
        return hint
    if "$ref" in schema:
        return _build(_resolve(str(schema["$ref"]), root), root, hint, depth + 1)
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    if "allOf" in schema:
        return _build(_merged(schema, root), root, hint, depth + 1)
    for key in ("anyOf", "oneOf"):
        if schema.get(key):
            return _build(schema[key][0], root, hint, depth + 1)
    return _of_type(schema, root, hint, depth)


def _of_type(schema: Mapping[str, Any], root: Any, hint: str, depth: int) -> Any:
    match _type(schema):
        case "object":
            properties = schema.get("properties") or {}
            wanted = schema.get("required") or []
            names = [name for name in properties if name in wanted or depth == 0]
            names += [name for name in wanted if name not in properties]
            return {name: _build(properties.get(name, {}), root, name, depth + 1) for name in names}
        case "array":
            count = min(max(int(schema.get("minItems", 1)), 0), ITEMS_MAX)
            return [_build(schema.get("items", {}), root, hint, depth + 1) for _ in range(count)]
        case "integer":
            return int(_number(schema))
        case "number":
            return _number(schema)
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return _text(schema, hint)


def _type(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if kind is None:
        kind = "object" if "properties" in schema else "array" if "items" in schema else "string"
    return str(kind).lower()  # one vendor writes OBJECT, STRING


def _number(schema: Mapping[str, Any]) -> float:
    least = schema.get("minimum", schema.get("exclusiveMinimum", 1))
    step = schema.get("multipleOf", 1)
    value = least if "minimum" in schema else least + step if "exclusiveMinimum" in schema else least
    most = schema.get("maximum", schema.get("exclusiveMaximum"))
    if most is not None and value > most:
        value = most if "maximum" in schema else most - step
    return value  # type: ignore[no-any-return]  # numbers of the caller's own schema


def _text(schema: Mapping[str, Any], hint: str) -> str:
    said = FORMATS.get(str(schema.get("format", "")), hint)
    least = min(int(schema.get("minLength", 0)), TEXT_CHARS_MAX)
    most = int(schema.get("maxLength", TEXT_CHARS_MAX))
    return said.ljust(least, "x")[:most]


def _merged(schema: Mapping[str, Any], root: Any) -> dict[str, Any]:
    merged: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
    for part in schema["allOf"]:
        part = _resolve(str(part["$ref"]), root) if isinstance(part, Mapping) and "$ref" in part else part
        for key, value in part.items() if isinstance(part, Mapping) else ():
            if key == "properties":
                merged["properties"] = {**merged.get("properties", {}), **value}
            elif key == "required":
                merged["required"] = [*merged.get("required", []), *value]
            else:
                merged[key] = value
    return merged


def _resolve(reference: str, root: Any) -> Any:
    found = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        found = found.get(key, {}) if key and isinstance(found, Mapping) else found
    return found
