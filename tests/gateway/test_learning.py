from freehold.gateway.learning import Learned


def grow(one: Learned, start: float, seconds: float, *, pressed: float = 1.0) -> float:
    now = start
    for _ in range(int(seconds * 10)):
        now += 0.1
        one.pass_time(now, 0.1, pressed)
    return now


def test_nothing_is_held_back_before_the_first_throttle() -> None:
    one = Learned()
    one.took(1000)
    assert one.rate() is None and one.wait(1, 0.0) == 0


def test_ceiling_comes_down_to_what_is_let_through_between_throttles() -> None:
    one, now = Learned(), 100.0
    one.throttled(now, 50.0, 1.0)
    for _ in range(20):
        now += 5.0
        one.took(50.0)
        one.throttled(now, 50.0, 1.0)
    assert one.ceiling is not None and 10.0 <= one.ceiling <= 10.5


def test_ceiling_never_falls_below_what_was_let_through() -> None:
    one, now = Learned(), 100.0
    one.throttled(now, 2.0, 1.0)
    one.took(100.0)
    one.throttled(now + 10.0, 2.0, 1.0)
    assert one.ceiling is not None and one.ceiling >= 10.0


def test_rate_is_below_the_ceiling_first_and_creeps_back() -> None:
    one = Learned()
    one.throttled(100.0, 10.0, 1.0)
    first = one.rate()
    grow(one, 100.0, 3.0)
    later = one.rate()
    assert first is not None and later is not None and first < later <= 10.0


def test_rate_that_nobody_needs_does_not_grow() -> None:
    one = Learned()
    one.throttled(100.0, 10.0, 1.0)
    first = one.rate()
    grow(one, 100.0, 30.0, pressed=0.0)
    assert one.rate() == first


def test_more_is_looked_for_once_the_ceiling_was_held() -> None:
    one = Learned()
    one.throttled(100.0, 10.0, 1.0)
    grow(one, 100.0, 20.0)
    rate = one.rate()
    assert rate is not None and rate > 10.0


def test_ceiling_that_is_confirmed_is_held_longer() -> None:
    one, now, holds = Learned(), 0.0, []
    one.throttled(100.0, 10.0, 1.0)
    now = 100.0
    for _ in range(4):
        start = now
        while (one.rate() or 0) < 10.2:
            now += 0.1
            one.pass_time(now, 0.1, 1.0)
        holds.append(now - start)
        one.throttled(now + 21, 10.0, 1.0)
        now += 21
    assert holds[-1] > 2 * holds[0]


def test_throttles_at_one_moment_are_one() -> None:
    one = Learned()
    one.throttled(100.0, 10.0, 1.0)
    ceiling = one.ceiling
    for _ in range(50):
        one.throttled(100.1, 10.0, 1.0)
    assert one.ceiling == ceiling


def test_ceiling_never_falls_to_nothing() -> None:
    one, now = Learned(), 100.0
    for _ in range(200):
        one.throttled(now, 10.0, 1.0)
        now += 1.0
    rate = one.rate()
    assert rate is not None and rate > 0.01


def test_learned_limit_is_forgotten_after_long_peace() -> None:
    one = Learned()
    one.throttled(100.0, 10.0, 1.0)
    one.pass_time(1100.0, 0.1, 0.0)
    assert one.rate() is None
