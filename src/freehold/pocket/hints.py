"""Every way a vendor has of saying when to come back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Literal

import msgspec

from freehold.dialects import WireReply

Hint = Literal[
    "vendor", "none", "seconds", "milliseconds", "http_date", "openai_reset", "anthropic_reset", "retry_info"
]
Hinted = Callable[[WireReply, float, int], WireReply]  # the refusal, seconds to wait, now in nanoseconds

RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"


def none(reply: WireReply, seconds: float, now_ns: int) -> WireReply:
    return reply


def in_seconds(reply: WireReply, seconds: float, now_ns: int) -> WireReply:
    return _with(reply, {"retry-after": f"{seconds:g}"})


def in_milliseconds(reply: WireReply, seconds: float, now_ns: int) -> WireReply:
    return _with(reply, {"retry-after-ms": str(round(seconds * 1000)), "retry-after": str(_ceil(seconds))})


def http_date(reply: WireReply, seconds: float, now_ns: int) -> WireReply:
    return _with(reply, {"retry-after": format_datetime(_at(seconds, now_ns), usegmt=True)})


def openai_reset(reply: WireReply, seconds: float, now_ns: int) -> WireReply:
    said = go_duration(seconds)
    return _with(reply, {
        "x-ratelimit-remaining-requests": "0", "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-requests": said, "x-ratelimit-reset-tokens": said,
    })  # fmt: skip


def anthropic_reset(reply: WireReply, seconds: float, now_ns: int) -> WireReply:
    said = rfc3339(_at(seconds, now_ns))
    return _with(reply, {
        "anthropic-ratelimit-requests-remaining": "0", "anthropic-ratelimit-requests-reset": said,
        "anthropic-ratelimit-tokens-remaining": "0", "anthropic-ratelimit-tokens-reset": said,
    })  # fmt: skip


def retry_info(reply: WireReply, seconds: float, now_ns: int) -> WireReply:
    """A google.rpc.RetryInfo among the error's details."""
    body = msgspec.json.decode(reply.body)
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        kept = [one for one in error.get("details") or [] if one.get("@type") != RETRY_INFO]
        error["details"] = [*kept, {"@type": RETRY_INFO, "retryDelay": f"{seconds:g}s"}]
    return msgspec.structs.replace(reply, body=msgspec.json.encode(body))


HINTS: dict[Hint, Hinted] = {
    "none": none,
    "seconds": in_seconds,
    "milliseconds": in_milliseconds,
    "http_date": http_date,
    "openai_reset": openai_reset,
    "anthropic_reset": anthropic_reset,
    "retry_info": retry_info,
}
VENDOR: dict[str, tuple[Hint, ...]] = {
    "openai": ("seconds", "openai_reset"),
    "responses": ("seconds", "openai_reset"),
    "anthropic": ("seconds", "anthropic_reset"),
    "bedrock": (),  # says nothing: the caller has to know its own rate
    "gemini": ("retry_info",),
    "azure": ("milliseconds",),
}


def hinted(reply: WireReply, hint: Hint, vendor: str, seconds: float, now_ns: int) -> WireReply:
    for name in VENDOR.get(vendor, ("seconds",)) if hint == "vendor" else (hint,):
        reply = HINTS[name](reply, seconds, now_ns)
    return reply


def go_duration(seconds: float) -> str:
    """As one vendor writes resets: 1s, 6m0s, 200ms."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    head = (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "")
    return f"{head}{rest:g}s"


def rfc3339(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _at(seconds: float, now_ns: int) -> datetime:
    return datetime.fromtimestamp(_ceil(now_ns / 1e9 + seconds), UTC)


def _ceil(value: float) -> int:
    return -int(-value // 1)


def _with(reply: WireReply, headers: dict[str, str]) -> WireReply:
    return msgspec.structs.replace(reply, headers={**reply.headers, **headers})
