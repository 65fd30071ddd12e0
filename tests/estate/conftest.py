"""Small estates to test with: graphs made by hand, estates read from TOML, the examples."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from freehold.cli.loading import load_standing
from freehold.estate.catalog import Catalog
from freehold.estate.graph import Graph, NodeKind
from freehold.estate.model import Estate

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

Read = Callable[[str], tuple[Estate, Catalog]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """An estate from TOML text, with the catalog it was worked out with."""

    def from_text(text: str) -> tuple[Estate, Catalog]:
        file = tmp_path / "freehold.toml"
        file.write_text(text)
        return load_standing(str(file))

    return from_text


@pytest.fixture(scope="session", params=["startup", "bank", "lab"])
def example(request: pytest.FixtureRequest) -> tuple[Estate, Catalog]:
    return load_standing(str(EXAMPLES / request.param / "freehold.toml"))


def load_example(name: str) -> tuple[Estate, Catalog]:
    return load_standing(str(EXAMPLES / name / "freehold.toml"))


def random_graph(seed: int, services: int = 8, homes: int = 3) -> Graph:
    """A small graph with alternatives at every level; the last node is a workload."""
    rng = random.Random(seed)
    names = [f"s{number}" for number in range(services)] + [f"h{number}" for number in range(homes)] + ["w"]
    kinds: list[NodeKind] = [*["service"] * services, *["home"] * homes, "workload"]  # type: ignore[list-item]
    all_of: list[tuple[int, ...]] = []
    any_of: list[tuple[int, ...]] = []
    for node in range(services):
        below = range(node)
        all_of.append(tuple(rng.sample(below, min(node, rng.choice([0, 0, 1, 2])))))
        wants = rng.choice([2, 3]) if rng.random() < 0.4 else 0
        any_of.append(tuple(rng.sample(below, min(node, wants))))
    for _ in range(homes):
        all_of.append(tuple(rng.sample(range(services), rng.randint(0, min(3, services)))))
        any_of.append(())
    all_of.append(())
    any_of.append(tuple(range(services, services + homes)))
    return Graph(names, kinds, all_of, any_of)
