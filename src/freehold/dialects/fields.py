"""One JSON object, read by taking its fields out; what is left over is what we do not know.

So unknown fields are carried by construction, and every ill-typed one is a DialectError that names its path.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from freehold.dialects.base import DialectError
from freehold.types.conversation import Extra, ToolUse

_KINDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false", dict: "an object",
          list: "a list", type(None): "nothing"}  # fmt: skip
_decode: Final = msgspec.json.Decoder().decode
encode: Final = msgspec.json.Encoder().encode


def parse(body: bytes | str, *, answer: bool = False) -> Any:
    """The JSON value, or a DialectError; deep nesting and bad UTF-8 are errors like any other."""
    try:
        return _decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise fault(str(error) or type(error).__name__, answer=answer) from error


def fault(why: str, *, answer: bool = False) -> DialectError:
    if answer:
        return DialectError(
            "the home's answer cannot be read", why=why, code="dialects.unreadable-answer", status=502
        )
    return DialectError(
        "the request cannot be read", why=why, fix="correct the request", code="dialects.bad-request"
    )


NOTHING: Final = msgspec.Raw(b"null")  # msgspec has no "raw or absent"


def given(value: msgspec.Raw) -> bytes | None:
    """A raw field of a typed event, or None where it was absent or null."""
    if value is NOTHING:
        return None
    found = bytes(value)
    return None if found == b"null" else found


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(encode(value))


def only_text(parts: Any) -> str | None:
    """The text of a list of parts that holds one `{"text": ...}` and nothing else, as most do."""
    if type(parts) is list and len(parts) == 1:
        part = parts[0]
        if type(part) is dict and len(part) == 1:
            text = part.get("text")
            return text if type(text) is str and text else None
    return None


class Fields:
    """The fields of one object. `null` is read as absent."""

    __slots__ = ("_answer", "_name", "_parent", "left")

    def __init__(
        self, value: Any, name: str = "", parent: Fields | None = None, *, answer: bool = False
    ) -> None:
        self._name, self._parent = name, parent
        self._answer: bool = parent._answer if parent is not None else answer
        if type(value) is not dict:
            raise self.wrong("", "an object", value)
        self.left: dict[str, Any] = value

    @classmethod
    def of(cls, body: bytes, *, answer: bool = False) -> Fields:
        return cls(parse(body, answer=answer), answer=answer)

    def path(self, name: str = "") -> str:
        own = f"{self._name}.{name}" if self._name and name else self._name or name
        return f"{self._parent.path()}.{own}".lstrip(".") if self._parent is not None else own

    def wrong(self, name: str, expected: str, got: object) -> DialectError:
        kind = _KINDS.get(type(got), type(got).__name__)
        return self.fault(name, f"expected {expected}, got {kind}")

    def fault(self, name: str, why: str) -> DialectError:
        return fault(f"{self.path(name) or 'the body'}: {why}", answer=self._answer)

    def any(self, name: str) -> Any:
        return self.left.pop(name, None)

    def raw(self, name: str) -> msgspec.Raw | None:
        value = self.left.pop(name, None)
        return None if value is None else msgspec.Raw(encode(value))

    def text(self, name: str) -> str:
        value = self.left.pop(name, None)
        if type(value) is not str:
            raise self.fault(name, "it is required") if value is None else self.wrong(name, "text", value)
        return value

    def maybe(self, name: str) -> str | None:
        value = self.left.pop(name, None)
        if value is not None and type(value) is not str:
            raise self.wrong(name, "text", value)
        return value

    def integer(self, name: str) -> int | None:
        value = self.left.pop(name, None)
        if value is not None and type(value) is not int:
            if type(value) is float and value.is_integer():
                return int(value)
            raise self.wrong(name, "a whole number", value)
        return value

    def count(self, name: str) -> int | None:
        """A number of tokens: garbage such as a negative one is an error, not a figure."""
        value = self.integer(name)
        if value is not None and not 0 <= value < 1 << 53:
            raise self.fault(name, f"{value} is not a number of tokens")
        return value

    def number(self, name: str) -> float | None:
        value = self.left.pop(name, None)
        if value is None:
            return None
        if type(value) is not float and type(value) is not int:
            raise self.wrong(name, "a number", value)
        return value

    def flag(self, name: str) -> bool | None:
        value = self.left.pop(name, None)
        if value is not None and type(value) is not bool:
            raise self.wrong(name, "true or false", value)
        return value

    def items(self, name: str) -> list[Any]:
        value = self.left.pop(name, None)
        if value is None:
            return []
        if type(value) is not list:
            raise self.wrong(name, "a list", value)
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        values = self.items(name)
        for value in values:
            if type(value) is not str:
                raise self.wrong(name, "a list of texts", value)
        return tuple(values)

    def object(self, name: str) -> Fields | None:
        value = self.left.pop(name, None)
        return None if value is None else Fields(value, name, self)

    def required(self, name: str) -> Fields:
        found = self.object(name)
        if found is None:
            raise self.fault(name, "it is required")
        return found

    def objects(self, name: str) -> list[Fields]:
        return [Fields(value, f"{name}[{at}]", self) for at, value in enumerate(self.items(name))]

    def extra(self) -> Extra:
        """What was not taken, as the bytes it says."""
        if not self.left:
            return {}
        return {name: msgspec.Raw(encode(value)) for name, value in self.left.items()}


def input_object(block: ToolUse) -> msgspec.Raw:
    """A tool call's input, for dialects where it is an object and not text."""
    if not block.input_json:
        return msgspec.Raw(b"{}")
    try:
        value = _decode(block.input_json)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        value = None
    if type(value) is not dict:
        raise DialectError(
            f"the input of tool call {block.id!r} is not a JSON object",
            why="the home's dialect holds tool inputs as objects, and this one is another text",
            fix="send the arguments as the model wrote them",
            code="dialects.cannot-express",
        )
    return msgspec.Raw(block.input_json.encode())
