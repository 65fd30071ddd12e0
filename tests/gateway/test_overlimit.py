import pytest

from freehold.gateway import overlimit
from freehold.gateway.budgets import Unbounded
from freehold.gateway.meters import CONCURRENCY, DOLLARS, DOLLARS_DAY, REQUESTS, TOKENS, Grant
from freehold.gateway.slices import Meter, Slice

NOW_NS = 1_790_000_000 * 10**9


def spent(kind: int, left: int) -> tuple[Meter, Slice]:
    meter = Meter("k", kind, 10**9)
    slice_ = meter.at(NOW_NS)
    (ask,) = meter.asks(NOW_NS, 0.0) or [None]
    assert ask is None or ask.place == slice_.place
    slice_.left = left
    return meter, slice_


@pytest.mark.parametrize(("kind", "code"), [(REQUESTS, "key-rate"), (TOKENS, "key-tokens")])
def test_minute_that_is_used_up_says_when_the_next_begins(kind: int, code: str) -> None:
    meter, slice_ = spent(kind, 3)
    told = overlimit.used_up(meter, slice_, NOW_NS)
    assert (told.status, told.code) == (429, f"gateway.{code}")
    assert told.retry_after_ms == 60_000 - NOW_NS // 10**6 % 60_000 + 1


@pytest.mark.parametrize(
    ("kind", "words"), [(DOLLARS, "budget is used up"), (DOLLARS_DAY, "until 2026-09-22")]
)
def test_dollars_that_are_used_up_are_not_asked_for_again(kind: int, words: str) -> None:
    meter, slice_ = spent(kind, 3)
    told = overlimit.used_up(meter, slice_, NOW_NS)
    assert (told.status, told.kind, told.retry_after_ms) == (402, "quota_exhausted", None)
    assert words in told.what


def test_limit_that_is_only_reserved_is_worth_another_try() -> None:
    told = overlimit.all_taken(Meter("k", CONCURRENCY, 4))
    assert (told.status, told.retry_after_ms, told.code) == (429, 1000, "gateway.key-concurrency")


def test_call_that_can_never_go_is_not_told_to_come_back() -> None:
    meter = Meter("k", TOKENS, 100)
    never = [overlimit.too_large(meter, 500), overlimit.unbounded(Unbounded(why="w", fix="f", code="c"))]
    assert [(one.status, one.retry_after_ms) for one in never] == [(403, None)] * 2
    assert "500" in never[0].why


def test_grant_tells_what_is_left() -> None:
    meter = Meter("k", DOLLARS, 100)
    meter.note(5, NOW_NS)
    (ask,) = meter.asks(NOW_NS, 1.0)
    meter.now.take(ask, Grant(place=ask.place, ceiling=5, left=42, fair=9))
    assert (meter.now.left, meter.now.fair, meter.now.free) == (42, 9, 5)
