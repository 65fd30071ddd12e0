"""What `check` notes: names nobody knows, homes a policy bars, policies that do not hold."""

from __future__ import annotations

import datetime

from freehold.estate.catalog import Catalog
from freehold.estate.model import Estate
from freehold.estate.notes import notes
from tests.estate.conftest import Read, load_example

TODAY = datetime.date(2026, 3, 1)


def noted(known: tuple[Estate, Catalog], today: datetime.date = TODAY) -> list[str]:
    return notes(*known, today)


HOME = '[homes.{0}]\nvendor = "{1}"\nregion = "{2}"\nsilicon = "{3}"\nchips = 1\n'


def test_slips_of_the_pen_are_noted_with_the_nearest_name(read: Read) -> None:
    found = noted(read(HOME.format("h", "aws", "sa-east-11", "h10")))
    assert found[0].startswith("h: silicon 'h10' is not in the catalog; the closest is 'h100'")
    assert "region 'sa-east-11' of AWS is not in the catalog; the closest is 'sa-east-1'" in found[1]


def test_names_of_a_vendor_nobody_knows_are_not_noted(read: Read) -> None:
    assert noted(read(HOME.format("h", "acme", "anywhere", "h100"))) == []


def test_policy_that_does_not_hold_is_noted(read: Read) -> None:
    text = HOME.format("a", "aws", "us-east-1", "h100") + HOME.format("b", "aws", "us-west-2", "h100")
    text += '[workloads.w]\nhomes = ["a", "b"]\npolicy = "p"\n[policies.p]\nhomes_min = 2\n'
    (note,) = noted(read(text + 'distinct = ["region", "vendor"]\n'))
    assert note == "the policy of w does not hold: it asks for 2 homes of distinct vendor and has 1"
    (note,) = noted(read(text.replace("homes_min = 2", "homes_min = 3")))
    assert note == "the policy of w does not hold: it asks for 3 homes and has 2 it may use"


def test_barred_home_of_the_bank_is_noted_and_the_rest_is_quiet() -> None:
    (note,) = noted(load_example("bank"))
    assert note.startswith("advice-letters names claude-anywhere, which its policy does not let it use")
    assert noted(load_example("lab")) == []


def test_contract_is_noted_when_notice_is_due_and_when_it_has_ended() -> None:
    bank = load_example("bank")
    assert not [one for one in noted(bank) if one.startswith("contract")]
    (near,) = [one for one in noted(bank, datetime.date(2026, 9, 1)) if one.startswith("contract")]
    assert near.endswith("google-committed-use ends on 2026-12-31; the last day for notice is 2026-10-02")
    (ended,) = [one for one in noted(bank, datetime.date(2027, 1, 1)) if one.startswith("contract")]
    assert "ended on 2026-12-31" in ended


def test_model_that_is_to_be_retired_soon_is_noted_once() -> None:
    found = noted(load_example("startup"), datetime.date(2026, 11, 20))
    assert found == [
        "model claude-sonnet-4-5 is to be retired on 2026-11-30 "
        "(LiteLLM 1.109.1, model_prices_and_context_window, 2026-11)"
    ]


def test_home_bought_under_somebody_elses_contract_is_noted(read: Read) -> None:
    text = (
        HOME.format("h", "aws", "us-east-1", "h100") + 'contract = "c"\n[contracts.c]\noperator = "google"\n'
    )
    assert noted(read(text)) == ["h is bought under c, which is with google"]
