import re
from pathlib import Path

import pytest

from freehold.dialects import Inbound, route
from freehold.dialects.table import APIS
from freehold.pocket import PocketHome
from freehold.pocket.vendor import VENDORS, manner

PAGE = Path(__file__).parents[2] / "docs/reference/pocket.md"


@pytest.mark.parametrize("name", sorted({*APIS, *VENDORS}))
def test_every_api_has_a_home_that_speaks_it(name: str) -> None:
    dialect = PocketHome(name).codec.name
    assert dialect in VENDORS[dialect].speaks


@pytest.mark.parametrize(
    ("dialect", "method", "path", "known"),
    [
        ("openai", "POST", "/openai/deployments/d/chat/completions", True),
        ("openai", "POST", "/v1/messages", False),
        ("bedrock", "POST", "/v1/messages", True),
        ("bedrock", "POST", "/anthropic/v1/messages", True),
        ("gemini", "POST", "/v1/projects/p/locations/l/publishers/anthropic/models/m:rawPredict", True),
        ("gemini", "POST", "/v1/messages", False),
    ],
)
def test_surfaces_are_those_the_vendor_has(dialect: str, method: str, path: str, known: bool) -> None:
    inbound = route(method, path)
    assert inbound is not None
    assert VENDORS[dialect].knows(inbound) is known


def test_manner_is_that_of_who_sells_the_surface() -> None:
    azure = Inbound(dialect="openai", operation="generate", surface="azure-v1")
    assert manner(azure, "openai") == "azure"
    assert manner(Inbound(dialect="openai", operation="generate", surface="chat"), "openai") == "openai"
    assert manner(None, "bedrock") == "bedrock"


def test_page_names_every_path_that_a_home_has() -> None:
    named = re.findall(r"`(/v1[a-z0-9/_]*)`", PAGE.read_text(encoding="utf-8"))
    assert len(named) >= 8
    for path in named:
        assert route("POST", path) or route("GET", path), path
