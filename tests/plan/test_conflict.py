from __future__ import annotations

from freehold.plan.conflict import conflict
from tests.plan.conftest import Planner


def test_conflict_names_a_pool_that_is_too_small_and_how_large_it_must_be(planned: Planner) -> None:
    found = conflict(planned(("requests_per_min = 900", "requests_per_min = 200")))
    assert found is not None
    names = {(member.kind, member.name) for member in found.members}
    assert ("limit", "calls of pool vertex-eu") in names
    assert ("survival", "chat") in names
    assert ("demand", "chat") in names
    assert any("raise calls of pool vertex-eu from 200 to 300" in way.words for way in found.relaxations)


def test_conflict_leaves_out_what_has_nothing_to_do_with_it(planned: Planner) -> None:
    found = conflict(planned(("requests_per_min = 900", "requests_per_min = 200")))
    assert found is not None
    assert not any(member.name in ("finetune", "eu-summaries", "eu") for member in found.members)


def test_conflict_offers_the_cheapest_way_out_first(planned: Planner) -> None:
    found = conflict(planned(("requests_per_min = 900", "requests_per_min = 200")))
    assert found is not None
    for less in (False, True):
        costs = [way.usd_per_hour for way in found.relaxations if way.serves_less == less]
        assert costs == sorted(costs)
    assert [way.serves_less for way in found.relaxations] == [False, False, True]
    assert found.relaxations[-1].words == "serve 60 % of chat"  # the pool takes 6 of 10 shares


def test_conflict_is_none_where_everything_can_be_served(planned: Planner) -> None:
    assert conflict(planned()) is None


def test_conflict_of_a_residency_rule_is_the_rule(planned: Planner) -> None:
    found = conflict(planned(('regions = ["europe-west4", "eu-north1"]', 'regions = ["europe-west4"]')))
    assert found is not None
    assert {(member.kind, member.name) for member in found.members} == {
        ("demand", "eu-summaries"),
        ("rule", "eu"),
    }
    assert [way.words for way in found.relaxations] == [
        "drop the rule regions of policy eu", "do without eu-summaries",
    ]  # fmt: skip
    assert found.smallest


def test_two_conflicts_need_two_relaxations(planned: Planner) -> None:
    """No single one is enough, so sets are offered that are."""
    found = conflict(
        planned(
            ("requests_per_min = 900", "requests_per_min = 200"),
            ('regions = ["europe-west4", "eu-north1"]', 'regions = ["europe-west4"]'),
        )
    )
    assert found is not None
    assert len(found.members) == 2  # the smaller of the two
    assert all(len(way.members) == 2 for way in found.relaxations)
    assert found.relaxations
