"""docs/reference/catalog.md is what the data files say."""

from __future__ import annotations

from freehold.estate.catalog import load
from scripts.catalog_reference import PAGE, page


def test_catalog_reference_is_what_the_catalog_holds() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(load()), "run: make docs"
