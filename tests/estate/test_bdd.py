"""Chances: exact against enumeration, bounds around the exact value, the diagram against a library."""

from __future__ import annotations

from itertools import product
from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.estate.bdd import bounds, chance
from freehold.estate.blast import fall
from freehold.estate.cuts import cut_sets
from freehold.estate.graph import Graph
from tests.estate.conftest import random_graph


def rates(graph: Graph, seed: int) -> list[float]:
    return [((seed + 7 * node) % 10) / 20 if graph.can_fail(node) else 0.0 for node in range(len(graph))]


def enumerated(graph: Graph, node: int, unavailable: list[float]) -> float:
    events = [one for one in range(len(graph)) if graph.can_fail(one)]
    total = 0.0
    for states in product((False, True), repeat=len(events)):
        failed = [event for event, state in zip(events, states, strict=True) if state]
        if fall(graph, failed).dead(node):
            total += prod(
                unavailable[event] if state else 1 - unavailable[event]
                for event, state in zip(events, states, strict=True)
            )
    return total


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1_000_000))
def test_chance_is_what_enumeration_gives(seed: int) -> None:
    graph = random_graph(seed, services=6, homes=2)
    node, unavailable = len(graph) - 1, rates(graph, seed)
    found = chance(graph, node, unavailable, cut_sets(graph, node, 3))
    assert found.exact
    assert found.low == pytest.approx(enumerated(graph, node, unavailable), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1_000_000), st.integers(1, 3))
def test_bounds_hold_the_exact_chance_between_them(seed: int, size: int) -> None:
    graph = random_graph(seed, services=14, homes=4)
    node, unavailable = len(graph) - 1, [rate / 5 for rate in rates(graph, seed)]
    small = cut_sets(graph, node, size)
    exact = chance(graph, node, unavailable, small).low
    low, high = bounds(graph, node, unavailable, small)
    assert low <= exact + 1e-12 and exact <= high + 1e-12


def test_diagram_that_grows_too_large_is_given_up_for_bounds() -> None:
    graph = random_graph(3, services=14, homes=4)
    node, unavailable = len(graph) - 1, [rate / 5 for rate in rates(graph, 3)]
    found = chance(graph, node, unavailable, cut_sets(graph, node, 2), nodes_max=3)
    assert not found.exact and found.nodes == 0 and found.low <= found.high
