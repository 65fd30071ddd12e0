import pytest

from freehold.clock import FakeClock
from freehold.pocket import Limits, PocketHome
from freehold.pocket.limits import Bucket, Limiter, Within
from tests.pocket.talk import Heard, said, send, using


async def many(url: str, count: int, text: str = "hi") -> list[Heard]:
    return [await send(url, said(text)) for _ in range(count)]


def test_bucket_fills_evenly_and_no_further_than_a_minute() -> None:
    bucket = Bucket(60)
    bucket.use(60, 0)
    assert [bucket.level(at) for at in (0, 10, 59, 600)] == [0, 10, 59, 60]


def test_bucket_waits_for_an_amount_over_its_limit_until_it_is_full() -> None:
    bucket = Bucket(60)
    assert bucket.wait_s(1000, 0) == 0
    bucket.use(30, 0)
    assert bucket.wait_s(1000, 0) == 30


def test_requests_over_the_limit_are_told_when_to_come_back() -> None:
    home = PocketHome(clock=FakeClock(), limits=Limits(requests_per_min=2))
    heard = using(home, lambda url: many(url, 3))
    assert [one.status for one in heard] == [200, 200, 429]
    assert heard[0].headers["x-ratelimit-remaining-requests"] == "1"
    assert heard[2].headers["retry-after"] == "30"


def test_tokens_of_answers_count_when_they_are_known() -> None:
    home = PocketHome(clock=FakeClock(), limits=Limits(tokens_per_min=10))
    heard = using(home, lambda url: many(url, 3, "one two three"))
    assert [one.status for one in heard] == [200, 200, 429]


def test_limit_is_over_when_time_has_passed() -> None:
    clock = FakeClock()
    home = PocketHome(clock=clock, limits=Limits(requests_per_min=1))

    async def use(url: str) -> list[int]:
        first = await many(url, 2)
        clock.advance(60)
        return [one.status for one in (*first, *await many(url, 1))]

    assert using(home, use) == [200, 429, 200]


@pytest.mark.parametrize(
    ("vendor", "header"),
    [
        ("openai", "x-ratelimit-reset-tokens"),
        ("azure", "x-ratelimit-remaining-tokens"),
        ("anthropic", "anthropic-ratelimit-tokens-reset"),
    ],
)
def test_limits_are_told_in_the_vendors_headers(vendor: str, header: str) -> None:
    assert header in Limiter(Limits(tokens_per_min=5)).headers(vendor, 0, 0)


@pytest.mark.parametrize("vendor", ["bedrock", "gemini"])
def test_limits_are_not_told_where_the_vendor_does_not(vendor: str) -> None:
    assert Limiter(Limits(tokens_per_min=5)).headers(vendor, 0, 0) == {}


def test_bucket_may_hold_less_than_a_minute() -> None:
    bucket = Bucket(60, burst_s=2)
    assert bucket.level(600) == 2
    bucket.use(2, 600)
    assert bucket.wait_s(1, 600) == 1


def test_limit_may_be_changed_and_lifted() -> None:
    limiter = Limiter(Limits())
    assert not limiter.limits_anything
    limiter.allow(60, burst_s=1)
    assert [limiter.admit(1, 0), limiter.admit(1, 0)] == [0, 1]
    limiter.allow(None)
    assert limiter.admit(1, 0) == 0


def test_homes_of_a_pool_share_its_limit_and_keep_their_own() -> None:
    pool, own = Limiter(Limits(requests_per_min=3)), Limiter(Limits(requests_per_min=1))
    one, other = Within(own, pool), Within(Limiter(Limits()), pool)
    assert [one.admit(1, 0) > 0, one.admit(1, 0) > 0] == [False, True]  # its own is used up
    assert [other.admit(1, 0) > 0 for _ in range(3)] == [False, False, True]  # and then the pool's
    assert one.headers("openai", 0, 0)["x-ratelimit-limit-requests"] == "1"
