"""What an error inside a stream means: a few say that there is no more room, the rest that it broke."""

from __future__ import annotations

from typing import Any, Final

import msgspec

BROKE: Final = "error_in_stream"
# The dialects' names for it, and ours where a codec has read the event.
_KINDS: Final = {
    "rate_limited": "rate_limited", "rate_limit_exceeded": "rate_limited", "rate_limit_error": "rate_limited",
    "RESOURCE_EXHAUSTED": "rate_limited", "quota_exhausted": "quota_exhausted",
    "insufficient_quota": "quota_exhausted",
}  # fmt: skip


class _Named(msgspec.Struct):
    code: Any = None
    type: Any = None
    status: Any = None


class _Response(msgspec.Struct):
    error: _Named | None = None


class _Event(msgspec.Struct):
    error: _Named | None = None
    response: _Response | None = None
    code: Any = None


_read = msgspec.json.Decoder(_Event).decode


def kind_of(name: str) -> str:
    """Of an error that a codec has read."""
    return _KINDS.get(name, BROKE)


def kind_in(data: bytes) -> str:
    """Of an error event as it came, in any of the dialects that stream JSON."""
    try:
        event = _read(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return BROKE
    inner = event.response.error if event.response is not None else None
    names = [event.code]
    for said in (event.error, inner):
        if said is not None:
            names += [said.code, said.type, said.status]
    return next((_KINDS[name] for name in names if isinstance(name, str) and name in _KINDS), BROKE)
