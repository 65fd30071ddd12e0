from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.plan.make import make, replayed
from freehold.plan.solver.solve import Budget
from freehold.types.sampling import AlignShape, RoleLoad
from tests.plan.conftest import Planner

EU_ONLY = ('homes = ["h100-nebius", "v6e-us5", "trn1-use1"]', 'homes = ["v6e-us5", "h100-nebius"]')
H100_DEAR = ("chip_hour_usd = 2.95", "chip_hour_usd = 29.5")


def test_plan_serves_everything_and_proves_it_best(planned: Planner) -> None:
    plan = planned().plan
    assert plan.exact
    assert plan.unserved == {}
    assert plan.usd_per_hour == pytest.approx(plan.bound_usd_per_hour)
    assert plan.holds


def test_plan_never_chooses_a_home_without_a_price(planned: Planner) -> None:
    plan = planned().plan
    assert "trn2-use2" not in {one.home for one in plan.placements}
    reasons = [one.why for one in plan.ruled_out if one.place == "trn2-use2"]
    assert reasons
    assert all("unknown is not free" in reason for reason in reasons)


def test_plan_keeps_to_the_policy_of_each_workload(planned: Planner) -> None:
    plan = planned(H100_DEAR).plan
    assert {one.home for one in plan.of("eu-summaries")} == {"h100-nebius"}


def test_filter_rule_costs_the_difference_of_two_solves(planned: Planner) -> None:
    with_rule = planned(H100_DEAR)
    without_rule = planned(H100_DEAR, ('policy = "eu"', ""))
    price = next(rule for rule in with_rule.plan.rules if rule.rule == "eu.regions")
    difference = with_rule.plan.usd_per_hour - without_rule.plan.usd_per_hour
    assert price.usd_per_hour == pytest.approx(difference)
    assert difference > 1
    assert "costs" in price.words


def test_every_single_loss_leaves_what_must_be_kept(planned: Planner) -> None:
    plan = planned().plan
    kinds = {loss.kind for loss in plan.losses}
    assert kinds == {"vendor", "region"}
    for loss in plan.losses:
        assert loss.broken == ()
        assert all(share >= 0.5 - 1e-6 for share in loss.left.values())


def test_standby_at_an_api_is_reserved_and_hardly_costs(planned: Planner) -> None:
    standby = [one for one in planned().plan.of("chat") if one.standby]
    assert sum(one.serves for one in standby) == pytest.approx(300)
    assert sum(one.usd_per_hour for one in standby) < 1


def test_stampede_to_a_small_pool_is_seen_before_it_happens(planned: Planner) -> None:
    plan = planned(("requests_per_min = 900", "requests_per_min = 200")).plan
    assert plan.unserved.keys() == {"chat"}


def test_pool_with_two_limits_holds_both(planned: Planner) -> None:
    made = planned(("tokens_per_min = 4000000", "tokens_per_min = 4000000\nrequests_per_min = 450"))
    used = {bound.limit: bound for bound in made.plan.limits}
    assert used["calls of pool bedrock-us"].used <= 450 + 1e-6
    assert made.plan.unserved == {}


def test_commitment_is_paid_whether_used_or_not(planned: Planner) -> None:
    plan = planned(("chips = 16", "chips = 60")).plan
    assert plan.committed_usd_per_hour == pytest.approx(60 * 2.10)
    assert plan.idle_usd_per_hour > 0
    assert plan.usd_per_hour >= plan.committed_usd_per_hour


def test_budget_of_a_policy_is_a_limit_across_its_workloads(planned: Planner) -> None:
    change = ("[policies.apart]\n", "[policies.apart]\nbudget_usd_per_month = 1000\n")
    assert planned(change).plan.unserved


def test_job_that_cannot_meet_its_deadline_is_unserved(planned: Planner) -> None:
    plan = planned(("deadline_hours = 240", "deadline_hours = 0.01")).plan
    assert plan.unserved.keys() == {"finetune"}


def test_spot_serves_no_more_than_its_share(planned: Planner) -> None:
    spot = "\n[plan.spot.v6e-us5]\nchip_hour_usd = 0.5\n"
    allow = ("[plan.work.eu-summaries]", "spot_share_max = 0.25\n[plan.work.eu-summaries]")
    plan = planned(allow, more=spot).plan
    total = sum(one.serves for one in plan.of("search"))
    on_spot = sum(one.serves for one in plan.of("search") if one.market == "spot")
    assert on_spot > 0
    assert total - on_spot >= 0.75 * 3000 - 1e-6


def test_spot_is_not_used_unless_a_workload_allows_it(planned: Planner) -> None:
    plan = planned(more="\n[plan.spot.v6e-us5]\nchip_hour_usd = 0.5\n").plan
    assert all(one.market == "on-demand" for one in plan.of("search"))


def test_switching_cost_keeps_work_where_it_is(planned: Planner) -> None:
    held = {"search": frozenset({"v6e-us5", "trn1-use1"})}
    stay = planned(("keep = 0.5", "keep = 0.5\nswitch_usd = 1000000"), held=held).plan
    assert {one.home for one in stay.of("search")} == {"v6e-us5", "trn1-use1"}


def test_lost_home_is_not_planned_on(planned: Planner) -> None:
    plan = planned(lost=frozenset({"v6e-us5"})).plan
    assert "v6e-us5" not in {one.home for one in plan.placements}
    assert plan.unserved == {}


def test_workload_without_demand_is_left_out_with_the_reason(planned: Planner) -> None:
    plan = planned(("requests_per_min = 400\n", "")).plan
    assert "no requests_per_min" in plan.left_out["eu-summaries"]


@given(keep=st.floats(0.1, 0.95), rate=st.floats(10, 4000))
@settings(max_examples=15, deadline=None)
def test_replay_through_the_estates_own_blast_agrees_with_the_constraint(keep: float, rate: float) -> None:
    from freehold.cli.plan_made import silicon_of
    from freehold.cli.settings import section_types
    from freehold.config import load
    from freehold.estate.build import build_estate, catalog_of
    from tests.plan.conftest import ESTATE

    loaded = load(str(ESTATE), section_types())
    estate = build_estate(loaded)
    plan = msgspec.structs.replace(loaded.sections["plan"], keep=keep)
    workloads = {
        id: msgspec.structs.replace(one, requests_per_min=rate) if id == "search" else one
        for id, one in estate.workloads.items()
    }
    estate = msgspec.structs.replace(estate, workloads=workloads)
    made = make(
        estate, plan, silicon_of(catalog_of(loaded)), budget=Budget(seconds=None, steps=5), price_rules=False
    )
    if not made.plan.unserved:
        assert all(not loss.broken for loss in replayed(estate, made.model, made.solution.units))
    assert made.model.problem.breaks(made.solution.units) == []


def test_replay_names_who_a_bad_placement_would_lose(planned: Planner) -> None:
    made = planned()
    units = np.where([place == "h100-nebius" for place in _place_names(made)], made.solution.units, 0.0)
    from freehold.cli.settings import section_types
    from freehold.config import load
    from freehold.estate.build import build_estate
    from tests.plan.conftest import ESTATE

    estate = build_estate(load(str(ESTATE), section_types()))
    broken = {name for loss in replayed(estate, made.model, units) for name in loss.broken}
    assert "search" in broken


def _place_names(made: object) -> list[str]:
    problem = made.model.problem  # type: ignore[attr-defined]  # it is Made
    return [problem.places[place] for place in problem.place]


def test_candidates_of_the_whole_estate_are_more_than_those_listed(planned: Planner) -> None:
    listed, everything = planned().model, planned(("[plan]\n", '[plan]\ncandidates = "estate"\n')).model
    assert len(everything.barred) > len(listed.barred)
    assert everything.problem.size[2] >= listed.problem.size[2]


def test_align_workload_is_placed_role_by_role(planned: Planner) -> None:
    shape = AlignShape(
        roles=(
            RoleLoad(role="policy", model="llama-3.1-8b", input_ratio=2, output_ratio=1),
            RoleLoad(role="trainer", model="llama-3.1-8b", input_ratio=0, output_ratio=0, train_ratio=2),
        ),
        policy_tokens=10_000_000,
        weight_syncs=3,
    )
    change = ('kind = "train"', 'kind = "align"')
    plan = planned(change, shapes={"finetune": shape}).plan
    assert {one.workload for one in plan.placements} >= {"finetune/policy", "finetune/trainer"}
    assert plan.unserved == {}
