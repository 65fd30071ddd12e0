"""Anthropic's errors, as outcomes and as replies."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from freehold.dialects import kinds
from freehold.dialects.anthropic.wire import Error, decode_error
from freehold.dialects.base import Failure, Outcome, WireReply
from freehold.dialects.fields import encode

TYPE_OF = {
    400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error",
    404: "not_found_error", 408: "timeout_error", 409: "conflict_error", 413: "request_too_large",
    422: "invalid_request_error", 429: "rate_limit_error", 500: "api_error", 502: "api_error",
    503: "overloaded_error", 504: "timeout_error", 529: "overloaded_error",
}  # fmt: skip
STATUS_OF = {
    "invalid_request_error": 400, "authentication_error": 401, "billing_error": 402, "permission_error": 403,
    "not_found_error": 404, "conflict_error": 409, "request_too_large": 413, "rate_limit_error": 429,
    "api_error": 500, "timeout_error": 504, "overloaded_error": 529,
}  # fmt: skip
_BY_TYPE = {
    "overloaded_error": "overloaded", "rate_limit_error": "rate_limited", "authentication_error": "auth",
    "permission_error": "permission", "billing_error": "billing", "not_found_error": "not_found",
    "request_too_large": "too_large", "timeout_error": "timeout", "conflict_error": "conflict",
}  # fmt: skip


def outcome(status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
    if status < 400:
        return kinds.outcome(status, "ok")
    error = _read(body)
    message = error.message or ""
    kind = _BY_TYPE.get(error.type or "") or kinds.by_status(status)
    if error.details is not None and error.details.error_code == "enforced_spend_limit_reached":
        kind = "quota_exhausted"  # a 429 that lasts until next month
    elif kind == "bad_request" and "prompt is too long" in message:
        kind = "too_long"
    elif kind == "bad_request" and "credit balance is too low" in message:
        kind = "billing"
    return kinds.outcome(status, kind, message, kinds.retry_after_ms(headers))


def _read(body: bytes) -> Error:
    try:
        return decode_error(body).error or Error()
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return Error()  # an error page that is not JSON is no reason to fail


def write_error(failure: Failure) -> WireReply:
    kind = TYPE_OF.get(failure.status, "invalid_request_error" if failure.status < 500 else "api_error")
    error = {"type": kind, "message": failure.message, "details": {"error_code": failure.code}}
    body = {"type": "error", "error": error, "request_id": None}
    return WireReply(status=failure.status, body=encode(body), headers=kinds.retry_headers(failure))
