"""Policies: where data of a class may go, and that what cannot be checked does not pass."""

from __future__ import annotations

import pytest

from freehold.estate.allowed import allowed_homes, reasons_against
from freehold.estate.graph import graph_of
from freehold.estate.survey import survey
from freehold.types.homes import ClassRule, Home, Policy, Workload
from freehold.types.names import HomeId, PolicyId, WorkloadId
from tests.estate.conftest import Read

EU = Home(
    id=HomeId("eu"), vendor="aws", operator="aws", region="eu-central-1", jurisdiction="eu", tier="vouched"
)  # fmt: skip
ANYWHERE = Home(id=HomeId("anywhere"), vendor="anthropic", operator="anthropic")


def against(home: Home, data_class: str | None = None, **policy: object) -> tuple[str, ...]:
    made = Policy(id=PolicyId("p"), **policy)  # type: ignore[arg-type]
    return reasons_against(home, Workload(id=WorkloadId("w"), policy=made, data_class=data_class))


@pytest.mark.parametrize(
    "policy",
    [
        {"regions": ("eu-central-1",)}, {"jurisdictions": ("eu",)}, {"operators": ("aws",)},
        {"vendors": ("aws",)}, {"tier_min": "vouched"}, {},
    ],
)  # fmt: skip
def test_home_that_fits_passes(policy: dict[str, object]) -> None:
    assert against(EU, **policy) == ()


@pytest.mark.parametrize(
    "policy",
    [
        {"regions": ("eu-central-1",)}, {"jurisdictions": ("eu",)}, {"operators": ("aws",)},
        {"vendors": ("aws",)}, {"tier_min": "vouched"}, {"operators_barred": ("anthropic",)},
    ],
)  # fmt: skip
def test_home_of_unknown_place_or_wrong_operator_does_not_pass(policy: dict[str, object]) -> None:
    assert len(against(ANYWHERE, **policy)) == 1


def test_profile_leaves_the_region_it_enters_by() -> None:
    home = Home(id=HomeId("h"), vendor="aws", operator="aws", region="eu-central-1", profile="global")
    assert "profile global" in against(home, regions=("eu-central-1",))[0]


def test_data_class_that_is_not_stated_does_not_pass() -> None:
    assert against(EU, None, data_classes=("public",)) != ()
    assert against(EU, "public", data_classes=("public",)) == ()
    assert against(EU, "secret", data_classes=("public",)) != ()


def test_rule_of_a_class_holds_for_that_class_only() -> None:
    rules = {"personal": ClassRule(jurisdictions=("eu",), tier_min="attested")}
    assert against(ANYWHERE, "public", classes=rules) == ()
    assert len(against(ANYWHERE, "personal", classes=rules)) == 2
    assert len(against(EU, "personal", classes=rules)) == 1


HOMES = """\
[homes.a]
vendor = "aws"
region = "us-east-1"
api = "bedrock"
model = "m"
[homes.b]
vendor = "google"
region = "us-east5"
api = "vertex"
model = "n"
[workloads.w]
homes = ["a"]
substitutes = [{ home = "b", quality = 0.8 }]
policy = "p"
"""


@pytest.mark.parametrize(("lets", "homes"), [("true", ("a", "b")), ("false", ("a",))])
def test_substitute_counts_only_where_allowed(read: Read, lets: str, homes: tuple[str, ...]) -> None:
    estate, _ = read(HOMES + f"[policies.p]\nsubstitution = {lets}\n")
    (workload,) = estate.workloads.values()
    assert allowed_homes(workload, estate) == homes
    (found,) = survey(estate, graph_of(estate)).values()
    assert found.homes == homes


def test_vendor_in_a_policy_may_go_by_any_of_its_names(read: Read) -> None:
    estate, _ = read(HOMES + '[policies.p]\nvendors = ["amazon"]\noperators = ["AWS"]\n')
    (workload,) = estate.workloads.values()
    assert allowed_homes(workload, estate) == ("a",)
