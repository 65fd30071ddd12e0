"""The heads of what callers are told: one `bytes` each, made with as little work as can be."""

from __future__ import annotations

from typing import Final

from freehold.gateway.route import Route

ADAPTED_CHARS_MAX: Final = 1000
_WHOLE: Final = b"%bx-freehold-attempts: %d\r\nx-freehold-receipt: %b\r\n%bcontent-length: %d\r\n\r\n%b"
_STREAM: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncache-control: no-cache\r\n%bx-freehold-attempts: %d\r\n"
    b"x-freehold-receipt: %b\r\n%b%b\r\n"
)
_EXTRA: Final = b"%bx-freehold-attempts: %d\r\nx-freehold-receipt: %b\r\nx-should-retry: %b\r\n"


def whole_reply(
    route: Route, attempts: int, receipt: bytes, raw_head: bytes, body: bytes, changes: tuple[str, ...] = ()
) -> bytes:
    """A whole answer, ready to be written."""
    named = vendor_id(raw_head)
    if changes:
        named += adapted(changes)
    return _WHOLE % (route.reply_plain, attempts, receipt, named, len(body), body)


def stream_head(
    route: Route, attempts: int, receipt: bytes, content_type: str, changes: tuple[str, ...], framing: bytes
) -> bytes:
    marked = adapted(changes) if changes else b""
    return _STREAM % (content_type.encode(), route.reply_tail, attempts, receipt, marked, framing)


def adapted(changes: tuple[str, ...]) -> bytes:
    """A header line that says what was changed in the request, or which homes could not take it."""
    words = "; ".join(changes)[:ADAPTED_CHARS_MAX]
    shown = "".join(char if " " <= char <= "~" else "?" for char in words)
    return b"x-freehold-adapted: %b\r\n" % shown.encode("ascii")


def refusal_extra(route: Route | None, attempts: int, receipt: bytes, may_retry: bool) -> bytes:
    """What an error says beside its dialect's own: who was asked, and whether the SDK should try again."""
    home = route.reply_tail if route is not None else b""
    return _EXTRA % (home, attempts, receipt, b"true" if may_retry else b"false")


def vendor_id(raw_head: bytes) -> bytes:
    """The vendor's own name for the request, which its support asks for; as a whole header line."""
    at = raw_head.find(b"request-id: ")
    if at < 0:
        return b""
    start = raw_head.rfind(b"\r\n", 0, at) + 2
    return raw_head[start : raw_head.find(b"\r\n", at) + 2]


def headers_of(raw: bytes) -> dict[str, str]:
    """The headers of a response, names in lower case."""
    found: dict[str, str] = {}
    for line in raw.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon:
            found[name.decode("latin-1").lower()] = value.strip().decode("latin-1")
    return found
