"""What every store must do, held of each of them: SQLite, a real PostgreSQL, a real Redis."""

import concurrent.futures
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from freehold.gateway.keys import KeyBook
from freehold.gateway.meters import CONCURRENCY, DOLLARS, TOKENS, Ask, Place
from freehold.gateway.state import Left, State, StateAway, open_state
from tests.gateway.servers import Postgres, Redis, Where

Open = Callable[[], State]
BUDGET, SLOTS = Place("00000000aa", DOLLARS, 0), Place("00000000aa", CONCURRENCY, 0)


@pytest.fixture
def opened(where: Where) -> Iterator[Open]:
    """Opens the same store again and again, as several processes do."""
    made: list[State] = []

    def open_it() -> State:
        made.append(open_state(*where))
        return made[-1]

    yield open_it
    for one in made:
        one.close()


def ask(limit: int = 100, place: Place = BUDGET, **fields: object) -> Ask:
    return Ask(place=place, limit=limit, **fields)  # type: ignore[arg-type]


def expired(state: State, owner: str, sequence: int) -> None:
    """Let an owner's lease end: it is renewed for no time at all."""
    state.sync(owner, sequence, 0.0, [])


def test_two_processes_are_never_lent_more_than_the_limit(opened: Open) -> None:
    one, two = opened(), opened()
    (first,) = one.sync("a", 1, 60, [ask(need=70, want=70)])
    (second,) = two.sync("b", 1, 60, [ask(need=40, want=40)])
    (third,) = two.sync("b", 2, 60, [ask(need=30, want=30)])
    assert (first.ceiling, second.ceiling, third.ceiling) == (70, 0, 30)
    assert second.left == 100


def test_what_is_given_back_is_lent_again(opened: Open) -> None:
    state = opened()
    state.sync("a", 1, 60, [ask(need=100, want=100)])
    state.sync("a", 2, 60, [ask(used=10, ceiling=10)])
    (grant,) = state.sync("b", 1, 60, [ask(need=90, want=90)])
    assert grant.ceiling == 90


def test_saying_it_twice_changes_nothing(opened: Open) -> None:
    state = opened()
    state.sync("a", 1, 60, [ask(need=100, want=100)])
    for sequence in (2, 3):
        state.sync("a", sequence, 60, [ask(used=40, ceiling=40)])
    for sequence in (4, 5):
        state.sync("a", sequence, 60, [ask(used=50, ceiling=50, done=True)])
    (standing,) = state.standings([BUDGET])
    assert (standing.spent, standing.leased) == (50, 0)


def test_word_that_comes_late_changes_nothing(opened: Open) -> None:
    state = opened()
    state.sync("a", 5, 60, [ask(need=50, want=50)])
    assert state.sync("a", 4, 60, [ask(used=0, ceiling=0)]) == []
    (grant,) = state.sync("b", 1, 60, [ask(need=60, want=60)])
    assert grant.ceiling == 0


def test_standing_tells_spent_from_lent(opened: Open) -> None:
    state = opened()
    state.sync("a", 1, 60, [ask(need=50, want=50), ask(10, SLOTS, need=3, want=3)])
    state.sync("a", 2, 60, [ask(used=20, ceiling=50)])
    found = state.standings([BUDGET, SLOTS, Place("00000000bb", TOKENS, 7)])
    assert [(one.spent, one.leased, one.uncertain) for one in found] == [(20, 30, 0), (0, 3, 0), (0, 0, 0)]


def test_calls_at_once_of_a_process_that_is_gone_come_back(opened: Open) -> None:
    state = opened()
    state.sync("a", 1, 60, [ask(4, SLOTS, need=4, want=4)])
    assert state.sync("b", 1, 60, [ask(4, SLOTS, need=1, want=1)])[0].ceiling == 0
    expired(state, "a", 2)
    assert state.sync("b", 2, 60, [ask(4, SLOTS, need=4, want=4)])[0].ceiling == 4


def test_dollars_of_a_process_that_is_gone_are_uncertain_until_forgiven(opened: Open) -> None:
    state = opened()
    state.sync("a", 1, 60, [ask(need=50, want=50)])
    state.sync("a", 2, 60, [ask(used=20, ceiling=50)])
    expired(state, "a", 3)
    (standing,) = state.standings([BUDGET])
    assert (standing.spent, standing.leased, standing.uncertain) == (20, 0, 30)
    assert state.sync("b", 1, 60, [ask(need=60, want=60)])[0].ceiling == 0
    assert state.forgive(BUDGET.key) == 30
    assert state.sync("b", 2, 60, [ask(need=80, want=80)])[0].ceiling == 80


def test_process_that_was_only_slow_goes_on_where_it_was(opened: Open) -> None:
    state = opened()
    state.sync("a", 1, 60, [ask(need=50, want=50)])
    expired(state, "a", 2)
    state.sync("b", 1, 60, [ask(need=50, want=50)])
    (grant,) = state.sync("a", 3, 60, [ask(used=45, ceiling=50)])
    (standing,) = state.standings([BUDGET])
    assert (grant.ceiling, standing.spent, standing.leased, standing.uncertain) == (50, 45, 55, 0)


def test_file_of_a_killed_process_settles_it_to_the_unit(opened: Open) -> None:
    state = opened()
    state.sync("a", 1, 60, [ask(need=50, want=50), ask(4, SLOTS, need=2, want=2)])
    left = [Left(place=BUDGET, used=21, reserved=4), Left(place=SLOTS, used=0, reserved=2)]
    for _ in range(2):
        state.recover("a", left)
    found = state.standings([BUDGET, SLOTS])
    assert [(one.spent, one.leased, one.uncertain) for one in found] == [(21, 0, 4), (0, 0, 0)]
    assert state.forgive(BUDGET.key) == 4
    assert state.sync("b", 1, 60, [ask(need=79, want=79)])[0].ceiling == 79


def test_keys_are_read_once_and_then_only_what_changed(opened: Open) -> None:
    one, two = opened(), opened()
    book = KeyBook(one)
    first, _ = book.create("first", tags={"team": "x"})
    version, rows = two.keys(-1)
    second, _ = book.create("second", budget_nano_usd=5)
    later, changed = two.keys(version)
    assert [row.key for row in rows] == [first]
    assert [row.key for row in changed] == [second]
    assert two.keys(later) == (later, [])
    assert two.key(str(first.id)) == rows[0]
    assert two.key("0") is None


def test_store_has_a_name_of_its_own(opened: Open) -> None:
    assert opened().born() == opened().born() != ""


def test_store_that_may_lose_what_it_answered_says_so(pg: Postgres, rd: Redis, tmp_path: Path) -> None:
    """The PostgreSQL of the tests runs without fsync; their Redis writes each command to disk."""
    kinds = {"sqlite": str(tmp_path / "state.db"), "postgres": pg.fresh(), "redis": rd.fresh()}
    said = {}
    for kind, address in kinds.items():
        state = open_state(kind, address)
        said[kind] = state.doubts()
        state.close()
    assert (said["sqlite"], said["redis"]) == ("", "")
    assert "fsync off" in said["postgres"]


def test_news_is_heard_by_others_until_it_is_over(opened: Open) -> None:
    one, two = opened(), opened()
    one.publish("health", "a", b"\x00\xff", 60)
    one.publish("health", "b", b"old", 60)
    one.publish("health", "b", b"new", 60)
    one.publish("other", "c", b"x", 60)
    assert dict(two.gather("health")) == {"a": b"\x00\xff", "b": b"new"}
    assert dict(two.gather("none")) == {}


def test_meta_is_kept(opened: Open) -> None:
    state = opened()
    assert state.get_meta("admin") is None
    state.put_meta("admin", "one")
    state.put_meta("admin", "two")
    assert opened().get_meta("admin") == "two"


def test_numbers_are_exact_to_the_largest_budget(opened: Open) -> None:
    state, limit = opened(), 9_000_000_000_000_000
    (grant,) = state.sync("a", 1, 60, [ask(limit, need=limit - 1, want=limit - 1)])
    state.sync("a", 2, 60, [ask(limit, used=limit - 2, ceiling=grant.ceiling)])
    (standing,) = state.standings([BUDGET])
    assert (grant.ceiling, standing.spent, standing.leased) == (limit - 1, limit - 2, 1)


def spender(state: State, owner: str, seed: int, limit: int) -> int:
    """A process that takes, uses and gives back at random; what it used in the end."""
    chance, used, ceiling, sequence = random.Random(seed), 0, 0, 0
    for _ in range(40):
        sequence += 1
        need = chance.randrange(1, 30)
        asked = ask(limit, used=used, ceiling=ceiling, need=max(0, need - (ceiling - used)), want=need)
        (grant,) = state.sync(owner, sequence, 60, [asked])
        ceiling = grant.ceiling
        used += min(need, ceiling - used)
        if chance.random() < 0.5:
            ceiling = used + chance.randrange(ceiling - used + 1)
    state.sync(owner, sequence + 1, 60, [ask(limit, used=used, ceiling=used, done=True)])
    return used


def test_many_at_once_never_pass_the_limit_and_lose_no_unit(opened: Open) -> None:
    states = [opened() for _ in range(6)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        used = list(pool.map(lambda n: spender(states[n], f"owner{n}", n, 1000), range(6)))
    (standing,) = states[0].standings([BUDGET])
    assert sum(used) == standing.spent <= 1000
    assert (standing.leased, standing.uncertain) == (0, 0)
    assert standing.spent > 900  # and it is not kept from being used


def test_server_that_is_away_is_said_to_be(pg: Postgres, rd: Redis) -> None:
    for kind, where in (("postgres", "host=/nowhere user=secretive"), ("redis", "unix:///nowhere/secretive")):
        state = open_state(kind, where)
        with pytest.raises(StateAway) as caught:
            state.born()
        assert "secretive" not in caught.value.render() + repr(state)
        state.close()


@pytest.mark.parametrize("kind", ["postgres", "redis"])
def test_server_that_was_killed_and_is_back_has_lost_nothing(
    kind: str, request: pytest.FixtureRequest
) -> None:
    server: Postgres | Redis = request.getfixturevalue({"postgres": "pg", "redis": "rd"}[kind])
    state = open_state(kind, server.fresh())
    born = state.born()
    state.sync("a", 1, 60, [ask(need=50, want=50)])
    state.sync("a", 2, 60, [ask(used=20, ceiling=30)])
    server.crash()
    with pytest.raises(StateAway):
        state.sync("a", 3, 60, [ask(used=25, ceiling=30)])
    server.start()
    (grant,) = state.sync("b", 1, 60, [ask(need=70, want=70)])
    (standing,) = state.standings([BUDGET])
    state.close()
    assert state.born() == born
    assert (grant.ceiling, standing.spent, standing.leased) == (70, 20, 80)
    state.close()
