"""Every setting is described, and the pages of the reference are those of the code."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from msgspec import inspect

from freehold.cli.settings import section_types
from freehold.config import Setting, about, defaults, settings
from freehold.config.kinds import default_of, unwrap
from freehold.config.walk import Walker

ROOT = Path(__file__).resolve().parents[2]
EVERY = settings(section_types())


@pytest.mark.parametrize("one", EVERY, ids=lambda one: one.path)
def test_setting_has_a_description_that_is_a_sentence(one: Setting) -> None:
    assert (
        one.description and one.description[-1] in ".?" and one.description[0] == one.description[0].upper()
    ) or (one.description.startswith("strict:"))


@pytest.mark.parametrize("name", list(section_types()))
def test_section_says_what_it_is_for(name: str) -> None:
    assert about(section_types()[name]).endswith((".", "?"))


def test_settings_are_listed_once() -> None:
    assert len({one.path for one in EVERY}) == len(EVERY)


def test_defaults_need_no_file() -> None:
    assert set(defaults(section_types())) == set(section_types())


def test_tables_hold_no_default_that_the_check_would_refuse() -> None:
    walker = Walker({})
    for name, kind in section_types().items():
        info = unwrap(inspect.type_info(kind))
        struct = unwrap(info.value_type) if isinstance(info, inspect.DictType) else info
        assert isinstance(struct, inspect.StructType)
        for field in struct.fields:
            value = default_of(field)
            if not field.required and isinstance(value, str | int | float):
                walker.value(field.type, value, (name, field.name))
    assert walker.problems == []


def test_reference_page_of_settings_is_current() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "settings_reference.py"))
    page = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    assert page == script["render"](), "run: python scripts/settings_reference.py"


def test_every_code_of_settings_and_estate_has_a_heading() -> None:
    page = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
    headings = set(re.findall(r"^### (\S+)$", page, re.MULTILINE))
    folders = [ROOT / "src" / "freehold" / name for name in ("config", "estate")]
    source = "".join(path.read_text(encoding="utf-8") for folder in folders for path in folder.rglob("*.py"))
    codes = set(re.findall(r'"((?:config|estate|units)\.[a-z0-9-]+)"', source))
    assert len(codes) > 25 and codes <= headings, codes - headings
