from __future__ import annotations

from freehold.plan.diff import difference
from tests.plan.conftest import Planner


def test_difference_of_a_plan_and_itself_is_nothing(planned: Planner) -> None:
    plan = planned().plan
    found = difference(plan, plan, 10.0)
    assert found.moves == ()
    assert found.usd_per_hour_more == 0
    assert found.switching_usd == 0


def test_difference_says_who_comes_and_goes_and_what_moving_costs(planned: Planner) -> None:
    before = planned().plan
    after = planned(lost=frozenset({"v6e-us5"})).plan
    found = difference(before, after, 10.0)
    words = [move.words for move in found.moves]
    assert any(word.startswith("search leaves v6e-us5") for word in words)
    assert any(word.startswith("search comes to trn1-use1") for word in words)
    come = sum(move.after for move in found.moves if not move.before and not move.standby)
    assert found.switching_usd == 10.0 * come
    assert found.usd_per_hour_more > 0
