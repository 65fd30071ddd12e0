"""The fast counts against the general way, number for number and set for set."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.estate.counting import Counted, covers, home_cuts
from freehold.estate.cuts import cut_sets
from freehold.estate.graph import Graph
from tests.estate.conftest import random_graph

seeds = st.integers(0, 1_000_000)


def counted(graph: Graph) -> Counted:
    parts = [home_cuts(graph, home) for home in graph.any_of[-1]]
    return Counted([part for part in parts if part is not None])


@settings(max_examples=150, deadline=None)
@given(seeds, st.integers(4, 22), st.integers(1, 6))
def test_counts_are_those_of_the_general_way(seed: int, services: int, homes: int) -> None:
    graph = random_graph(seed, services=services, homes=homes)
    found = cut_sets(graph, len(graph) - 1, 3)
    assert counted(graph).counts == tuple(found.count(size) for size in (1, 2, 3))


@settings(max_examples=100, deadline=None)
@given(seeds, st.integers(4, 18), st.integers(1, 5))
def test_listing_is_that_of_the_general_way_each_once(seed: int, services: int, homes: int) -> None:
    graph = random_graph(seed, services=services, homes=homes)
    listed = list(counted(graph).listed(10**6))
    assert len(listed) == len(set(listed))
    expected = {tuple(sorted(one)) for one in cut_sets(graph, len(graph) - 1, 3).listed(10**6)}
    assert set(listed) == expected


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(0, 20))
def test_listing_is_smallest_first_and_stops_at_the_cap(seed: int, cap: int) -> None:
    listed = list(counted(random_graph(seed, services=16, homes=4)).listed(cap))
    assert len(listed) <= cap
    assert [len(one) for one in listed] == sorted(len(one) for one in listed)


def test_covers_of_two_homes_are_one_signature_each() -> None:
    assert covers(2, 2) == ((1, 2),)
    assert covers(2, 3) == ()


def test_covers_of_six_homes_by_three_are_as_many_as_the_formula_says() -> None:
    assert len(covers(6, 3)) == 3410
