"""Advice removes what it says, keeps to the policy, and never lets an unknown cost win."""

from __future__ import annotations

import datetime
from itertools import pairwise

from freehold.estate.advise import advise
from freehold.estate.catalog import Catalog
from freehold.estate.model import Estate
from tests.estate.conftest import Read, load_example

TODAY = datetime.date(2026, 11, 20)


def test_startup_is_told_of_another_vendor_and_what_it_costs() -> None:
    best = advise(*load_example("startup"), "support-chat", today=TODAY)[0]
    assert best.leaves_single == 0 and best.removes_single == 8
    assert best.usd_month is not None and "LiteLLM" in best.cost


def test_unknown_cost_sorts_behind_every_known_one(example: tuple[Estate, Catalog]) -> None:
    estate, catalog = example
    for id in estate.workloads:
        found = advise(estate, catalog, id, today=TODAY, cap=50)
        for one, other in pairwise(found):
            if (one.removes_single, one.removes_pairs) == (other.removes_single, other.removes_pairs):
                assert (one.usd_month is None) <= (other.usd_month is None)


def test_advice_keeps_to_the_policy() -> None:
    estate, catalog = load_example("bank")
    assert all(one.workload != "advice-letters" for one in advise(estate, catalog, today=TODAY))


def test_pool_of_its_own_takes_a_single_point_away(read: Read) -> None:
    home = (
        '[homes.{0}]\nvendor = "acme"\nregion = "{0}"\napi = "openai"\nmodel = "m"\n'
        'pool = "p"\noperator = "{0}"\n'
    )
    homes = home.format("a") + home.format("b")
    known = read(f'[pools.p]\n{homes}[workloads.w]\nhomes = ["a", "b"]\n')
    (best, *_) = advise(*known, "w", today=TODAY)
    assert best.kind == "pool" and best.removes_single == 1 and best.usd_month is None


def test_contract_that_a_change_touches_is_named() -> None:
    found = advise(*load_example("bank"), "press-summaries", today=TODAY)
    assert any(
        "aws-private-pricing: counts with aws" in contract for one in found for contract in one.contracts
    )


def test_exclusive_contract_warns_of_going_elsewhere(read: Read) -> None:
    text = (
        '[homes.a]\nvendor = "aws"\nregion = "us-east-1"\napi = "bedrock"\nmodel = "claude-sonnet-4-5"\n'
        '[workloads.w]\nhomes = ["a"]\n[contracts.c]\noperator = "aws"\nexclusive = true\n'
    )
    found = advise(*read(text), "w", today=TODAY)
    elsewhere = [one for one in found if "Vertex" in one.change]
    assert elsewhere and "exclusive" in elsewhere[0].contracts[0]


def test_old_price_is_marked_as_old() -> None:
    found = advise(*load_example("startup"), "document-search", today=TODAY)
    assert all("older than 120 days" in one.cost for one in found)


def test_written_change_can_be_pasted_and_does_what_was_said(read: Read) -> None:
    text = (
        '[homes.a]\nvendor = "aws"\nregion = "us-east-1"\napi = "bedrock"\nmodel = "claude-sonnet-4-5"\n'
        '[workloads.w]\nhomes = ["a"{more}]\n'
    )
    best = advise(*read(text.replace("{more}", "")), "w", today=TODAY)[0]
    name = best.toml.partition("[homes.")[2].partition("]")[0]
    estate, _ = read(text.replace("{more}", f', "{name}"') + best.toml + "\n")
    assert len(estate.workloads["w"].homes) == 2  # type: ignore[index]
