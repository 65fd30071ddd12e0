"""Setting types that TOML does not have: durations, sizes, dollars, addresses.

Each is made from what a person writes, refuses what it cannot read with an InputError, and is listed in
kinds.CUSTOM so that the walker, the schema and the reference page treat them alike. Secrets: see secrets.py.
"""

from __future__ import annotations

import ipaddress
import re
from decimal import Decimal
from typing import ClassVar, Protocol, Self
from urllib.parse import urlsplit

from freehold.errors import InputError
from freehold.units import nano_usd, parse_duration_ns, parse_size_bytes

MAX_USD = 10**9  # per Mtok, per hour, per month: anything above is a typing error
MAX_DURATION_NS = 100 * 366 * 86_400 * 10**9
MAX_SIZE_BYTES = 2**60
MAX_TEXT = 200


class SettingType(Protocol):
    """What the walker needs to know about a type of ours."""

    label: ClassVar[str]
    example: ClassVar[str]

    @classmethod
    def read(cls, value: object) -> Self: ...
    @classmethod
    def schema(cls) -> dict[str, object]: ...


class _Text:
    """A value that keeps the words it was written in."""

    __slots__ = ("text",)
    text: str

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.text == self.text

    def __hash__(self) -> int:
        return hash((type(self), self.text))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.text!r})"

    def __str__(self) -> str:
        return self.text


class Duration(_Text):
    """A length of time, such as 250ms or 1m30s."""

    __slots__ = ("ns",)
    label: ClassVar[str] = "duration"
    example: ClassVar[str] = "30s"

    def __init__(self, text: str) -> None:
        self.text = text
        self.ns = parse_duration_ns(_bounded(text, "units.duration"))
        if self.ns > MAX_DURATION_NS:
            raise InputError(
                f"{text!r} is too long a time", why="the most is 100 years", fix="write less",
                code="units.duration",
            )  # fmt: skip

    @property
    def seconds(self) -> float:
        return self.ns / 1e9

    @classmethod
    def read(cls, value: object) -> Self:
        return cls(_text(value, cls.label, cls.example, "units.duration"))

    @classmethod
    def schema(cls) -> dict[str, object]:
        units = "ns|us|ms|s|m|h|d|w"
        return {"type": "string", "maxLength": MAX_TEXT,
                "pattern": rf"^(\s*[0-9]+(\.[0-9]+)?\s*({units})\s*)+$"}  # fmt: skip


class Size(_Text):
    """A number of bytes, such as 64MiB."""

    __slots__ = ("bytes",)
    label: ClassVar[str] = "size"
    example: ClassVar[str] = "64MiB"

    def __init__(self, text: str) -> None:
        self.text = text
        self.bytes = parse_size_bytes(_bounded(text, "units.size"))
        if self.bytes > MAX_SIZE_BYTES:
            raise InputError(
                f"{text!r} is too large a size",
                why="the most is 2^60 bytes",
                fix="write less",
                code="units.size",
            )

    @classmethod
    def read(cls, value: object) -> Self:
        return cls(_text(value, cls.label, cls.example, "units.size"))

    @classmethod
    def schema(cls) -> dict[str, object]:
        return {"type": "string", "maxLength": MAX_TEXT,
                "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*([kKmMgGtT][iI]?)?[bB]\s*$"}  # fmt: skip


class Usd(_Text):
    """US dollars as a number or a string: 3, 0.25 or "0.25"."""

    __slots__ = ("nano",)
    label: ClassVar[str] = "dollars"
    example: ClassVar[str] = "3.00"
    _DECIMAL: ClassVar[re.Pattern[str]] = re.compile(r"[0-9]{1,10}(\.[0-9]{1,9})?")

    def __init__(self, text: str) -> None:
        if self._DECIMAL.fullmatch(text) is None or Decimal(text) > MAX_USD:
            raise InputError(
                f"{text[:MAX_TEXT]!r} is not an amount in dollars",
                why=f"an amount is a decimal number from 0 to {MAX_USD} with at most nine decimals",
                fix='write it as 3.00 or "0.25"; leave it out where it is unknown',
                code="units.dollars",
            )
        self.text = text
        self.nano = nano_usd(Decimal(text))

    @classmethod
    def read(cls, value: object) -> Self:
        if isinstance(value, float):
            return cls(format(Decimal(repr(value)), "f"))
        if isinstance(value, int) and not isinstance(value, bool):
            return cls(str(value) if abs(value) < 10**12 else "too much")
        return cls(_text(value, cls.label, cls.example, "units.dollars"))

    @classmethod
    def schema(cls) -> dict[str, object]:
        return {"anyOf": [
            {"type": "number", "minimum": 0, "maximum": MAX_USD},
            {"type": "string", "pattern": r"^[0-9]{1,10}(\.[0-9]{1,9})?$"},
        ]}  # fmt: skip


class Url(_Text):
    """An http or https address with a host and without credentials."""

    __slots__ = ()
    label: ClassVar[str] = "address"
    example: ClassVar[str] = "https://api.example.com"

    def __init__(self, text: str) -> None:
        wrong = url_problem(text)
        if wrong is not None:
            # The text is not repeated: the part that is wrong may be a password.
            raise InputError(
                "the address cannot be used", why=wrong,
                fix="write http:// or https://, a host and a path; put secrets in `credential`",
                code="config.url",
            )  # fmt: skip
        self.text = text

    @classmethod
    def read(cls, value: object) -> Self:
        return cls(_text(value, cls.label, cls.example, "config.url"))

    @classmethod
    def schema(cls) -> dict[str, object]:
        return {
            "type": "string",
            "maxLength": 2000,
            "pattern": r"^[hH][tT][tT][pP][sS]?://[^\s/@?#]+(/[^\s?#]*)?$",
        }


def url_problem(text: str) -> str | None:
    """What is wrong with an address, in words that do not repeat it."""
    if len(text) > 2000 or any(character <= " " or character == "\x7f" for character in text):
        return "it is longer than 2000 characters or holds blanks or control characters"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return "the host or the port cannot be read"
    if parts.scheme not in ("http", "https"):
        return "it does not start with http:// or https://"
    if "@" in parts.netloc:
        return "it holds credentials, which end up in logs"
    if not parts.hostname:
        return "it has no host"
    if port == 0:
        return "port 0 cannot be called"
    if parts.query or parts.fragment or "?" in text or "#" in text:
        return "it holds a query or a fragment; a home's address is a host and a path"
    return None


def is_loopback(url: Url) -> bool:
    host = urlsplit(url.text).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bounded(text: str, code: str) -> str:
    if len(text) > MAX_TEXT:
        raise InputError("the value is too long", why=f"the most is {MAX_TEXT} characters", code=code)
    return text


def _text(value: object, label: str, example: str, code: str) -> str:
    if not isinstance(value, str):
        raise InputError(
            f"this is not a {label}", why=f"expected text such as {example!r}",
            fix="put it between quotes", code=code,
        )  # fmt: skip
    return value
