"""YAML of plain values. Every string is quoted, so nothing is taken for a number, a date or a boolean."""

from __future__ import annotations

import json

Value = str | int | float | bool | list["Value"] | dict[str, "Value"]


def dumped(value: Value, indent: int = 0) -> str:
    pad = "  " * indent
    if isinstance(value, dict):
        if not value:
            return " {}\n"
        lines = [f"{pad}{_key(key)}:{_after(item, indent)}" for key, item in value.items()]
        return ("\n" if indent else "") + "".join(lines)
    if isinstance(value, list):
        if not value:
            return " []\n"
        return "\n" + "".join(f"{pad}-{_after(item, indent, nested=True)}" for item in value)
    return f" {_scalar(value)}\n"


def _after(value: Value, indent: int, *, nested: bool = False) -> str:
    if nested and isinstance(value, dict) and value:
        inner = dumped(value, indent + 1).lstrip("\n")
        return " " + inner.removeprefix("  " * (indent + 1))
    return dumped(value, indent + 1)


def _key(key: str) -> str:
    return (
        key if key.replace("_", "").replace("-", "").isalnum() and not key[0].isdigit() else json.dumps(key)
    )


def _scalar(value: str | int | float | bool) -> str:
    """JSON scalars are YAML scalars."""
    return json.dumps(value)
