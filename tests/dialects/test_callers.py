from __future__ import annotations

import pytest

from freehold.dialects import caller_key
from freehold.dialects.callers import strip_key

SCOPE = "Credential=fh_key/20261120/us-east-1/bedrock/aws4_request"
SIGNED = f"AWS4-HMAC-SHA256 {SCOPE}, SignedHeaders=host, Signature=x"


@pytest.mark.parametrize(
    ("headers", "place"),
    [
        ({"authorization": "Bearer fh_key"}, "bearer"),
        ({"authorization": "bearer fh_key"}, "bearer"),
        ({"x-api-key": "fh_key"}, "x-api-key"),
        ({"api-key": "fh_key"}, "api-key"),
        ({"x-goog-api-key": "fh_key"}, "x-goog-api-key"),
        ({"authorization": SIGNED}, "sigv4"),
    ],
)
def test_key_is_found_where_each_sdk_puts_it(headers: dict[str, str], place: str) -> None:
    found = caller_key(headers, "/v1/messages")
    assert (found.key, found.place) == ("fh_key", place)


def test_key_in_the_query_is_found_and_taken_off() -> None:
    found = caller_key({}, "/v1beta/models/m:generateContent?alt=sse&key=fh%5Fkey&x=1")
    assert (found.key, found.place) == ("fh_key", "query")
    assert found.target == "/v1beta/models/m:generateContent?alt=sse&x=1"


def test_key_in_the_query_is_taken_off_even_when_another_is_used() -> None:
    found = caller_key({"x-goog-api-key": "other"}, "/v1beta/models?key=secret")
    assert found.key == "other"
    assert "secret" not in found.target


def test_vendor_header_wins_over_a_bearer() -> None:
    assert caller_key({"x-api-key": "mine", "authorization": "Bearer other"}, "/").key == "mine"


@pytest.mark.parametrize("given", ["", "Basic abc", "Bearer", "Bearer  ", "AWS4-HMAC-SHA256 Signature=x"])
def test_unreadable_authorization_is_no_key(given: str) -> None:
    assert caller_key({"authorization": given}, "/").key is None


def test_key_is_not_in_the_repr() -> None:
    assert "fh_key" not in repr(caller_key({"x-api-key": "fh_key"}, "/"))


def test_target_without_a_key_is_left_alone() -> None:
    assert strip_key("/a?api-version=1&monkey=2") == ("/a?api-version=1&monkey=2", None)
