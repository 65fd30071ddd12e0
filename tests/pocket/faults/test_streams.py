from freehold.pocket import FaultRule
from tests.pocket.talk import broken, words_of


def test_malformed_event_is_one_among_good_ones() -> None:
    heard = broken(FaultRule(fault="malformed_event", after=1), stream=True)
    assert words_of(heard.body) == ["one", " three", " four"]
    assert heard.body.endswith(b"data: [DONE]\n\n")


def test_bad_crc_spoils_the_last_bytes_of_a_frame() -> None:
    heard = broken(FaultRule(fault="bad_crc", after=1), stream=True)
    assert words_of(heard.body) == ["one"]
    assert not heard.body.isascii()


def test_error_in_stream_comes_after_a_success() -> None:
    heard = broken(FaultRule(fault="error_in_stream", after=2, message="too busy"), stream=True)
    assert heard.status == 200
    assert words_of(heard.body) == ["one", " two"]
    assert b"too busy" in heard.body
    assert b"[DONE]" not in heard.body


def test_error_in_stream_of_a_whole_answer_is_an_error() -> None:
    heard = broken(FaultRule(fault="error_in_stream", message="too busy"))
    assert heard.status == 529
    assert "too busy" in heard.json["error"]["message"]


def test_no_terminal_ends_well_framed_and_unfinished() -> None:
    heard = broken(FaultRule(fault="no_terminal"), stream=True)
    assert words_of(heard.body) == ["one", " two", " three", " four"]
    assert heard.broken == ""
    assert b"[DONE]" not in heard.body
    assert b'"finish_reason":"stop"' not in heard.body
