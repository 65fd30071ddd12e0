from __future__ import annotations

import json
from typing import Any

import pytest

from freehold.dialects import Failure, codec, kinds
from tests.dialects.homes import FORMS

# (form, status, headers, body, kind, action)
REPLIES: list[tuple[str, int, dict[str, str], Any, str, str]] = [
    ("openai", 429, {}, {"error": {"code": "insufficient_quota"}}, "quota_exhausted", "next_home"),
    ("openai", 400, {}, {"error": {"code": "context_length_exceeded"}}, "too_long", "next_home"),
    ("openai", 400, {}, {"error": {"code": "content_filter"}}, "content_filter", "client_fault"),
    ("openai", 400, {}, {"message": "This model's maximum context length is 8"}, "too_long", "next_home"),
    ("openai", 401, {}, {"error": {"code": "invalid_api_key"}}, "auth", "next_home"),
    ("openai", 404, {}, {"error": {"code": "DeploymentNotFound"}}, "not_found", "next_home"),
    ("openai", 400, {}, {"error": {"message": "bad"}}, "bad_request", "client_fault"),
    ("anthropic", 529, {}, {"error": {"type": "overloaded_error"}}, "overloaded", "next_home"),
    ("anthropic", 429, {}, {"error": {"type": "rate_limit_error", "details": {
        "error_code": "enforced_spend_limit_reached"}}}, "quota_exhausted", "next_home"),
    ("anthropic", 400, {}, {"error": {"type": "invalid_request_error",
                                      "message": "prompt is too long: 9 tokens"}}, "too_long", "next_home"),
    ("bedrock", 429, {"x-amzn-errortype": "ThrottlingException:http://x"},
     {"message": "Too many tokens per day"}, "quota_exhausted", "next_home"),
    ("bedrock", 429, {"x-amzn-ErrorType": "ModelNotReadyException"}, {}, "not_ready", "wait"),
    ("bedrock", 400, {"x-amzn-errortype": "ValidationException"},
     {"message": "Model ID m with on-demand throughput isn't supported."}, "not_found", "next_home"),
    ("bedrock", 403, {}, {"__type": "com.amazon#ExpiredTokenException"}, "auth", "next_home"),
    ("bedrock", 408, {"x-amzn-errortype": "ModelTimeoutException"}, {}, "timeout", "retry_here"),
    ("bedrock", 424, {"x-amzn-errortype": "ModelErrorException"}, {}, "model_error", "next_home"),
    ("gemini", 429, {}, {"error": {"status": "RESOURCE_EXHAUSTED"}}, "rate_limited", "next_home"),
    ("gemini", 400, {}, {"error": {"status": "INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID"}]}},
     "auth", "next_home"),
    ("gemini", 503, {}, [{"error": {"status": "UNAVAILABLE"}}], "unavailable", "next_home"),
    ("gemini", 504, {}, {"error": {"status": "DEADLINE_EXCEEDED"}}, "timeout", "retry_here"),
]  # fmt: skip


@pytest.mark.parametrize(("form", "status", "headers", "body", "kind", "action"), REPLIES)
def test_reply_means_what_its_vendor_says(
    form: str, status: int, headers: dict[str, str], body: Any, kind: str, action: str
) -> None:
    outcome = codec(form).outcome(status, headers, json.dumps(body).encode())
    assert (outcome.kind, outcome.action) == (kind, action)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 413, 429, 500, 502, 503, 504, 529, 418])
def test_error_page_that_is_no_json_is_told_by_its_status(form: str, status: int) -> None:
    outcome = codec(form).outcome(status, {}, b"<html>gateway")
    assert outcome.kind in kinds.ACTIONS
    assert outcome.status == status
    assert outcome.action != "answer"


@pytest.mark.parametrize("form", FORMS)
def test_success_is_an_answer(form: str) -> None:
    assert codec(form).outcome(200, {}, b"").action == "answer"


@pytest.mark.parametrize(("headers", "wait_ms"), [
    ({"retry-after-ms": "250"}, 250), ({"x-ms-retry-after-ms": "90"}, 90), ({"retry-after": "2"}, 2000),
    ({"Retry-After": "1.5"}, 1500), ({"retry-after": "99999999999"}, kinds.RETRY_AFTER_MS_MAX),
    ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None), ({"retry-after": "-3"}, None),
    ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT", "date": "Wed, 21 Oct 2026 07:27:30 GMT"}, 30_000),
    ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT", "Date": "Wed, 21 Oct 2026 08:00:00 GMT"}, 0),
    ({"retry-after": "soon", "date": "never"}, None),
    ({"retry-after": "nan"}, None), ({}, None), ({"retry-after-ms": "250", "retry-after": "9"}, 250),
])  # fmt: skip
def test_wait_is_read_from_every_spelling(headers: dict[str, str], wait_ms: int | None) -> None:
    assert kinds.retry_after_ms(headers) == wait_ms


def test_googles_delay_is_read_from_the_body() -> None:
    body = {"error": {"status": "RESOURCE_EXHAUSTED", "details": [{"retryDelay": "7.5s"}]}}
    assert codec("gemini").outcome(429, {}, json.dumps(body).encode()).retry_after_ms == 7500


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("status", "kind"), [
    (400, "bad_request"), (401, "auth"), (403, "permission"), (404, "not_found"), (429, "rate_limited"),
    (500, "server_error"), (503, "unavailable"),
])  # fmt: skip
def test_written_failure_is_read_as_it_was_meant(form: str, status: int, kind: str) -> None:
    failure = Failure(status=status, kind=kind, what="no", why="because", fix="do", retry_after_ms=1500)
    reply = codec(form).write_error(failure)
    outcome = codec(form).outcome(reply.status, reply.headers, reply.body)
    assert outcome.retry_after_ms == 1500
    assert failure.message in outcome.message
    same = {"unavailable": ("unavailable", "overloaded")}.get(kind, (kind,))
    assert outcome.kind in same
