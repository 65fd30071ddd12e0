import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.gateway.meters import (
    CONCURRENCY,
    DOLLARS,
    DOLLARS_DAY,
    DOLLARS_MONTH,
    NEVER_NS,
    REQUESTS,
    Ask,
    Place,
    Sums,
    granted,
    window_ends_ns,
    window_of,
)

AMOUNT = st.integers(0, 10**12)
NOW = st.integers(0, 4_000_000_000 * 10**9)
PLACE = Place("k", DOLLARS, 0)


def at_ns(text: str) -> int:
    return int(datetime.datetime.fromisoformat(f"{text}+00:00").timestamp()) * 10**9


@given(st.sampled_from(range(6)), NOW)
def test_moment_is_in_its_window_and_not_in_the_next(kind: int, now_ns: int) -> None:
    window = window_of(kind, now_ns)
    ends_ns = window_ends_ns(kind, window)
    assert now_ns < ends_ns
    if ends_ns != NEVER_NS:
        assert window_of(kind, ends_ns - 1) == window
        assert window_of(kind, ends_ns) == window + 1


@pytest.mark.parametrize(
    ("kind", "now", "ends"),
    [
        (REQUESTS, "2026-11-20T12:00:59", "2026-11-20T12:01:00"),
        (DOLLARS_DAY, "2026-11-20T12:00:59", "2026-11-21T00:00:00"),
        (DOLLARS_MONTH, "2026-12-31T23:59:59", "2027-01-01T00:00:00"),
        (DOLLARS_MONTH, "2024-02-29T00:00:00", "2024-03-01T00:00:00"),
    ],
)
def test_windows_end_with_the_clock_of_utc(kind: int, now: str, ends: str) -> None:
    assert window_ends_ns(kind, window_of(kind, at_ns(now))) == at_ns(ends)


def test_what_is_held_and_totals_have_one_window() -> None:
    assert (window_of(CONCURRENCY, 10**18), window_of(DOLLARS, 10**18)) == (0, 0)


@given(AMOUNT, AMOUNT, AMOUNT, AMOUNT, AMOUNT, AMOUNT, AMOUNT, AMOUNT, st.integers(0, 100))
def test_grant_keeps_the_sum_within_the_limit(
    limit: int, spent: int, uncertain: int, others_used: int, others: int, ceiling: int, need: int,
    want: int, count: int,
) -> None:  # fmt: skip
    sums = Sums(spent, uncertain, min(others_used, others), others, count)
    ask = Ask(place=PLACE, limit=limit, used=0, ceiling=ceiling, need=need, want=max(need, want))
    grant = granted(ask, sums)
    extra = grant.ceiling - ceiling
    assert extra >= 0
    assert extra == 0 or spent + uncertain + others + grant.ceiling <= limit
    assert extra == 0 or extra >= need


def test_need_that_cannot_be_met_gets_nothing() -> None:
    ask = Ask(place=PLACE, limit=100, need=60, want=60)
    assert granted(ask, Sums(spent=50)).ceiling == 0
    assert granted(ask, Sums(spent=40)).ceiling == 60


def test_more_than_is_needed_leaves_some_for_others() -> None:
    ask = Ask(place=PLACE, limit=1000, need=10, want=1000)
    assert granted(ask, Sums(others=3)).ceiling == 125


def test_left_counts_what_others_hold_but_have_not_used() -> None:
    ask = Ask(place=PLACE, limit=100, need=10, want=10)
    grant = granted(ask, Sums(spent=20, others_used=30, others_ceiling=80))
    assert (grant.ceiling, grant.left) == (0, 50)
