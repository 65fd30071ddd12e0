import random

from hypothesis import given
from hypothesis import strategies as st

from freehold.gateway.health import CONSECUTIVE_MAX, COOLING_SECONDS_MAX, RAMP_SECONDS, Health


def health(seed: int = 1) -> Health:
    return Health(random.Random(seed))


def cooled(seed: int = 1) -> Health:
    one = health(seed)
    for _ in range(CONSECUTIVE_MAX):
        one.failed(0.0)
    return one


def test_breaker_opens_after_failures_in_a_row() -> None:
    one = health()
    for _ in range(CONSECUTIVE_MAX - 1):
        one.failed(0.0)
    assert one.rank(0.0) == 0
    one.failed(0.0)
    assert one.rank(0.0) == 3


def test_breaker_opens_at_a_rate_over_the_window() -> None:
    one = health()
    for _ in range(5):
        one.succeeded(0.0)
        one.failed(0.0)
    assert one.state == "cooling"


def test_wait_the_home_asked_for_lengthens_the_cooling() -> None:
    one = health()
    one.failed(0.0, wait_seconds=30.0)
    assert (one.rank(29.0), one.rank(30.0)) == (3, 0)


def test_shorter_wait_never_shortens_the_cooling() -> None:
    one = health()
    one.failed(0.0, wait_seconds=30.0)
    one.failed(1.0, wait_seconds=2.0)
    assert one.rank(20.0) == 3


def test_one_probe_at_a_time_after_cooling() -> None:
    one = cooled()
    after = one.until + 0.1
    assert one.rank(after) == 0
    one.asked()
    assert one.rank(after) == 2


def test_failed_probe_cools_longer() -> None:
    one = cooled()
    first, at = one.until, one.until + 0.1
    one.rank(at)
    one.asked()
    one.failed(at)
    assert one.until - at > first


def test_probe_that_says_nothing_lets_another_try() -> None:
    one = cooled()
    after = one.until + 0.1
    one.rank(after)
    one.asked()
    one.gave_up()
    assert one.rank(after) == 0


def test_good_probe_ramps_up_before_all_is_well() -> None:
    one = cooled()
    at = one.until + 0.1
    one.rank(at)
    one.asked()
    one.succeeded(at)
    chosen = [one.rank(at + RAMP_SECONDS / 2) for _ in range(400)]
    assert 0.3 < chosen.count(0) / 400 < 0.7
    one.succeeded(at + 2 * RAMP_SECONDS)
    assert one.state == "closed"


def noticed_after(factor: float, seed: int, spread: float) -> int | None:
    """Answers until a home that became `factor` times slower is noticed."""
    chance = random.Random(seed)
    one = health(seed)
    for _ in range(400):
        one.took(chance.lognormvariate(-3.0, spread))
    for count in range(1, 200):
        one.took(factor * chance.lognormvariate(-3.0, spread))
        if one.slow:
            return count
    return None


def test_home_three_times_slower_than_its_past_is_noticed_within_thirty_answers() -> None:
    noticed = [noticed_after(3.0, seed, 0.3) for seed in range(50)]
    assert max(count or 999 for count in noticed) <= 30
    assert sorted(count or 999 for count in noticed)[25] <= 15


def test_home_as_fast_as_ever_is_hardly_ever_called_slow() -> None:
    assert sum(noticed_after(1.0, seed, 0.5) is not None for seed in range(50)) <= 2


def test_home_that_recovers_is_no_longer_slow() -> None:
    one = health()
    for seconds in [0.05] * 64 + [0.5] * 20:
        one.took(seconds)
    assert one.slow
    for _ in range(20):
        one.took(0.05)
    assert not one.slow


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 5)), max_size=200))
def test_cooling_always_ends_within_its_limit(ends: list[tuple[bool, float]]) -> None:
    one, now = health(), 0.0
    for good, step in ends:
        now += step
        one.rank(now)
        one.succeeded(now) if good else one.failed(now)
        assert one.until - now <= COOLING_SECONDS_MAX * 1.3
