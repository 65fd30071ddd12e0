"""Bedrock's errors, as outcomes, as replies and as exceptions inside a stream."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from freehold.dialects import eventstream, kinds
from freehold.dialects.base import Failure, Outcome, WireReply
from freehold.dialects.bedrock.wire import ErrorBody, decode_error
from freehold.dialects.fields import encode
from freehold.types.conversation import StreamError

_KIND_OF = {
    "ValidationException": "bad_request", "AccessDeniedException": "permission",
    "ResourceNotFoundException": "not_found", "ThrottlingException": "rate_limited",
    "ServiceQuotaExceededException": "quota_exhausted", "ModelNotReadyException": "not_ready",
    "ModelTimeoutException": "timeout", "ModelErrorException": "model_error",
    "ModelStreamErrorException": "model_error", "InternalServerException": "server_error",
    "ServiceUnavailableException": "unavailable", "ConflictException": "conflict",
    "UnrecognizedClientException": "auth", "InvalidSignatureException": "auth",
    "ExpiredTokenException": "auth", "IncompleteSignatureException": "auth",
}  # fmt: skip
_NAME_OF = {
    "bad_request": "ValidationException", "content_filter": "ValidationException",
    "too_long": "ValidationException", "too_large": "ValidationException",
    "permission": "AccessDeniedException", "auth": "UnrecognizedClientException",
    "not_found": "ResourceNotFoundException", "rate_limited": "ThrottlingException",
    "quota_exhausted": "ServiceQuotaExceededException", "not_ready": "ModelNotReadyException",
    "timeout": "ModelTimeoutException", "model_error": "ModelErrorException",
    "overloaded": "ServiceUnavailableException", "unavailable": "ServiceUnavailableException",
    "conflict": "ConflictException", "unsupported": "ValidationException",
}  # fmt: skip
_STATUS_OF = {
    "ValidationException": 400, "AccessDeniedException": 403, "UnrecognizedClientException": 403,
    "ExpiredTokenException": 403, "InvalidSignatureException": 403, "IncompleteSignatureException": 400,
    "ResourceNotFoundException": 404, "ThrottlingException": 429, "ServiceQuotaExceededException": 400,
    "ModelNotReadyException": 429, "ModelTimeoutException": 408, "ModelErrorException": 424,
    "ModelStreamErrorException": 424, "InternalServerException": 500, "ServiceUnavailableException": 503,
    "ConflictException": 400,
}  # fmt: skip
# What an exception inside a stream may be called; the first letter is small there.
_IN_STREAM = {
    "rate_limited": "throttlingException", "bad_request": "validationException",
    "overloaded": "serviceUnavailableException", "unavailable": "serviceUnavailableException",
    "model_error": "modelStreamErrorException", "timeout": "modelTimeoutException",
}  # fmt: skip


def outcome(status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
    if status < 400:
        return kinds.outcome(status, "ok")
    try:
        wire = decode_error(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        wire = ErrorBody()
    named = next((value for key, value in headers.items() if key.lower() == "x-amzn-errortype"), "")
    name = (named or wire.type or "").partition(":")[0].rpartition("#")[2]
    message = wire.message or wire.Message or ""
    kind = _KIND_OF.get(name) or kinds.by_status(status)
    if kind == "rate_limited" and "per day" in message:
        kind = "quota_exhausted"  # a quota of the day: waiting a second does not help
    elif kind == "bad_request" and ("too long" in message or "Input is too long" in message):
        kind = "too_long"
    elif kind == "bad_request" and "on-demand throughput" in message:
        kind = "not_found"  # this model is served through an inference profile only
    return kinds.outcome(status, kind, message, kinds.retry_after_ms(headers))


def write_error(failure: Failure) -> WireReply:
    name = _NAME_OF.get(failure.kind) or _name_by_status(failure.status)
    headers = {**kinds.retry_headers(failure), "x-amzn-errortype": name}
    return WireReply(
        status=_STATUS_OF.get(name, failure.status),
        body=encode({"message": failure.message}),
        headers=headers,
    )


def _name_by_status(status: int) -> str:
    kind = kinds.by_status(status)
    return _NAME_OF.get(kind, "ValidationException" if status < 500 else "InternalServerException")


def read_exception(headers: dict[str, str], payload: bytes) -> StreamError:
    name = headers.get(":exception-type") or headers.get(":error-code") or "internalServerException"
    try:
        message = decode_error(payload).message or headers.get(":error-message", "")
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        message = headers.get(":error-message", "")
    proper = name[:1].upper() + name[1:]
    return StreamError(
        kind=_KIND_OF.get(proper, "server_error"), message=message, status=_STATUS_OF.get(proper, 500)
    )


def write_exception(event: StreamError) -> bytes:
    kind = event.kind if event.kind in _IN_STREAM else kinds.by_status(event.status or 500)
    name = _IN_STREAM.get(kind, "internalServerException")
    return eventstream.write_exception(name, encode({"message": event.message}))
