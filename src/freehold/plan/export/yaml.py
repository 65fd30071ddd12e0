"""YAML of plain values. Every string is quoted, so nothing is taken for a number, a date or a boolean."""

from __future__ import annotations

import json
import re

PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}  # that readers take for something else
WIDEST_16_BIT = 0xFFFF
DELETE = "\x7f"  # the one control character that JSON leaves as it is

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
    return key if PLAIN.fullmatch(key) and key.lower() not in WORDS else _scalar(key)


def _scalar(value: str | int | float | bool) -> str:
    """JSON scalars are YAML scalars, but for characters beyond 16 bits: YAML does not join surrogates."""
    if not isinstance(value, str):
        return json.dumps(value)
    return '"' + "".join(_character(char) for char in value) + '"'


def _character(char: str) -> str:
    if ord(char) > WIDEST_16_BIT:
        return f"\\U{ord(char):08x}"
    return "\\x7f" if char == DELETE else json.dumps(char)[1:-1]
