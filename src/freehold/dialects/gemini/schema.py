"""Google's own schema form (types in capitals, `nullable`), as JSON schema."""

from __future__ import annotations

from typing import Any

_DEPTH_MAX = 64


def to_json_schema(schema: Any, depth: int = 0) -> Any:
    if depth > _DEPTH_MAX or type(schema) is not dict:
        return schema
    made = dict(schema)
    kind = made.get("type")
    if type(kind) is str:
        made["type"] = kind.lower()
        if made.pop("nullable", False) is True:
            made["type"] = [kind.lower(), "null"]
    for name in ("properties", "defs"):
        if type(made.get(name)) is dict:
            made[name] = {key: to_json_schema(value, depth + 1) for key, value in made[name].items()}
    if "items" in made:
        made["items"] = to_json_schema(made["items"], depth + 1)
    if type(made.get("anyOf")) is list:
        made["anyOf"] = [to_json_schema(value, depth + 1) for value in made["anyOf"]]
    made.pop("propertyOrdering", None)  # an order of writing, which JSON schema does not know
    return made
