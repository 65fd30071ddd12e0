from hypothesis import given
from hypothesis import strategies as st

from freehold.gateway.hedge import SAMPLES_MIN, Budget, HedgeRules, Times, delay_of


def test_delay_is_a_quantile_of_the_homes_own_times() -> None:
    times = Times(0.95)
    for number in range(100):
        times.add(number / 100)
    assert delay_of(times, HedgeRules()) is not None
    assert 0.85 <= (delay_of(times, HedgeRules()) or 0) <= 0.96


def test_home_of_which_little_is_known_is_not_hedged() -> None:
    times = Times(0.95)
    for _ in range(SAMPLES_MIN - 1):
        times.add(1.0)
    assert delay_of(times, HedgeRules()) is None
    assert delay_of(None, HedgeRules()) is None


def test_delay_is_never_shorter_than_the_least() -> None:
    times = Times(0.5)
    for _ in range(SAMPLES_MIN):
        times.add(0.001)
    assert delay_of(times, HedgeRules(delay_seconds_min=0.05)) == 0.05


def test_hedges_are_a_share_of_the_calls() -> None:
    budget = Budget(HedgeRules(calls_share_max=0.1))
    for _ in range(19):
        budget.called(None)
    assert budget.allows(None)
    budget.hedged(None)
    assert not budget.allows(None)


def test_hedges_are_a_share_of_the_dollars() -> None:
    budget = Budget(HedgeRules(calls_share_max=1.0, cost_share_max=0.1))
    for _ in range(10):
        budget.called(100)
    assert budget.allows(100)
    assert not budget.allows(101)
    budget.hedged(100)
    assert not budget.allows(1)


@given(st.lists(st.tuples(st.booleans(), st.none() | st.integers(0, 1000)), max_size=200))
def test_hedges_never_exceed_their_share_of_calls(steps: list[tuple[bool, int | None]]) -> None:
    budget, calls, hedges = Budget(HedgeRules(calls_share_max=0.2, cost_share_max=1.0)), 0, 0
    for wants, cost in steps:
        budget.called(cost)
        calls += 1
        if wants and budget.allows(cost):
            budget.hedged(cost)
            hedges += 1
    assert hedges <= 0.2 * calls
