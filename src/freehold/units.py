"""Quantities as people write them, held as integers: durations, sizes, money, tokens, counts.

Money is nano-dollars, time nanoseconds or microseconds, so that sums are exact and records hold no floats.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal

from freehold.errors import InputError

NANO_PER_USD = 1_000_000_000
NS_PER_S = 1_000_000_000

_DURATION_S = {
    "ns": Decimal("1e-9"), "us": Decimal("1e-6"), "ms": Decimal("1e-3"), "s": Decimal(1),
    "m": Decimal(60), "h": Decimal(3600), "d": Decimal(86400), "w": Decimal(604800),
}  # fmt: skip
_SIZE_BYTES = {
    "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip
_QUANTITY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]+)\s*")


def parse_duration_ns(text: str) -> int:
    """ "1m30s", "250ms", "2 h" -> nanoseconds."""
    position, total = 0, Decimal(0)
    while position < len(text):
        match = _QUANTITY.match(text, position)
        if match is None or match[2] not in _DURATION_S:
            raise InputError(
                f"{text!r} is not a duration",
                why=f"a duration is a number with one of {', '.join(_DURATION_S)}, such as 250ms or 1m30s",
                fix="write it with a unit",
                code="units.duration",
            )
        total += Decimal(match[1]) * _DURATION_S[match[2]]
        position = match.end()
    if not text.strip():
        raise InputError(
            "a duration is empty",
            why="a duration is a number with a unit",
            fix="write one such as 30s",
            code="units.duration",
        )
    return int((total * NS_PER_S).to_integral_value(ROUND_HALF_EVEN))


def parse_size_bytes(text: str) -> int:
    """ "64 MiB", "1.5GB" -> bytes."""
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2].lower() not in _SIZE_BYTES:
        raise InputError(
            f"{text!r} is not a size",
            why=f"a size is a number with one of {', '.join(_SIZE_BYTES)}",
            fix="write it with a unit, such as 64MiB",
            code="units.size",
        )
    return int(Decimal(match[1]) * _SIZE_BYTES[match[2].lower()])


def nano_usd(usd: float | str | Decimal) -> int:
    """Dollars to nano-dollars, rounded half to even."""
    exact = usd if isinstance(usd, Decimal) else Decimal(str(usd))
    return int((exact * NANO_PER_USD).to_integral_value(ROUND_HALF_EVEN))


def show_usd(nano: int | None) -> str:
    """Nano-dollars for people; unknown stays unknown."""
    if nano is None:
        return "unknown"
    usd = Decimal(nano) / NANO_PER_USD
    if usd == 0:
        return "$0"
    if abs(usd) >= 1:
        return f"${usd:,.2f}"
    return f"${usd.quantize(Decimal('1e-9')).normalize():f}"


def show_duration(ns: int | None) -> str:
    if ns is None:
        return "unknown"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if abs(ns) >= size * NS_PER_S:
            return f"{ns / (size * NS_PER_S):.3g} {unit}"
    if abs(ns) >= 1_000_000:
        return f"{ns / 1e6:.3g} ms"
    return f"{ns / 1e3:.3g} us"


def show_count(number: float | None) -> str:
    """12, 3.4 k, 1.2 M, 5 G, ..."""
    if number is None:
        return "unknown"
    for suffix, size in (("E", 1e18), ("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(number) >= size:
            return f"{number / size:.3g} {suffix}"
    return f"{number:.3g}"
