from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.gateway.ratelimits import RESET_SECONDS_MAX, seconds_of, speaks, told_of

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
NOW_NS = int(NOW.timestamp()) * 10**9


def head(*lines: str) -> bytes:
    return "".join(f"\r\n{line}" for line in (" 200 ok", *lines, "")).encode()


def test_openai_headers_are_read() -> None:
    told = told_of(
        head(
            "x-ratelimit-limit-requests: 500", "x-ratelimit-remaining-requests: 499",
            "x-ratelimit-reset-requests: 120ms", "x-ratelimit-remaining-tokens: 0",
            "x-ratelimit-reset-tokens: 6m0s", "x-ratelimit-limit-tokens: 30000",
        ), NOW_NS,
    )  # fmt: skip
    requests, tokens = told.limits["requests"], told.limits["tokens"]
    assert (requests.limit, requests.remaining, requests.reset_seconds) == (500, 499, 0.12)
    assert (tokens.limit, tokens.remaining, tokens.reset_seconds) == (30_000, 0, 360)


def test_anthropic_headers_are_read_with_input_and_output_apart() -> None:
    told = told_of(
        head(
            "anthropic-ratelimit-requests-limit: 50", "anthropic-ratelimit-input-tokens-remaining: 1200",
            "anthropic-ratelimit-output-tokens-limit: 8000",
            "anthropic-ratelimit-output-tokens-reset: 2026-11-20t12:00:30z",
        ), NOW_NS,
    )  # fmt: skip
    assert told.limits["requests"].limit == 50
    assert told.limits["input"].remaining == 1200
    assert told.limits["output"].reset_seconds == 30


def test_utilisation_of_a_provisioned_deployment_is_read() -> None:
    assert told_of(head("azure-openai-deployment-utilization: 87.5%"), NOW_NS).utilisation == 0.875


def test_head_without_limits_says_nothing() -> None:
    lines = head("content-type: application/json", "x-request-id: 7")
    assert not speaks(lines)
    assert told_of(lines, NOW_NS).limits == {}


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("1s", 1), ("6m0s", 360), ("200ms", 0.2), ("1h2m3.5s", 3723.5), ("12", 12), ("1d", 86_400), ("-3", 0),
     ("2026-11-20T12:01:00Z", 60), ("2026-11-20T11:00:00+00:00", 0),
     ("soon", None), ("", None), ("6m0", None),
     ("nan", None), ("1e99", RESET_SECONDS_MAX)],
)  # fmt: skip
def test_reset_is_read_in_every_spelling(value: str, seconds: float | None) -> None:
    assert seconds_of(value, NOW_NS) == seconds


@pytest.mark.parametrize("value", ["many", "-5", "1,000", "", "٣"])
def test_count_that_is_none_is_unknown(value: str) -> None:
    told = told_of(b"\r\nx-ratelimit-remaining-requests: " + value.encode() + b"\r\n", NOW_NS)
    assert all(one.remaining is None for one in told.limits.values())


@given(st.binary(max_size=300))
def test_any_bytes_can_be_read(noise: bytes) -> None:
    told = told_of(b"\r\nx-ratelimit-limit-requests: " + noise.lower() + b"\r\n" + noise, NOW_NS)
    assert all(one.limit is None or one.limit >= 0 for one in told.limits.values())
