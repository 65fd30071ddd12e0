"""OpenAI's errors, as outcomes and as replies; Azure's content filter and vLLM's spelling too."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from freehold.dialects import kinds
from freehold.dialects.base import Failure, Outcome, WireReply
from freehold.dialects.fields import encode
from freehold.dialects.openai.wire import decode_error

_BY_CODE = {
    "insufficient_quota": "quota_exhausted",
    "billing_hard_limit_reached": "quota_exhausted",
    "rate_limit_exceeded": "rate_limited",
    "context_length_exceeded": "too_long",
    "string_above_max_length": "too_long",
    "content_filter": "content_filter",
    "content_policy_violation": "content_filter",
    "invalid_api_key": "auth",
    "model_not_found": "not_found",
    "DeploymentNotFound": "not_found",
    "data_residency_mismatch": "permission",
}
_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "requests"}
_CODES = {
    "rate_limited": "rate_limit_exceeded", "quota_exhausted": "insufficient_quota", "auth": "invalid_api_key",
    "too_long": "context_length_exceeded", "content_filter": "content_filter", "not_found": "model_not_found",
}  # fmt: skip


def outcome(status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
    if status < 400:
        return kinds.outcome(status, "ok")
    message, code = read_error(body)
    kind = _BY_CODE.get(code) or kinds.by_status(status)
    if status == 400 and kind == "bad_request" and "maximum context length" in message:
        kind = "too_long"  # vLLM says it in words only
    return kinds.outcome(status, kind, message, kinds.retry_after_ms(headers))


def read_error(body: bytes) -> tuple[str, str]:
    """(message, code); an error page that is not JSON is no reason to fail."""
    try:
        wire = decode_error(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return "", ""
    if isinstance(wire.error, str):
        return wire.error, ""
    if wire.error is None:
        return wire.message or "", ""
    code = wire.error.code if isinstance(wire.error.code, str) else None
    return wire.error.message or "", code or wire.error.type or ""


def write_error(failure: Failure) -> WireReply:
    kind = _TYPES.get(failure.status, "invalid_request_error" if failure.status < 500 else "server_error")
    code = _CODES.get(failure.kind, failure.code)
    body = {"error": {"message": failure.message, "type": kind, "param": None, "code": code}}
    return WireReply(status=failure.status, body=encode(body), headers=kinds.retry_headers(failure))
