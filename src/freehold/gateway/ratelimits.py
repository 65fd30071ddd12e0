"""What a home says of its limits in the head of a reply, in any vendor's spelling.

OpenAI and Azure: `x-ratelimit-limit|remaining|reset-requests|tokens`; Anthropic:
`anthropic-ratelimit-requests|tokens|input-tokens|output-tokens-limit|remaining|reset`; Azure's provisioned
deployments: `azure-openai-deployment-utilization`. Bedrock and Vertex say nothing until they throttle.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

KINDS: Final = ("requests", "tokens", "input", "output")
Kind = Literal["requests", "tokens", "input", "output"]
RESET_SECONDS_MAX: Final = 86_400.0
COUNT_MAX: Final = 10**12
LINES_MAX: Final = 40  # of such headers looked at in one head

# One search over the head in lower case finds every line there is.
_LINE: Final = re.compile(
    rb"\r\n(?:x-ratelimit-(?P<what>limit|remaining|reset)-(?P<kind>requests|tokens)"
    rb"|anthropic-ratelimit-(?P<kind2>requests|tokens|input-tokens|output-tokens)"
    rb"-(?P<what2>limit|remaining|reset)"
    rb"|(?P<used>azure-openai-deployment-utilization)): *(?P<value>[^\r\n]{1,64})"
)
_NAMES: Final[dict[bytes, Kind]] = {
    b"requests": "requests", b"tokens": "tokens", b"input-tokens": "input", b"output-tokens": "output",
}  # fmt: skip
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|us|ns|h|m|s|d)")
_UNIT_SECONDS: Final = {
    "d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9,
}  # fmt: skip


class Limit(msgspec.Struct, kw_only=True):
    """One limit as it was told. What was not told is None."""

    limit: float | None = None
    remaining: float | None = None
    reset_seconds: float | None = None


class Told(msgspec.Struct, kw_only=True):
    limits: dict[Kind, Limit] = {}
    utilisation: float | None = None  # 1.0: a provisioned deployment is full


def speaks(lower: bytes) -> bool:
    """Is there anything to read? One search of the head, so that a head without costs nothing more."""
    return lower.find(b"ratelimit") >= 0 or lower.find(b"deployment-utiliz") >= 0


def told_of(lower: bytes, now_ns: int) -> Told:
    """The limits in a response head in lower case, `\\r\\n` before each line. `now_ns`: the time of day."""
    told = Told()
    for count, found in enumerate(_LINE.finditer(lower)):
        if count >= LINES_MAX:
            break
        value = found["value"].strip().decode("latin-1")
        if found["used"] is not None:
            told.utilisation = _percent(value)
            continue
        what = found["what"] or found["what2"]
        limit = told.limits.setdefault(_NAMES[found["kind"] or found["kind2"]], Limit())
        if what == b"reset":
            limit.reset_seconds = seconds_of(value, now_ns)
        elif what == b"limit":
            limit.limit = _count(value)
        else:
            limit.remaining = _count(value)
    return told


def seconds_of(value: str, now_ns: int) -> float | None:
    """`1.5`, `6m0s`, `200ms` or a time of day; None where it is none of these."""
    value = value.strip().lower()
    try:
        return _bounded(float(value))
    except ValueError:
        pass  # not a plain number
    parts = _PART.findall(value)
    if parts and "".join(number + unit for number, unit in parts) == value:
        return _bounded(sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts))
    try:
        at = datetime.fromisoformat(value.upper())
    except ValueError:
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return _bounded(at.timestamp() - now_ns / 1e9)


def _bounded(seconds: float) -> float | None:
    if seconds != seconds:
        return None
    return min(max(seconds, 0.0), RESET_SECONDS_MAX)


def _count(value: str) -> float | None:
    """A number of calls or tokens; None for words, signs and what no limit is."""
    if not value.isascii() or not value.replace(".", "", 1).isdigit():
        return None
    return min(float(value), float(COUNT_MAX))


def _percent(value: str) -> float | None:
    """`87%`, `87.5 %`, or a bare number of percent."""
    count = _count(value.rstrip("%").strip())
    return None if count is None else count / 100
