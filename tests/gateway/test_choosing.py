import random
from collections.abc import Callable

import msgspec
import pytest

from freehold.gateway.affinity import salt_of
from freehold.gateway.capacity import Capacity
from freehold.gateway.choosing import Chooser
from freehold.gateway.headroom import Headroom
from freehold.gateway.health import Health
from freehold.gateway.order import USUAL, Basis, OrderRules, made_again
from freehold.types.homes import Home
from freehold.types.names import HomeId, PoolId

LONG = "a long story about this and that " * 100
SPREAD = OrderRules(spread=True)


class Place:
    """A home as a chooser sees one."""

    def __init__(self, name: str, capacity: Capacity, *, weight: int = 1, pool: str | None = None) -> None:
        self.id = HomeId(name)
        self.home = Home(
            id=self.id, vendor="v", operator="o", weight=weight, pool=None if pool is None else PoolId(pool)
        )
        self.headroom: Headroom = capacity.pool_of(self.home, 0.0)
        if pool is not None:
            self.headroom.configure(60, None, 0.0)
        self.health = Health(random.Random(1))
        self.nano_usd: int | None = None
        self.nano_usd_held: int | None = None
        self.substitute, self.quality = False, None
        self.salt, self.bit = salt_of(name), capacity.memory.bit(name)


def body(text: str) -> bytes:
    return msgspec.json.encode({"messages": [{"role": "user", "content": text}]})


def chooser(
    *names: str, rules: OrderRules = USUAL, pools: dict[str, str] | None = None, **options: bool
) -> tuple[Chooser[Place], Capacity]:
    capacity = Capacity()
    places = [Place(name, capacity, pool=(pools or {}).get(name)) for name in names]
    return Chooser(places, rules, capacity, **options), capacity


def first(
    one: Chooser[Place], data: bytes = b"", now: float = 0.0, draw: Callable[[], float] = lambda: 0.5
) -> str:
    return one.ordered(now, draw, data).routes[0].id


def test_order_is_kept_while_nothing_moves() -> None:
    one, capacity = chooser("a", "b")
    kept = one.ordered(0.0, random.Random(1).random)
    assert one.ordered(5.0, random.Random(1).random) == kept
    again = one.ordered(5.0, random.Random(1).random)
    assert one.ordered(6.0, random.Random(1).random) is again
    capacity.epoch.number += 1
    assert one.ordered(6.0, random.Random(1).random) is not again


def test_order_that_calls_ask_for_is_renewed_before_they_do() -> None:
    one, capacity = chooser("a", "b")
    assert not one.renew(0.0)  # nobody has asked
    one.ordered(0.0, random.Random(1).random)
    assert not one.renew(0.0)  # nothing has moved
    capacity.epoch.number += 1
    one.routes[0].health.failed(0.5, 30.0)
    assert one.renew(1.0)
    assert first(one, now=1.0) == "b"
    assert not one.renew(1.0)  # while a home is down, calls ask themselves


def test_full_pool_sends_calls_to_the_next_home_and_they_come_back() -> None:
    one, capacity = chooser("a", "b", pools={"a": "p"})
    assert first(one) == "a"
    for _ in range(60):
        one.routes[0].headroom.send(one.routes[0].headroom.amount(0))
    assert first(one) == "b"
    capacity.tick(20.0)
    assert first(one, now=20.0) == "a"


def test_homes_of_one_pool_are_full_together() -> None:
    one, _ = chooser("a", "b", "c", pools={"a": "p", "b": "p"})
    headroom = one.routes[0].headroom
    headroom.throttle(headroom.amount(0), 5.0, 0.0, 0.0)
    found = one.ordered(0.1, lambda: 0.5)
    assert [route.id for route in found.routes] == ["c", "a", "b"]
    assert found.wait_seconds == 0


def test_wait_is_told_where_every_home_is_full() -> None:
    one, _ = chooser("a", "b", pools={"a": "p", "b": "p"})
    headroom = one.routes[0].headroom
    headroom.throttle(headroom.amount(0), 5.0, 0.0, 0.0)
    assert 4.8 < one.ordered(0.1, lambda: 0.5).wait_seconds <= 5.0


def test_shared_calls_of_one_conversation_go_to_one_home() -> None:
    one, _ = chooser("a", "b", "c", rules=SPREAD)
    draws = random.Random(7)
    assert len({first(one, body(LONG), draw=draws.random) for _ in range(50)}) == 1
    assert len({first(one, body(f"{n} {LONG}"), draw=draws.random) for n in range(50)}) == 3


def test_every_process_picks_the_same_home_for_a_conversation() -> None:
    picks = [first(chooser("a", "b", "c", rules=SPREAD)[0], body(LONG)) for _ in range(3)]
    assert len(set(picks)) == 1


def test_conversation_stays_where_it_was_answered() -> None:
    one, _ = chooser("a", "b", "c", rules=SPREAD)
    found = one.ordered(0.0, lambda: 0.5, body(LONG))
    other = found.routes[1]
    one.answered(other, found.prefix, body(LONG), 0.0)
    again = one.ordered(1.0, lambda: 0.5, body(LONG))
    assert again.routes[0] is other
    assert again.reasons[0].endswith("has seen this prompt's beginning")


def test_what_one_prompt_found_is_not_said_of_another() -> None:
    one, capacity = chooser("a", "b", rules=SPREAD)
    found = one.ordered(0.0, lambda: 0.5, body(LONG))
    one.answered(found.routes[0], found.prefix, body(LONG), 0.0)
    capacity.epoch.number += 1
    one.ordered(1.0, lambda: 0.5, body(LONG))  # the one that is kept
    assert "seen this prompt" not in one.ordered(1.0, lambda: 0.5, body("other " + LONG)).reasons[0]


def test_prompt_that_another_home_answered_is_looked_for_there() -> None:
    one, capacity = chooser("a", "b")
    assert first(one, body(LONG)) == "a"
    one.answered(one.routes[1], None, body(LONG), 1.0)
    assert first(one, body(LONG), now=2.0) == "b"
    assert first(one, body("another " + LONG), now=2.0) == "a"
    assert first(one, body(LONG), now=1000.0) == "b" or len(capacity.memory) > 0


def test_usual_answers_cost_no_memory_where_calls_are_not_shared() -> None:
    one, capacity = chooser("a", "b")
    found = one.ordered(0.0, lambda: 0.5, body(LONG))
    one.answered(found.routes[0], found.prefix, body(LONG), 0.0)
    assert found.prefix is None and len(capacity.memory) == 0


def test_weights_share_short_calls_by_chance() -> None:
    capacity, draws = Capacity(), random.Random(3)
    one = Chooser([Place("a", capacity, weight=3), Place("b", capacity)], OrderRules(), capacity)
    picks = [first(one, b"{}", draw=draws.random) for _ in range(2000)]
    assert 0.70 < picks.count("a") / 2000 < 0.80


def test_full_home_is_left_out_of_what_is_shared() -> None:
    one, _ = chooser("a", "b", rules=SPREAD, pools={"a": "p"})
    for _ in range(60):
        one.routes[0].headroom.send(one.routes[0].headroom.amount(0))
    draws = random.Random(3)
    assert {first(one, draw=draws.random) for _ in range(50)} == {"b"}


@pytest.mark.parametrize("spread", [False, True])
def test_captured_choice_is_made_again_from_what_was_kept(spread: bool) -> None:
    one, _ = chooser("a", "b", "c", rules=OrderRules(spread=spread), pools={"b": "p"}, keeps_basis=True)
    draws = random.Random(11)
    for turn in range(20):
        found = one.ordered(float(turn), draws.random, body(f"{turn % 3} {LONG}"))
        basis = msgspec.json.decode(msgspec.json.encode(found.basis), type=Basis)
        again = made_again(basis)
        assert [choice.home for choice in again] == [route.id for route in found.routes]
        assert tuple(choice.why for choice in again) == found.reasons
        one.answered(found.routes[0], found.prefix, body(f"{turn % 3} {LONG}"), float(turn))


def test_kept_order_and_fresh_one_agree_on_every_conversation() -> None:
    """The quick way among equals is the pure function's, call by call."""
    quick, _ = chooser("a", "b", "c", "d", rules=SPREAD)
    slow, _ = chooser("a", "b", "c", "d", rules=SPREAD, keeps_basis=True)
    for number in range(100):
        data = body(f"{number % 17} {LONG}")
        one, two = quick.ordered(1.0, lambda: 0.5, data), slow.ordered(1.0, lambda: 0.5, data)
        assert one.routes[0].id == two.routes[0].id
        assert one.reasons[0] == two.reasons[0]
        quick.answered(one.routes[0], one.prefix, data, 1.0)
        slow.answered(two.routes[0], two.prefix, data, 1.0)
