"""A process's part of a limit: what it holds ready, gives back, and carries from one minute to the next."""

from hypothesis import given
from hypothesis import strategies as st

from freehold.gateway.meters import DOLLARS, TOKENS, Ask, Grant, Sums, granted
from freehold.gateway.slices import IDLE_SECONDS, Meter, Slice

MINUTE_NS = 60 * 10**9
START_NS = 1_000_000 * MINUTE_NS
READY_S = 10.0


def grant(meter: Meter, ask: Ask, ceiling: int, fair: int = 10**9) -> None:
    for slice_ in meter.slices:
        if slice_.place == ask.place:
            slice_.take(ask, Grant(place=ask.place, ceiling=ceiling, left=10**9, fair=fair))


def lent(meter: Meter, now_ns: int, ceiling: int, fair: int = 10**9) -> Slice:
    """The present slice, once the state has lent so much."""
    (ask,) = meter.asks(now_ns, READY_S)
    grant(meter, ask, ceiling, fair)
    return meter.now


def used(meter: Meter, now_ns: int, amount: int) -> None:
    meter.note(amount, now_ns)
    meter.at(now_ns).use(amount)


def test_what_a_call_needs_is_asked_for_before_anything_is_held() -> None:
    meter = Meter("k", DOLLARS, 1000)
    meter.note(70, START_NS)
    meter.needs = meter.waiting = 70
    (ask,) = meter.asks(START_NS, READY_S)
    assert (ask.need, ask.used, ask.ceiling) == (70, 0, 0)
    assert ask.want == 140  # and one more like it, ready for the next call


def test_rate_decides_how_much_is_held_ready() -> None:
    meter = Meter("k", DOLLARS, 10**9)
    for turn in range(100):
        used(meter, START_NS + turn * 10**9, 50)
        meter.tick(START_NS + turn * 10**9)
    assert lent(meter, START_NS + 100 * 10**9, 0).place.kind == DOLLARS
    (ask,) = meter.asks(START_NS + 100 * 10**9, READY_S)
    assert 490 <= ask.want <= 5000 + 500


def test_what_is_not_needed_is_given_back_but_never_what_is_reserved() -> None:
    meter = Meter("k", DOLLARS, 10**9)
    meter.note(10, START_NS)
    slice_ = lent(meter, START_NS, 1000)
    slice_.reserve(300)
    (ask,) = meter.asks(START_NS + 10**9, READY_S)
    assert ask.ceiling == slice_.ceiling == 310


def test_idle_part_is_given_back_whole_once_its_calls_are_settled() -> None:
    meter = Meter("k", DOLLARS, 10**9)
    meter.note(10, START_NS)
    slice_ = lent(meter, START_NS, 100)
    slice_.reserve(10)
    later = START_NS + int((IDLE_SECONDS + 1) * 1e9)
    (busy,) = meter.asks(later, READY_S)
    slice_.settle(10, 7)
    (done,) = meter.asks(later, READY_S)
    assert (busy.done, busy.ceiling) == (False, 10)
    assert (done.done, done.used) == (True, 7)
    assert meter.closed(done.place) == [slice_]
    assert meter.asleep


def test_part_being_given_back_is_not_used_and_told_again_until_confirmed() -> None:
    meter = Meter("k", DOLLARS, 10**9)
    meter.note(10, START_NS)
    slice_ = lent(meter, START_NS, 100)
    later = START_NS + int((IDLE_SECONDS + 1) * 1e9)
    first, again = meter.asks(later, READY_S), meter.asks(later, READY_S)
    assert first == again
    assert slice_.free == 0


def test_scarce_limit_is_held_only_as_far_as_is_fair() -> None:
    meter = Meter("k", DOLLARS, 10**9)
    meter.note(10, START_NS)
    meter.largest = 500
    slice_ = lent(meter, START_NS, 400, fair=50)
    (ask,) = meter.asks(START_NS, READY_S)
    assert (slice_.free, ask.want) == (50, 0)


def test_less_than_one_call_needs_is_not_held_at_all() -> None:
    meter = Meter("k", DOLLARS, 10**9)
    meter.note(100, START_NS)
    slice_ = lent(meter, START_NS, 90, fair=50)
    meter.asks(START_NS, READY_S)
    assert slice_.free == 0


def test_call_that_ends_in_the_next_minute_is_settled_in_its_own() -> None:
    meter = Meter("k", TOKENS, 10**9)
    meter.note(10, START_NS)
    before = lent(meter, START_NS, 100)
    before.reserve(30)
    now = meter.at(START_NS + MINUTE_NS)
    assert now is not before
    assert now.free == 0
    before.settle(30, 21)
    meter.note(1, START_NS + MINUTE_NS)
    asks = meter.asks(START_NS + MINUTE_NS, READY_S)
    folded = [(ask.place.window, ask.used) for ask in asks if ask.done]
    assert folded == [(START_NS // MINUTE_NS, 21)]


def test_next_minute_is_lent_shortly_before_it_begins() -> None:
    meter = Meter("k", TOKENS, 10**9)
    late = START_NS + 55 * 10**9
    meter.note(10, late)
    present, ahead = meter.asks(late, READY_S)
    grant(meter, present, 10)
    grant(meter, ahead, 10)
    assert ahead.place.window == present.place.window + 1
    assert meter.at(START_NS + MINUTE_NS).free == 10
    assert [one.place for one in meter.old] == [present.place]


def test_key_that_fell_idle_gives_back_the_next_minute_too() -> None:
    meter = Meter("k", TOKENS, 10**9)
    meter.note(10, START_NS + 45 * 10**9)
    for ask in meter.asks(START_NS + 51 * 10**9, READY_S):
        grant(meter, ask, 10)
    asks = meter.asks(START_NS + 58 * 10**9, READY_S)
    assert [ask.done for ask in asks] == [True, True]


STEPS = st.lists(st.tuples(st.integers(1, 200), st.integers(0, 100), st.booleans()), max_size=60)


@given(STEPS, st.integers(100, 2000))
def test_whatever_happens_nothing_beyond_the_ceiling_is_reserved_or_used(
    steps: list[tuple[int, int, bool]], limit: int
) -> None:
    """A process against a state that lends by the rule; calls settle at or below their bound."""
    meter, now_ns, held = Meter("k", DOLLARS, limit), START_NS, list[int]()
    for amount, percent, rounds in steps:
        now_ns += 10**9
        meter.note(amount, now_ns)
        slice_ = meter.at(now_ns)
        meter.needs = meter.waiting = amount if slice_.free < amount else 0
        if rounds:
            for ask in meter.asks(now_ns, READY_S):
                made = granted(ask, Sums())
                meter.closed(ask.place) if ask.done else slice_.take(ask, made)
        slice_ = meter.at(now_ns)
        if slice_.free >= amount:
            slice_.reserve(amount)
            held.append(amount)
        if held and percent < 60:
            reserved = held.pop(0)
            slice_.settle(reserved, reserved * percent // 100)
        assert 0 <= slice_.used + slice_.reserved <= slice_.ceiling <= limit
    assert meter.now.reserved == sum(held)
