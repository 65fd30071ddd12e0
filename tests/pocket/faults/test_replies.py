import pytest

from freehold.pocket import FaultRule
from freehold.pocket.faults import FaultName
from tests.pocket.talk import broken, words_of


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("rate_limited", 429), ("quota_exhausted", 429), ("server_error", 500), ("bad_gateway", 502),
        ("unavailable", 503), ("overloaded", 529), ("expired_credentials", 401), ("prompt_filtered", 400),
    ],
)  # fmt: skip
def test_refusal_has_the_status_it_stands_for(fault: FaultName, status: int) -> None:
    assert broken(FaultRule(fault=fault)).status == status


def test_status_is_whatever_was_asked_for() -> None:
    heard = broken(FaultRule(fault="status", status=418, message="short and stout"))
    assert heard.status == 418
    assert "short and stout" in heard.json["error"]["message"]


def test_rate_limit_says_when_to_come_back_and_quota_does_not() -> None:
    limited = broken(FaultRule(fault="rate_limited", retry_after_s=7))
    assert limited.headers["retry-after"] == "7"
    exhausted = broken(FaultRule(fault="quota_exhausted"))
    assert "retry-after" not in exhausted.headers


def test_bad_gateway_is_a_page_of_the_proxy() -> None:
    heard = broken(FaultRule(fault="bad_gateway"))
    assert heard.headers["content-type"] == "text/html"
    assert b"502 Bad Gateway" in heard.body


def test_wrong_content_type_is_a_success_that_is_no_answer() -> None:
    heard = broken(FaultRule(fault="wrong_content_type"), stream=True)
    assert (heard.status, heard.headers["content-type"]) == (200, "text/html")


def test_content_filter_takes_the_answer_away_after_a_while() -> None:
    heard = broken(FaultRule(fault="content_filter", after=2), stream=True)
    assert words_of(heard.body) == ["one", " two"]
    assert b'"finish_reason":"content_filter"' in heard.body


def test_content_filter_of_a_whole_answer_is_its_finish() -> None:
    choice = broken(FaultRule(fault="content_filter", after=1)).json["choices"][0]
    assert choice["finish_reason"] == "content_filter"


def test_wrong_model_says_another_name() -> None:
    assert broken(FaultRule(fault="wrong_model", said="somebody-else")).json["model"] == "somebody-else"


def test_garbage_usage_is_numbers_that_cannot_be() -> None:
    assert broken(FaultRule(fault="garbage_usage")).json["usage"]["prompt_tokens"] < 0


def test_mistyped_usage_is_text() -> None:
    usage = broken(FaultRule(fault="mistyped_usage")).json["usage"]
    assert usage["completion_tokens"] == "many"


def test_truncated_body_is_half_and_framed_well() -> None:
    heard = broken(FaultRule(fault="truncated_body"))
    assert (heard.status, heard.broken) == (200, "")
    assert len(heard.body) == int(heard.headers["content-length"])
    with pytest.raises(ValueError, match="truncated"):
        _ = heard.json
