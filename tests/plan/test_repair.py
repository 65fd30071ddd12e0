from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from freehold.cli.plan_made import silicon_of
from freehold.cli.settings import section_types
from freehold.clock import FakeClock
from freehold.config import load
from freehold.estate.build import build_estate, catalog_of
from freehold.plan.make import Made
from freehold.plan.repair import repair, units_of
from freehold.plan.result import Plan
from freehold.types.names import HomeId
from tests.plan.conftest import Planner

V6E = "v6e-us5"


def mended(tmp_path: Path, before: Plan, *homes: str) -> Made:
    loaded = load(str(tmp_path / "freehold.toml"), section_types())
    return repair(
        build_estate(loaded), loaded.sections["plan"], silicon_of(catalog_of(loaded)), before,
        frozenset(HomeId(home) for home in homes), clock=FakeClock(), folder=tmp_path,
    )  # fmt: skip


def test_placements_are_the_units_they_came_from(planned: Planner) -> None:
    made = planned()
    assert np.array_equal(units_of(made.model, made.plan.placements), made.solution.units)


def test_repair_places_what_was_lost_and_leaves_the_rest(planned: Planner, tmp_path: Path) -> None:
    before = planned().plan
    assert V6E in {one.home for one in before.of("search")}
    after = mended(tmp_path, before, V6E).plan
    assert V6E not in {one.home for one in after.placements}
    assert after.unserved == {}
    assert "search" in after.repaired
    for name in {one.workload for one in before.workloads} - set(after.repaired):
        assert after.of(name) == before.of(name)


def test_repair_costs_what_its_placements_and_commitments_cost(planned: Planner, tmp_path: Path) -> None:
    before = planned().plan
    for home in sorted({one.home for one in before.placements}):
        after = mended(tmp_path, before, home)
        units = units_of(planned().model, after.plan.placements)
        assert after.plan.usd_per_hour == pytest.approx(planned().model.usd_per_hour(units), abs=1e-6)
        assert after.plan.bound_usd_per_hour <= after.plan.usd_per_hour + 1e-9


def test_repair_never_overfills_a_pool_that_others_use(planned: Planner, tmp_path: Path) -> None:
    before = planned().plan
    for home in sorted({one.home for one in before.placements}):
        after = mended(tmp_path, before, home).plan
        assert [one.limit for one in after.limits if one.used > one.size * (1 + 1e-6)] == []


def test_repair_says_who_is_left_without_a_place(planned: Planner, tmp_path: Path) -> None:
    before = planned().plan
    after = mended(tmp_path, before, "h100-nebius").plan
    assert after.unserved["eu-summaries"] == pytest.approx(1.0)


def test_loss_of_standby_alone_is_made_good(planned: Planner, tmp_path: Path) -> None:
    before = planned().plan
    standby = next(one for one in before.of("chat") if one.standby)
    assert standby.home not in {one.home for one in before.of("chat") if not one.standby}
    after = mended(tmp_path, before, standby.home).plan
    assert "chat" in after.repaired
    assert not any("chat" in loss.broken for loss in after.losses if after.unserved.get("chat") is None)


def test_losses_and_limits_of_everybody_are_still_told(planned: Planner, tmp_path: Path) -> None:
    before = planned().plan
    after = mended(tmp_path, before, V6E).plan
    assert {(one.kind, one.name) for one in after.losses} >= {(one.kind, one.name) for one in before.losses}
    assert [one.limit for one in after.limits] == [one.limit for one in before.limits]
