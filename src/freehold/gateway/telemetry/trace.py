"""W3C trace context: what a caller sends, what a home is sent, and the ids of our own spans.

Ids are made from the record's id, so that the exporter, which sees the record later, needs nothing else: the
trace of a call that brought none is its receipt's id as a number.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final, NamedTuple

from freehold.clock import CROCKFORD
from freehold.gateway.head import Head

SAMPLED: Final = 1
STATE_BYTES_MAX: Final = 512
_PARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_STATE = re.compile(rb"[\x20-\x7e]{1,512}")
_SHARE_BITS: Final = 56  # of the trace id, from its low end, as the specification asks of random ids
_VALUES: Final = {letter: place for place, letter in enumerate(CROCKFORD)}


class Caught(NamedTuple):
    """A caller's trace context, checked: hexadecimal ids, and whether the caller records this trace."""

    trace: str
    parent: str
    sampled: bool
    header: str
    state: str = ""

    def onward(self) -> dict[str, str]:
        """What a home is sent while we take no part in the trace: the same."""
        return _headers(self.header, self.state)


def caught(head: Head) -> Caught | None:
    """The trace context of a request; None where there is none, or none that is in order."""
    value = head.get(b"traceparent")
    if value is None or head.lower.count(b"\r\ntraceparent:") != 1:
        return None
    state = head.get(b"tracestate") or b""
    return read(value, state if _STATE.fullmatch(state) else b"")


def read(value: bytes, state: bytes = b"") -> Caught | None:
    found = _PARENT.fullmatch(value)
    if found is None or found[1] == b"ff" or (found[1] == b"00" and found[5] is not None):
        return None
    trace, parent, flags = found[2].decode(), found[3].decode(), int(found[4], 16)
    if not int(trace, 16) or not int(parent, 16):
        return None
    sampled = bool(flags & SAMPLED)
    return Caught(trace, parent, sampled, _parent_header(trace, parent, sampled), state.decode())


class Taking:
    """Our part in one call's trace. `onward` is asked once per attempt, in order."""

    __slots__ = ("_id", "_number", "_sampled", "_state", "_trace", "header")

    def __init__(self, caught: Caught | None, id: str, share: float) -> None:
        self._id, self._number = id, 0
        self.header = None if caught is None else caught.header
        self._state = "" if caught is None else caught.state
        self._trace = trace_of(id, caught)
        self._sampled = is_sampled(self._trace, caught, share)

    def onward(self) -> dict[str, str]:
        self._number += 1
        span = span_of(self._id, self._number)
        return _headers(_parent_header(self._trace, span, self._sampled), self._state)


class Tracing:
    """Takes part in every call's trace, for the share of them that is sampled."""

    def __init__(self, share: float) -> None:
        self.share = share

    def begin(self, caught: object, id: str) -> Taking:
        return Taking(caught if isinstance(caught, Caught) else None, id, self.share)


def trace_of(id: str, caught: Caught | None) -> str:
    """The caller's trace, else one of our own."""
    if caught is not None:
        return caught.trace
    number = 0
    for letter in id:
        number = number << 5 | _VALUES.get(letter, 0)
    return f"{number & (1 << 128) - 1 or 1:032x}"


def span_of(id: str, attempt: int = 0) -> str:
    """The span of a call, or of one of its attempts."""
    return hashlib.blake2b(f"{id}/{attempt}".encode(), digest_size=8).hexdigest()


def is_sampled(trace: str, caught: Caught | None, share: float) -> bool:
    """The caller's word, else a share of the traces that every process draws alike."""
    if caught is not None:
        return caught.sampled
    drawn = int(hashlib.blake2b(trace.encode(), digest_size=_SHARE_BITS // 8).hexdigest(), 16)
    return drawn < share * (1 << _SHARE_BITS)


def _parent_header(trace: str, span: str, sampled: bool) -> str:
    return f"00-{trace}-{span}-{SAMPLED if sampled else 0:02x}"


def _headers(parent: str, state: str) -> dict[str, str]:
    return {"traceparent": parent, "tracestate": state} if state else {"traceparent": parent}
