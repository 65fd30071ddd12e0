"""Writing a catalog file of the user's own: the same TOML that `load` reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec


def to_toml(section: str, entries: Iterable[Mapping[str, Any]], source: Mapping[str, str]) -> str:
    """[[section]] tables, every one from one source."""
    name = "import"
    lines = [f"[sources.{name}]", *(f"{key} = {_value(value)}" for key, value in source.items())]
    for entry in entries:
        lines += ["", f"[[{section}]]", f'from = "{name}"']
        lines += [f"{key} = {_value(value)}" for key, value in entry.items()]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(item) for item in value)}]"
    return (
        msgspec.json.encode(str(value)).decode().replace("\x7f", "\\u007f")
    )  # basic TOML strings are JSON's
