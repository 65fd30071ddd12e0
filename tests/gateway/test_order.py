import msgspec
from hypothesis import given
from hypothesis import strategies as st

from freehold.gateway.order import (
    DRAWS,
    USUAL,
    Basis,
    OrderRules,
    Seen,
    equals,
    made_again,
    order,
    typical_nano_usd,
)
from freehold.types.homes import Price
from freehold.types.names import HomeId

SPREAD = OrderRules(spread=True)
HALF = DRAWS // 2


def seen(name: str, rank: int = 0, **fields: object) -> Seen:
    return Seen(home=HomeId(name), rank=rank, **fields)  # type: ignore[arg-type]


def names(*candidates: Seen, draws: tuple[int, ...] = (), rules: OrderRules = USUAL) -> list[str]:
    return [one.home for one in order(candidates, draws or (HALF,) * len(candidates), rules)]


def test_order_keeps_the_files_order_where_nothing_tells_homes_apart() -> None:
    assert names(seen("b"), seen("a"), seen("c")) == ["b", "a", "c"]


def test_health_comes_before_price() -> None:
    assert names(seen("cheap", 1, nano_usd=1), seen("dear", 0, nano_usd=9)) == ["dear", "cheap"]


def test_price_decides_among_healthy_homes_when_all_are_known() -> None:
    assert names(seen("dear", nano_usd=9), seen("cheap", nano_usd=1)) == ["cheap", "dear"]


def test_price_is_not_compared_where_that_is_switched_off() -> None:
    dear, cheap = seen("dear", nano_usd=9), seen("cheap", nano_usd=1)
    assert names(dear, cheap, rules=OrderRules(price=False)) == ["dear", "cheap"]


def test_unknown_price_is_neither_cheap_nor_dear() -> None:
    assert names(seen("unknown"), seen("cheap", nano_usd=1)) == ["unknown", "cheap"]


def test_substitute_comes_after_every_original_that_is_not_cooling() -> None:
    assert names(seen("sub", substitute=True), seen("own", 2), seen("cold", 3)) == ["own", "sub", "cold"]


def test_better_substitute_comes_first() -> None:
    worse = seen("worse", substitute=True, quality_ppm=500_000)
    assert names(worse, seen("better", substitute=True, quality_ppm=900_000)) == ["better", "worse"]


def test_least_bad_is_first_when_every_home_cools() -> None:
    assert names(seen("long", 3, cooling_ms=9000), seen("short", 3, cooling_ms=1000)) == ["short", "long"]


def test_full_home_comes_after_one_with_room_whatever_it_costs() -> None:
    full, dear = seen("full", nano_usd=1, wait_ms=200), seen("dear", nano_usd=9)
    assert names(full, dear) == ["dear", "full"]


def test_soonest_back_is_first_when_every_home_is_full_or_cools() -> None:
    assert names(seen("cold", 3, cooling_ms=900), seen("full", wait_ms=50)) == ["full", "cold"]


def test_home_with_hardly_any_room_comes_after_one_with_more() -> None:
    tight = seen("tight", nano_usd=1, tight=True, room_ppm=10_000)
    assert names(tight, seen("roomy", nano_usd=9)) == ["roomy", "tight"]


def test_much_slower_home_comes_later_and_a_little_slower_one_does_not() -> None:
    fast = seen("fast", first_us=500_000)
    assert names(seen("slow", first_us=2_000_000), fast) == ["fast", "slow"]
    assert names(seen("slower", first_us=900_000), fast) == ["slower", "fast"]


def test_unknown_time_is_neither_fast_nor_slow() -> None:
    assert names(seen("unknown"), seen("fast", first_us=1000)) == ["unknown", "fast"]


def test_price_of_a_prompt_that_a_home_has_seen_is_its_cached_price() -> None:
    cached = seen("cached", nano_usd=10, nano_usd_held=2, held_ppm=900_000)
    assert names(seen("cheap", nano_usd=8), cached) == ["cached", "cheap"]


def test_home_that_has_seen_the_prompt_is_first_among_equals() -> None:
    assert names(seen("a"), seen("b", held_ppm=800_000)) == ["b", "a"]
    assert names(seen("a"), seen("b", held_ppm=800_000), rules=OrderRules(affinity=False)) == ["a", "b"]


def test_prompt_of_which_little_was_seen_decides_nothing() -> None:
    assert names(seen("a"), seen("b", held_ppm=100_000)) == ["a", "b"]


def test_crowded_home_is_not_given_more_though_it_has_seen_the_prompt() -> None:
    crowded = seen("crowded", held_ppm=900_000, busy=20)
    assert names(crowded, seen("free", busy=1), rules=SPREAD) == ["free", "crowded"]


def test_weights_share_calls_in_their_proportion() -> None:
    grid = [(x * DRAWS + HALF) // 100 for x in range(100)]
    first = [names(seen("a", weight=3), seen("b", weight=1), draws=(x, y))[0] for x in grid for y in grid]
    assert abs(first.count("a") / len(first) - 0.75) < 0.02


def test_equal_homes_are_shared_only_where_that_is_asked_for() -> None:
    later = (HALF, DRAWS - 1)
    assert names(seen("a"), seen("b"), draws=later) == ["a", "b"]
    assert names(seen("a"), seen("b"), draws=later, rules=SPREAD) == ["b", "a"]


def test_weight_zero_is_asked_last() -> None:
    assert names(seen("none", weight=0), seen("some", weight=1)) == ["some", "none"]


def test_order_says_why() -> None:
    (choice,) = order([seen("a", nano_usd=1)], (0,))
    assert choice.why == "well, by price, by the file's order"


def test_order_says_what_is_known_of_room_and_prompt() -> None:
    full, held = order([seen("f", wait_ms=250), seen("h", room_ppm=1, held_ppm=900_000)], (0, 0))[::-1]
    assert full.why == "well, no room for 250 ms, price not compared, by the file's order"
    assert held.why.startswith("well, has room") and held.why.endswith("has seen this prompt's beginning")


def test_equals_counts_those_that_only_prompt_load_and_weights_tell_apart() -> None:
    some = [seen("a", nano_usd=1), seen("b", nano_usd=1, busy=9, weight=2), seen("c", nano_usd=2)]
    assert equals(some, SPREAD) == 2


def test_typical_price_is_unknown_when_one_side_is() -> None:
    assert typical_nano_usd(Price(input_nano_usd_per_mtok=1), 10, 10) is None
    price = Price(input_nano_usd_per_mtok=3_000_000, output_nano_usd_per_mtok=15_000_000)
    assert typical_nano_usd(price, 1000, 100) == 4500
    assert typical_nano_usd(price, 1000, 100, cached=True) is None


PPM = st.integers(0, 1_000_000)
SEEN = st.builds(
    Seen, home=st.just(HomeId("")), rank=st.integers(0, 3), weight=st.integers(0, 9),
    nano_usd=st.none() | st.integers(0, 10**9), nano_usd_held=st.none() | st.integers(0, 10**9),
    substitute=st.booleans(), quality_ppm=st.none() | PPM, cooling_ms=st.integers(0, 60_000),
    room_ppm=st.none() | PPM, tight=st.booleans(), wait_ms=st.just(0) | st.integers(1, 9000),
    first_us=st.none() | st.integers(1, 10**7), held_ppm=PPM, busy=st.integers(0, 100),
)  # fmt: skip


@given(st.lists(SEEN, min_size=1, max_size=6), st.data())
def test_any_choice_can_be_kept_and_made_again(candidates: list[Seen], data: st.DataObject) -> None:
    named = tuple(
        msgspec.structs.replace(one, home=HomeId(str(place))) for place, one in enumerate(candidates)
    )
    draws = tuple(data.draw(st.integers(0, DRAWS - 1)) for _ in named)
    basis = Basis(seen=named, draws=draws, rules=OrderRules(spread=data.draw(st.booleans())))
    again = msgspec.json.decode(msgspec.json.encode(basis), type=Basis)
    assert made_again(again) == order(named, draws, basis.rules)
    assert {one.home for one in made_again(again)} == {one.home for one in named}
