from datetime import UTC, datetime

import msgspec
import pytest

from freehold.dialects import WireReply
from freehold.pocket.hints import Hint, go_duration, hinted

NOW_NS = int(datetime(2026, 11, 20, 10, 0, tzinfo=UTC).timestamp()) * 10**9
REFUSAL = WireReply(status=429, body=b'{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}')


@pytest.mark.parametrize(
    ("hint", "headers"),
    [
        ("none", {}),
        ("seconds", {"retry-after": "2.5"}),
        ("milliseconds", {"retry-after-ms": "2500", "retry-after": "3"}),
        ("http_date", {"retry-after": "Fri, 20 Nov 2026 10:00:03 GMT"}),
    ],
)
def test_hint_is_written_as_its_name_says(hint: Hint, headers: dict[str, str]) -> None:
    assert hinted(REFUSAL, hint, "openai", 2.5, NOW_NS).headers == headers


def test_openai_reset_is_written_as_a_duration() -> None:
    headers = hinted(REFUSAL, "openai_reset", "openai", 360, NOW_NS).headers
    assert headers["x-ratelimit-reset-tokens"] == "6m0s"


def test_anthropic_reset_is_a_point_in_time() -> None:
    headers = hinted(REFUSAL, "anthropic_reset", "anthropic", 90, NOW_NS).headers
    assert headers["anthropic-ratelimit-tokens-reset"] == "2026-11-20T10:01:30Z"


def test_retry_info_stands_among_the_details() -> None:
    error = msgspec.json.decode(hinted(REFUSAL, "retry_info", "gemini", 4, NOW_NS).body)["error"]
    assert error["status"] == "RESOURCE_EXHAUSTED"
    assert error["details"] == [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "4s"}]


@pytest.mark.parametrize(
    ("vendor", "names"),
    [
        ("azure", {"retry-after-ms", "retry-after"}),
        ("bedrock", set()),
        ("gemini", set()),
    ],
)
def test_vendor_hint_is_what_that_vendor_sends(vendor: str, names: set[str]) -> None:
    assert set(hinted(REFUSAL, "vendor", vendor, 1, NOW_NS).headers) == names


@pytest.mark.parametrize(
    ("seconds", "written"), [(0.2, "200ms"), (1, "1s"), (59.5, "59.5s"), (60, "1m0s"), (3661, "1h1m1s")]
)
def test_go_duration_reads_like_the_vendors(seconds: float, written: str) -> None:
    assert go_duration(seconds) == written
