import re
from pathlib import Path
from typing import get_args

from freehold.pocket.faults import FAULTS, LISTENING, FaultName, FaultRule
from freehold.pocket.hints import HINTS, Hint

PAGE = Path(__file__).parents[3] / "docs/reference/faults.md"


def test_table_holds_every_name_once() -> None:
    assert {*FAULTS, *LISTENING} == set(get_args(FaultName))
    assert not set(FAULTS) & set(LISTENING)


def test_page_has_a_row_for_every_fault_and_no_other() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("## What there is")[2].partition("## ")[0]
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| (.+) \|$", section, re.MULTILINE))
    assert rows == {**LISTENING, **{name: fault.help for name, fault in FAULTS.items()}}


def test_page_names_every_field_and_every_hint() -> None:
    text = PAGE.read_text(encoding="utf-8")
    missing = [name for name in FaultRule.__struct_fields__ if f"`{name}`" not in text]
    missing += [hint for hint in get_args(Hint) if f"`{hint}`" not in text]
    assert missing == []


def test_hints_are_all_there_but_for_the_vendors_own() -> None:
    assert {*HINTS, "vendor"} == set(get_args(Hint))
