import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.gateway.passing import ENDED, FAILED, FINISHED, HOLD, LIVE, PassLane, whole_openai

ROLE = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n'
WORD = b'data: {"choices":[{"index":0,"delta":{"content":"word"},"finish_reason":null}]}\n\n'
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2}}\n\n'
DONE = b"data: [DONE]\n\n"
WHOLE = ROLE + WORD + WORD + STOP + USAGE + DONE


def lane(**fields: object) -> PassLane:
    given = {"keep_bytes_max": 0, "hide_usage": False, **fields}
    return PassLane("openai", **given)  # type: ignore[arg-type]


@given(st.lists(st.integers(0, len(WHOLE)), max_size=10), st.booleans())
def test_any_cutting_lets_the_same_bytes_through(cuts: list[int], keeps: bool) -> None:
    one, places = lane(keep_bytes_max=10_000 if keeps else 0), [0, *sorted(cuts), len(WHOLE)]
    out = b"".join(one.feed(WHOLE[a:b]) for a, b in itertools.pairwise(places))
    assert (out, one.state) == (WHOLE, ENDED)
    assert one.usage is not None
    assert (one.usage.fresh, one.usage.output) == (7, 2)
    assert not keeps or b"".join(one.kept) == WHOLE


def test_nothing_is_shown_before_the_first_content() -> None:
    one = lane()
    assert (one.feed(ROLE), one.state) == (b"", HOLD)
    assert (one.feed(WORD), one.state) == (ROLE + WORD, LIVE)


def test_half_an_event_is_never_shown() -> None:
    one = lane()
    assert one.feed(ROLE + WORD + WORD[:20]) == ROLE + WORD
    one.close()
    assert (one.state, one.why) == (FAILED, "cut")


def test_missing_sentinel_after_the_finish_is_supplied() -> None:
    one = lane()
    one.feed(ROLE + WORD + STOP)
    assert one.state == FINISHED
    assert (one.close(), one.state) == (DONE, ENDED)


def test_sentinel_without_a_finish_is_a_failure() -> None:
    one = lane()
    one.feed(ROLE + WORD + DONE)
    assert (one.state, one.why) == (FAILED, "no_finish")


def test_unreadable_event_is_a_failure_and_what_came_before_is_shown() -> None:
    one = lane()
    assert one.feed(ROLE + WORD + b"data: {oops}\n\n" + WORD) == ROLE + WORD
    assert (one.state, one.why) == (FAILED, "unreadable")


def test_unreadable_event_after_the_finish_spoils_nothing() -> None:
    one = lane()
    one.feed(ROLE + WORD + STOP + b"data: {oops}\n\n" + DONE)
    assert one.state == ENDED


def test_error_inside_a_stream_before_content_shows_nothing() -> None:
    one = lane()
    assert one.feed(ROLE + b'data: {"error":{"message":"overloaded"}}\n\n') == b""
    assert (one.state, one.why.partition(":")[0]) == (FAILED, "error_in_stream")


def test_usage_event_nobody_asked_for_is_hidden_and_read() -> None:
    one = lane(hide_usage=True)
    assert one.feed(WHOLE) == WHOLE.replace(USAGE, b"")
    assert one.usage is not None


def test_stream_too_long_to_keep_is_forgotten_not_truncated() -> None:
    one = lane(keep_bytes_max=200)
    assert one.feed(ROLE + WORD * 5) == ROLE + WORD * 5
    assert not one.kept


def test_words_that_look_like_a_finish_inside_the_text_are_text() -> None:
    one = lane()
    said = rb"\"finish_reason\":\"stop\""
    sly = b'data: {"choices":[{"index":0,"delta":{"content":"' + said + b'"},"finish_reason":null}]}'
    one.feed(ROLE + sly + b"\n\n")
    assert one.state == LIVE


def test_carriage_returns_end_lines_too() -> None:
    one = lane()
    assert one.feed((ROLE + WORD).replace(b"\n", b"\r\n")) == ROLE + WORD


ANTHROPIC = [
    b'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":5}}}\n\n',
    b'event: ping\ndata: {"type":"ping"}\n\n',
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"text":"a"}}\n\n',
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},'
    b'"usage":{"output_tokens":3}}\n\n',
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
]


def test_anthropic_stream_is_held_shown_and_counted() -> None:
    one = PassLane("anthropic", 0, False)
    shown = [one.feed(event) for event in ANTHROPIC]
    assert shown == [b"", b"", b"".join(ANTHROPIC[:3]), ANTHROPIC[3], ANTHROPIC[4]]
    assert one.usage is not None
    assert (one.usage.fresh, one.usage.output, one.state) == (5, 3, ENDED)


@pytest.mark.parametrize(
    ("usage", "fresh"),
    [(b'{"prompt_tokens":-7,"completion_tokens":1}', None), (b'{"prompt_tokens":"7"}', None), (b"[]", None),
     (b'{"prompt_tokens":9,"prompt_tokens_details":{"cached_tokens":4}}', 5)],
)  # fmt: skip
def test_usage_that_cannot_be_true_is_unknown_and_cached_tokens_count_once(
    usage: bytes, fresh: int | None
) -> None:
    whole = whole_openai(b'{"choices":[{"finish_reason":"stop"}],"usage":' + usage + b"}")
    assert whole.complete
    assert (whole.usage.fresh if whole.usage is not None else None) == fresh
