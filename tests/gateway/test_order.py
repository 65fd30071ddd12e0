from freehold.gateway.order import Seen, order, typical_nano_usd
from freehold.types.homes import Price
from freehold.types.names import HomeId


def seen(name: str, rank: int = 0, **fields: object) -> Seen:
    return Seen(home=HomeId(name), rank=rank, **fields)  # type: ignore[arg-type]


def names(*candidates: Seen, draws: tuple[float, ...] = ()) -> list[str]:
    return [one.home for one in order(candidates, draws or (0.5,) * len(candidates))]


def test_order_keeps_the_files_order_where_nothing_tells_homes_apart() -> None:
    assert names(seen("b"), seen("a"), seen("c")) == ["b", "a", "c"]


def test_health_comes_before_price() -> None:
    assert names(seen("cheap", 1, nano_usd=1), seen("dear", 0, nano_usd=9)) == ["dear", "cheap"]


def test_price_decides_among_healthy_homes_when_all_are_known() -> None:
    assert names(seen("dear", nano_usd=9), seen("cheap", nano_usd=1)) == ["cheap", "dear"]


def test_unknown_price_is_neither_cheap_nor_dear() -> None:
    assert names(seen("unknown"), seen("cheap", nano_usd=1)) == ["unknown", "cheap"]


def test_substitute_comes_after_every_original_that_is_not_cooling() -> None:
    assert names(seen("sub", substitute=True), seen("own", 2), seen("cold", 3)) == ["own", "sub", "cold"]


def test_better_substitute_comes_first() -> None:
    ordered = names(seen("worse", substitute=True, quality=0.5), seen("better", substitute=True, quality=0.9))
    assert ordered == ["better", "worse"]


def test_least_bad_is_first_when_every_home_cools() -> None:
    assert names(seen("long", 3, cooling_seconds=9), seen("short", 3, cooling_seconds=1)) == ["short", "long"]


def test_weights_share_calls_in_their_proportion() -> None:
    grid = [(x + 0.5) / 100 for x in range(100)]
    first = [names(seen("a", weight=3), seen("b", weight=1), draws=(x, y))[0] for x in grid for y in grid]
    assert abs(first.count("a") / len(first) - 0.75) < 0.02


def test_weight_zero_is_asked_last() -> None:
    assert names(seen("none", weight=0), seen("some", weight=1)) == ["some", "none"]


def test_order_says_why() -> None:
    (choice,) = order([seen("a", nano_usd=1)], (0.5,))
    assert choice.why == "well, by price, by the file's order"


def test_typical_price_is_unknown_when_one_side_is() -> None:
    assert typical_nano_usd(Price(input_nano_usd_per_mtok=1), 10, 10) is None
    price = Price(input_nano_usd_per_mtok=3_000_000, output_nano_usd_per_mtok=15_000_000)
    assert typical_nano_usd(price, 1000, 100) == 4500
