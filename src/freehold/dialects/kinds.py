"""What can go wrong at a home, by one name whatever the dialect, and what it means for the call."""

from __future__ import annotations

import email.utils
from collections.abc import Mapping

from freehold.dialects.base import JSON_HEADERS, Action, Failure, Outcome

RETRY_AFTER_MS_MAX = 24 * 3600 * 1000

ACTIONS: dict[str, Action] = {
    "ok": "answer",
    "bad_request": "client_fault",
    "too_large": "client_fault",
    "content_filter": "client_fault",  # an answer, told in an error's shape: never shopped around by default
    "too_long": "next_home",  # another home may take more context
    "unsupported": "next_home",
    "auth": "next_home",  # our credential for this home, not the caller's
    "permission": "next_home",
    "billing": "next_home",
    "not_found": "next_home",
    "rate_limited": "next_home",
    "quota_exhausted": "next_home",
    "overloaded": "next_home",
    "not_ready": "wait",
    "timeout": "retry_here",
    "conflict": "retry_here",
    "cancelled": "next_home",
    "model_error": "next_home",
    "server_error": "next_home",
    "unavailable": "next_home",
    "bad_gateway": "next_home",
}

_BY_STATUS = {
    401: "auth", 402: "billing", 403: "permission", 404: "not_found", 408: "timeout", 409: "conflict",
    413: "too_large", 429: "rate_limited", 499: "cancelled", 500: "server_error", 502: "bad_gateway",
    503: "unavailable", 504: "timeout", 529: "overloaded",
}  # fmt: skip


def by_status(status: int) -> str:
    if status < 400:
        return "ok"
    return _BY_STATUS.get(status, "bad_request" if status < 500 else "server_error")


def outcome(status: int, kind: str, message: str = "", retry_after_ms: int | None = None) -> Outcome:
    return Outcome(
        action=ACTIONS[kind], kind=kind, status=status, message=message, retry_after_ms=retry_after_ms
    )


def retry_after_ms(headers: Mapping[str, str]) -> int | None:
    """The wait that the home asks for, in any of the spellings in use; None if it names none."""
    for name, scale in (("retry-after-ms", 1), ("x-ms-retry-after-ms", 1), ("retry-after", 1000)):
        value = _header(headers, name)
        if value is None:
            continue
        try:
            wait_ms = round(float(value) * scale)
        except (ValueError, OverflowError):
            wait_ms = _until_ms(value, _header(headers, "date"))
        if wait_ms >= 0:
            return min(wait_ms, RETRY_AFTER_MS_MAX)
    return None


def _until_ms(value: str, now: str | None) -> int:
    """From the time of the reply, by the home's own clock, to a date it names; -1 where there is none."""
    try:
        until = email.utils.parsedate_to_datetime(value)
        return max(round((until - email.utils.parsedate_to_datetime(now or "")).total_seconds() * 1000), 0)
    except (ValueError, TypeError):
        return -1


def _header(headers: Mapping[str, str], name: str) -> str | None:
    value = headers.get(name)
    if value is None:
        value = next((value for key, value in headers.items() if key.lower() == name), None)
    return value


def retry_headers(failure: Failure) -> dict[str, str]:
    """The wait in both spellings that the SDKs read."""
    if failure.retry_after_ms is None:
        return JSON_HEADERS
    wait_ms = failure.retry_after_ms
    return {**JSON_HEADERS, "retry-after-ms": str(wait_ms), "retry-after": str(-(-wait_ms // 1000))}
