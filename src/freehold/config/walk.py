"""Checks a TOML table against the structs and collects every problem, not only the first.

One method per kind of type; each returns the converted value, or INVALID after noting what is wrong. Values
that could be secrets are never repeated in a problem.
"""

from __future__ import annotations

import datetime
import json
import math
import re
from typing import Any, Final

from msgspec import inspect

from freehold.config.kinds import CUSTOM, allowed, custom_type, dotted, label, limits, members, unwrap
from freehold.config.lines import KeyPath
from freehold.config.secrets import Secret, looks_like_secret
from freehold.errors import InputError, Problem, nearest

MAX_PROBLEMS = 1000
MAX_SUGGESTIONS = 50  # a nearest match costs a comparison with every known word
MAX_VALUE_SHOWN = 60
MAX_STRING = 100_000
INTEGER_BITS = 63

INVALID: Final = object()


class TooManyProblemsError(Exception):
    """The file is wrong throughout; more lines would not help."""


class Walker:
    def __init__(self, lines: dict[KeyPath, int]) -> None:
        self.lines = lines
        self.problems: list[Problem] = []
        self.secrets: list[tuple[KeyPath, Secret]] = []
        self.partial: dict[KeyPath, dict[str, Any]] = {}
        """Named tables with None for those that are wrong, so that references can still be checked."""
        self._suggested = 0

    def note(self, code: str, path: KeyPath, what: str, why: str = "", fix: str = "") -> Any:
        """Keep a problem and return INVALID, so that a check can end with it."""
        if len(self.problems) >= MAX_PROBLEMS:
            raise TooManyProblemsError
        self.problems.append(
            Problem(code=code, what=what, why=why, fix=fix, path=dotted(path), line=line_of(self.lines, path))
        )
        return INVALID

    def close_to(self, word: str, known: list[str]) -> str | None:
        self._suggested += 1
        if self._suggested > MAX_SUGGESTIONS or len(word) > MAX_VALUE_SHOWN:
            return None
        return nearest(word, known)

    def value(self, kind: inspect.Type, value: Any, path: KeyPath) -> Any:
        kind = unwrap(kind)
        if isinstance(value, str) and not _is_secret(kind) and looks_like_secret(value):
            return self.note(
                "config.secret-literal", path,
                f"{dotted(path)} holds what looks like a secret (value not shown)",
                "a secret is named by reference, never written out",
                "move it into an environment variable or a file; if it was a real one, replace it",
            )  # fmt: skip
        match kind:
            case inspect.StructType():
                return self.struct(kind, value, path)
            case inspect.DictType():
                return self.named(kind, value, path)
            case inspect.ListType() | inspect.VarTupleType():
                return self.array(kind, value, path)
            case inspect.LiteralType():
                return self.choice(kind, value, path)
            case inspect.UnionType():
                return self.union(kind, value, path)
            case inspect.CustomType():
                return self.custom(kind, value, path)
            case inspect.StrType():
                return self.text(kind, value, path)
            case inspect.IntType() | inspect.FloatType():
                return self.number(kind, value, path)
            case inspect.BoolType():
                return value if isinstance(value, bool) else self.wrong_type(kind, value, path)
            case inspect.DateType():
                return self.date(kind, value, path)
        raise TypeError(f"{dotted(path)}: settings cannot have the type {kind!r}")

    def struct(self, kind: inspect.StructType, value: Any, path: KeyPath) -> Any:
        if not isinstance(value, dict):
            return self.wrong_type(kind, value, path)
        fields = {field.encode_name: field for field in kind.fields}
        found: dict[str, Any] = {}
        for key, inner in value.items():
            if key not in fields:
                self.unknown_key(key, list(fields), path)
                continue
            found[fields[key].name] = self.value(fields[key].type, inner, (*path, key))
        missing = [name for name, field in fields.items() if field.required and name not in value]
        for name in missing:
            self.note(
                "config.missing-key", path, f"{dotted(path)} has no {name!r}",
                f"{name} is required: {_expected(fields[name].type)}", f"add {name} = ...",
            )  # fmt: skip
        if missing or any(inner is INVALID for inner in found.values()):
            return INVALID
        return kind.cls(**found)

    def unknown_key(self, key: str, known: list[str], path: KeyPath) -> None:
        close = self.close_to(key, known)
        self.note(
            "config.unknown-key", (*path, key), f"{dotted((*path, key))} is not a setting",
            f"the closest is {close!r}" if close else f"known here: {', '.join(known)}",
            f"write {close} instead" if close else "remove it, or correct its name",
        )  # fmt: skip

    def named(self, kind: inspect.DictType, value: Any, path: KeyPath) -> Any:
        if not isinstance(value, dict):
            return self.wrong_type(kind, value, path)
        found: dict[str, Any] = {}
        wrong = False
        for key, inner in value.items():
            name = self.value(kind.key_type, key, (*path, key))
            read = self.value(kind.value_type, inner, (*path, key))
            wrong = wrong or name is INVALID or read is INVALID
            found[key] = None if read is INVALID else read
        self.partial[path] = found
        return INVALID if wrong else found

    def array(self, kind: inspect.ListType | inspect.VarTupleType, value: Any, path: KeyPath) -> Any:
        if not isinstance(value, list):
            return self.wrong_type(kind, value, path)
        if kind.min_length is not None and len(value) < kind.min_length:
            return self.note("config.length", path, f"{dotted(path)} has {len(value)} elements",
                             f"it needs at least {kind.min_length}", "add the missing ones")  # fmt: skip
        if kind.max_length is not None and len(value) > kind.max_length:
            return self.note("config.length", path, f"{dotted(path)} has {len(value)} elements",
                             f"the most is {kind.max_length}", "remove some")  # fmt: skip
        found = [self.value(kind.item_type, inner, (*path, index)) for index, inner in enumerate(value)]
        if any(inner is INVALID for inner in found):
            return INVALID
        return tuple(found) if isinstance(kind, inspect.VarTupleType) else found

    def choice(self, kind: inspect.LiteralType, value: Any, path: KeyPath) -> Any:
        for option in kind.values:
            if type(option) is type(value) and option == value:
                return option
        close = (
            self.close_to(value, [str(option) for option in kind.values]) if isinstance(value, str) else None
        )
        return self.note(
            "config.choice", path, f"{dotted(path)} is {show(value)}", f"allowed: {allowed(kind)}",
            f"write {json.dumps(close)}" if close else "write one of the allowed values",
        )  # fmt: skip

    def union(self, kind: inspect.UnionType, value: Any, path: KeyPath) -> Any:
        for member in members(kind):
            if _fits(member, value):
                return self.value(member, value, path)
        return self.wrong_type(kind, value, path)

    def custom(self, kind: inspect.CustomType, value: Any, path: KeyPath) -> Any:
        try:
            read = custom_type(kind).read(value)
        except InputError as error:
            return self.note(error.code, path, f"{dotted(path)}: {error.what}", error.why, error.fix)
        if isinstance(read, Secret):
            self.secrets.append((path, read))
        return read

    def text(self, kind: inspect.StrType, value: Any, path: KeyPath) -> Any:
        if not isinstance(value, str):
            return self.wrong_type(kind, value, path)
        least, most = kind.min_length or 0, MAX_STRING if kind.max_length is None else kind.max_length
        if not least <= len(value) <= most:
            return self.note("config.length", path, f"{dotted(path)} has {len(value)} characters",
                             f"expected {least} to {most}", "shorten it, or fill it in")  # fmt: skip
        if kind.pattern is not None and re.fullmatch(kind.pattern, value) is None:
            return self.note("config.pattern", path, f"{dotted(path)} is {show(value)}",
                             f"it must match {kind.pattern}", "use only the characters allowed")  # fmt: skip
        return value

    def number(self, kind: inspect.IntType | inspect.FloatType, value: Any, path: KeyPath) -> Any:
        whole = isinstance(kind, inspect.IntType)
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            return self.wrong_type(kind, value, path)
        if isinstance(value, int) and value.bit_length() > INTEGER_BITS:
            return self.note("config.range", path, f"{dotted(path)} does not fit in 64 bits",
                             _expected(kind), "write a smaller number")  # fmt: skip
        outside = (
            not math.isfinite(value)
            or (kind.ge is not None and value < kind.ge)
            or (kind.gt is not None and value <= kind.gt)
            or (kind.le is not None and value > kind.le)
            or (kind.lt is not None and value >= kind.lt)
        )
        if outside:
            why = f"allowed: {limits(kind)}" if limits(kind) else "allowed: any finite number"
            return self.note("config.range", path, f"{dotted(path)} is {value}", why,
                             "write a number in that range")  # fmt: skip
        return value if whole else float(value)

    def date(self, kind: inspect.DateType, value: Any, path: KeyPath) -> Any:
        if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
            return value
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
            try:
                return datetime.date.fromisoformat(value)
            except ValueError:
                pass  # reported below, like every other value that is no date
        return self.wrong_type(kind, value, path)

    def wrong_type(self, kind: inspect.Type, value: Any, path: KeyPath) -> Any:
        shown = "a value (not shown)" if _is_secret(kind) else show(value)
        return self.note(
            "config.type", path, f"{dotted(path)} is {shown}", f"expected {_expected(kind)}",
            "write a value of that type",
        )  # fmt: skip


def line_of(lines: dict[KeyPath, int], path: KeyPath) -> int | None:
    """The line of the path, or of the closest thing around it that the text names."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return None


def show(value: Any) -> str:
    """A value inside a message: bounded, on one line, and never a secret."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, str):
        if looks_like_secret(value):
            return "a secret (not shown)"
        return json.dumps(value if len(value) <= MAX_VALUE_SHOWN else value[:MAX_VALUE_SHOWN] + "...")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value.bit_length() > INTEGER_BITS:
        return "an enormous number"
    return str(value)


def _expected(kind: inspect.Type) -> str:
    extra = allowed(kind)
    return f"{label(kind)} ({extra})" if extra else label(kind)


def _is_secret(kind: inspect.Type) -> bool:
    return isinstance(kind, inspect.CustomType) and kind.cls is Secret


def _fits(kind: inspect.Type, value: Any) -> bool:
    """Is this member of a union the one the value was meant for?"""
    if isinstance(kind, inspect.CustomType):
        return kind.cls in CUSTOM and isinstance(value, str)
    if isinstance(value, bool) or isinstance(kind, inspect.BoolType):
        return isinstance(value, bool) and isinstance(kind, inspect.BoolType)
    containers: dict[type, type | tuple[type, ...]] = {
        inspect.StructType: dict, inspect.DictType: dict, inspect.ListType: list, inspect.VarTupleType: list,
        inspect.StrType: str, inspect.LiteralType: str, inspect.IntType: int, inspect.FloatType: (int, float),
        inspect.DateType: datetime.date,
    }  # fmt: skip
    return isinstance(value, containers.get(type(kind), ()))
