"""What `check` notes: names nobody knows, homes a policy bars, policies that do not hold."""

from __future__ import annotations

from freehold.estate.notes import notes
from tests.estate.conftest import Read, load_example

HOME = '[homes.{0}]\nvendor = "{1}"\nregion = "{2}"\nsilicon = "{3}"\nchips = 1\n'


def test_slips_of_the_pen_are_noted_with_the_nearest_name(read: Read) -> None:
    found = notes(*read(HOME.format("h", "aws", "sa-east-11", "h10")))
    assert found[0].startswith("h: silicon 'h10' is not in the catalog; the closest is 'h100'")
    assert "region 'sa-east-11' of AWS is not in the catalog; the closest is 'sa-east-1'" in found[1]


def test_names_of_a_vendor_nobody_knows_are_not_noted(read: Read) -> None:
    assert notes(*read(HOME.format("h", "acme", "anywhere", "h100"))) == []


def test_policy_that_does_not_hold_is_noted(read: Read) -> None:
    text = HOME.format("a", "aws", "us-east-1", "h100") + HOME.format("b", "aws", "us-west-2", "h100")
    text += '[workloads.w]\nhomes = ["a", "b"]\npolicy = "p"\n[policies.p]\nhomes_min = 2\n'
    (note,) = notes(*read(text + 'distinct = ["region", "vendor"]\n'))
    assert note == "the policy of w does not hold: it asks for 2 homes of distinct vendor and has 1"
    (note,) = notes(*read(text.replace("homes_min = 2", "homes_min = 3")))
    assert note == "the policy of w does not hold: it asks for 3 homes and has 2 it may use"


def test_barred_home_of_the_bank_is_noted_and_the_rest_is_quiet() -> None:
    (note,) = notes(*load_example("bank"))
    assert note.startswith("advice-letters names claude-anywhere, which its policy does not let it use")
    assert notes(*load_example("lab")) == []
