from hypothesis import given
from hypothesis import strategies as st

from freehold.gateway.bucket import Bucket


def test_bucket_fills_evenly_up_to_its_depth() -> None:
    bucket = Bucket(1.0, 60.0, 0.0)
    bucket.level -= 60
    assert bucket.left(30.0) == 30.0
    assert bucket.left(1000.0) == 60.0


def test_wait_is_the_time_until_what_is_missing_has_come_back() -> None:
    bucket = Bucket(2.0, 10.0, 0.0)
    bucket.level = 0.0
    assert bucket.wait(4.0, 0.0) == 2.0
    assert bucket.wait(4.0, 2.0) == 0.0


def test_amount_over_the_limit_waits_for_a_full_bucket_and_no_longer() -> None:
    bucket = Bucket(1.0, 10.0, 0.0)
    bucket.level = 4.0
    assert bucket.wait(1000.0, 0.0) == 6.0


def test_bad_news_is_believed_whole_and_good_news_half() -> None:
    bucket = Bucket(1.0, 100.0, 0.0)
    bucket.told(20.0, None, 0.0, 0.0)
    assert bucket.left(0.0) == 20.0
    bucket.told(60.0, None, 0.0, 0.0)
    assert bucket.left(0.0) == 40.0


def test_what_the_vendor_has_not_counted_yet_is_taken_off() -> None:
    bucket = Bucket(1.0, 100.0, 0.0)
    bucket.told(20.0, None, 5.0, 0.0)
    assert bucket.left(0.0) == 15.0


def test_reset_sooner_than_even_filling_is_the_end_of_a_window() -> None:
    bucket = Bucket(1.0, 60.0, 0.0)
    bucket.told(0.0, 10.0, 0.0, 0.0)
    assert bucket.left(9.0) == 0.0
    assert bucket.wait(1.0, 4.0) == 6.0
    assert bucket.left(10.0) == 60.0


def test_reset_as_even_filling_would_have_it_is_no_window() -> None:
    bucket = Bucket(1.0, 60.0, 0.0)
    bucket.told(0.0, 60.0, 0.0, 0.0)
    assert bucket.left(10.0) == 10.0


def test_reset_later_than_a_minutes_limit_would_have_it_is_a_slower_one() -> None:
    bucket = Bucket(1440 / 60, 1440.0, 0.0)
    bucket.told(0.0, 86_400.0, 0.0, 0.0)  # a day's
    assert bucket.wait(1.0, 0.0) == 60.0


def test_another_limit_keeps_what_is_used() -> None:
    bucket = Bucket(1.0, 60.0, 0.0)
    bucket.level -= 20
    bucket.resize(2.0, 120.0, 0.0)
    assert bucket.left(0.0) == 100.0


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 50)), max_size=30))
def test_bucket_never_lets_more_through_than_depth_and_rate_allow(steps: list[tuple[float, float]]) -> None:
    bucket, now, through = Bucket(3.0, 20.0, 0.0), 0.0, 0.0
    for pause, amount in steps:
        now += pause
        amount = min(amount, 20.0)
        if bucket.wait(amount, now) == 0:
            bucket.level -= amount
            through += amount
    assert through <= 20.0 + 3.0 * now + 1e-6
