import importlib
import inspect

import pytest

from freehold.gateway.state.base import State
from freehold.gateway.state.opening import ADAPTERS, opener
from tests.conftest import ROOT

METHODS = [name for name, _ in inspect.getmembers(State, inspect.isfunction) if not name.startswith("_")]


@pytest.mark.parametrize("kind", sorted(ADAPTERS))
def test_adapter_does_all_that_a_store_must_and_is_documented(kind: str) -> None:
    module, _, name = ADAPTERS[kind].partition(":")
    adapter = getattr(importlib.import_module(module), name)
    for method in METHODS:
        expected = inspect.signature(getattr(State, method)).parameters
        assert list(inspect.signature(getattr(adapter, method)).parameters) == list(expected), method
    assert kind in (ROOT / "docs" / "how-to" / "run-several-gateways.md").read_text().lower()


@pytest.mark.parametrize("kind", sorted(ADAPTERS))
def test_opener_does_not_show_its_address(kind: str) -> None:
    assert "hunter2" not in repr(opener(kind, "redis://:hunter2@127.0.0.1:1/0"))
