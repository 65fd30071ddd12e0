"""Google's errors, as outcomes, as replies and inside a stream."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from freehold.dialects import kinds
from freehold.dialects.base import Failure, Outcome, WireReply
from freehold.dialects.fields import Fields, encode
from freehold.dialects.gemini.wire import Error, decode_error, decode_errors
from freehold.types.conversation import StreamError

_STATUS_NAMES = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED", 409: "ABORTED", 413: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED", 500: "INTERNAL", 502: "UNAVAILABLE", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}  # fmt: skip
_KIND_OF = {
    "INVALID_ARGUMENT": "bad_request", "FAILED_PRECONDITION": "permission", "UNAUTHENTICATED": "auth",
    "PERMISSION_DENIED": "permission", "NOT_FOUND": "not_found", "RESOURCE_EXHAUSTED": "rate_limited",
    "CANCELLED": "cancelled", "INTERNAL": "server_error", "UNAVAILABLE": "unavailable",
    "DEADLINE_EXCEEDED": "timeout", "ABORTED": "conflict",
}  # fmt: skip
_DELAY = re.compile(r"^(\d{1,6}(?:\.\d{1,9})?)s$")


def outcome(status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
    if status < 400:
        return kinds.outcome(status, "ok")
    error = _read(body)
    kind = _KIND_OF.get(error.status or "") or kinds.by_status(status)
    message = error.message or ""
    reasons = {detail.reason for detail in error.details or ()}
    if "API_KEY_INVALID" in reasons:
        kind = "auth"  # a bad key is a 400 here
    elif kind == "bad_request" and "exceeds the maximum number of tokens" in message:
        kind = "too_long"
    elif kind == "rate_limited" and ("PerDay" in message or "per day" in message):
        kind = "quota_exhausted"
    wait_ms = kinds.retry_after_ms(headers)
    return kinds.outcome(status, kind, message, _delay_ms(error) if wait_ms is None else wait_ms)


def _read(body: bytes) -> Error:
    """An error, or the first of a list of them: a stream asked for without alt=sse is a JSON array."""
    try:
        if body.lstrip()[:1] == b"[":
            return next((each.error for each in decode_errors(body) if each.error is not None), Error())
        return decode_error(body).error or Error()
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return Error()  # an error page that is not JSON is no reason to fail


def _delay_ms(error: Error) -> int | None:
    for detail in error.details or ():
        if match := _DELAY.match(detail.retryDelay or ""):
            return min(round(float(match[1]) * 1000), kinds.RETRY_AFTER_MS_MAX)
    return None


def write_error(failure: Failure) -> WireReply:
    name = _STATUS_NAMES.get(failure.status, "INVALID_ARGUMENT" if failure.status < 500 else "INTERNAL")
    error: dict[str, object] = {"code": failure.status, "message": failure.message, "status": name}
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": failure.code, "domain": "freehold"}
    details: list[object] = [info]
    if failure.retry_after_ms is not None:
        delay = f"{failure.retry_after_ms / 1000:g}s"
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay})
    error["details"] = details
    return WireReply(
        status=failure.status, body=encode({"error": error}), headers=kinds.retry_headers(failure)
    )


def read_stream_error(error: Fields) -> StreamError:
    code = error.integer("code")
    status = code if code is not None and 400 <= code < 600 else None
    kind = _KIND_OF.get(error.maybe("status") or "") or kinds.by_status(status or 500)
    return StreamError(kind=kind, message=error.maybe("message") or "", status=status)


def write_stream_error(event: StreamError) -> bytes:
    status = event.status or 500
    name = _STATUS_NAMES.get(status, "INTERNAL")
    return encode({"error": {"code": status, "message": event.message, "status": name}})
