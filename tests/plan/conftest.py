"""An estate small enough to know the answer, and plans of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from freehold.cli.plan_made import silicon_of
from freehold.cli.settings import section_types
from freehold.clock import FakeClock
from freehold.config import load
from freehold.estate.build import build_estate, catalog_of, estate_problems
from freehold.plan.make import Made, make
from freehold.plan.solver.solve import Budget

ESTATE = Path(__file__).with_name("estate.toml")
Planner = Callable[..., Made]


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Planner:
    """Make a plan of the estate, with parts of its text replaced."""
    monkeypatch.setenv("FREEHOLD_HOME", str(tmp_path / "state"))

    def plan(*changes: tuple[str, str], more: str = "", **options: object) -> Made:
        text = ESTATE.read_text(encoding="utf-8")
        for before, after in changes:
            assert before in text, before
            text = text.replace(before, after)
        path = tmp_path / "freehold.toml"
        path.write_text(text + more, encoding="utf-8")
        loaded = load(str(path), section_types(), checks=(estate_problems,))
        budget = Budget(seconds=None, steps=10)
        return make(
            build_estate(loaded), loaded.sections["plan"], silicon_of(catalog_of(loaded)), budget=budget,
            clock=FakeClock(), folder=tmp_path, **options,  # type: ignore[arg-type]  # passed on as given
        )  # fmt: skip

    return plan
