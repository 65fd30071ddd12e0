"""Cut sets against brute force, against blast, and against what must hold for any graph."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.estate import cuts
from freehold.estate.blast import fall
from freehold.estate.cuts import TooManyError, cut_sets
from freehold.estate.graph import Graph
from tests.estate.conftest import random_graph

seeds = st.integers(0, 1_000_000)


def brute(graph: Graph, node: int, size_max: int) -> set[frozenset[int]]:
    """Every minimal cut set, by trying every set of events."""
    events = [one for one in range(len(graph)) if graph.can_fail(one)]
    found: list[frozenset[int]] = []
    for size in range(1, size_max + 1):
        for members in combinations(events, size):
            tried = frozenset(members)
            if not any(known <= tried for known in found) and fall(graph, members).dead(node):
                found.append(tried)
    return set(found)


@settings(max_examples=120, deadline=None)
@given(seeds)
def test_cut_sets_are_those_that_brute_force_finds(seed: int) -> None:
    graph = random_graph(seed)
    for node in (len(graph) - 1, seed % len(graph)):
        found = cut_sets(graph, node, 3)
        assert {frozenset(members) for members in found.listed(10**9)} == brute(graph, node, 3)


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_counts_are_exact_without_listing(seed: int) -> None:
    graph = random_graph(seed)
    node = len(graph) - 1
    expected = brute(graph, node, 3)
    found = cut_sets(graph, node, 3)
    assert [found.count(size) for size in (1, 2, 3)] == [
        sum(1 for one in expected if len(one) == size) for size in (1, 2, 3)
    ]


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_cut_set_kills_and_no_part_of_it_does(seed: int) -> None:
    graph = random_graph(seed, services=12, homes=4)
    node = len(graph) - 1
    for members in cut_sets(graph, node, 4).listed(50):
        assert fall(graph, members).dead(node)
        for member in members:
            assert not fall(graph, [one for one in members if one != member]).dead(node)


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_one_more_home_never_adds_a_single_point(seed: int) -> None:
    graph = random_graph(seed, homes=4)
    node = len(graph) - 1
    fewer = Graph(graph.names, graph.kinds, graph.all_of, (*graph.any_of[:-1], graph.any_of[-1][:-1]))
    before = set(cut_sets(fewer, node, 1).listed(10**6))
    assert set(cut_sets(graph, node, 1).listed(10**6)) <= before


def test_members_of_a_class_are_counted_by_their_product() -> None:
    graph = Graph(
        ["a1", "a2", "b1", "b2", "h", "g", "w"],
        ["service"] * 4 + ["home", "home", "workload"],
        [(), (), (), (), (0, 1), (2, 3), ()],
        [(), (), (), (), (), (), (4, 5)],
    )
    found = cut_sets(graph, 6, 3)
    (group,) = found.groups
    assert group.classes == ((0, 1, 4), (2, 3, 5))
    assert found.count() == 9


def test_listing_stops_at_the_cap_and_the_count_does_not() -> None:
    graph = random_graph(7, services=14, homes=4)
    found = cut_sets(graph, len(graph) - 1, 3)
    assert found.count() > 3
    assert len(list(found.listed(3))) == 3


def test_workload_without_homes_has_no_cut_sets() -> None:
    graph = Graph(["w"], ["workload"], [()], [()])
    assert cut_sets(graph, 0, 3).groups == ()


def test_too_many_cut_sets_are_said_to_be_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuts, "FAMILY_MAX", 1)
    with pytest.raises(TooManyError):
        for seed in range(50):
            cut_sets(random_graph(seed, services=14, homes=4), 18, 3)


def contradiction(graph: Graph, node: int, size_max: int) -> bool:
    """Put to a SAT solver: can the node be dead of at most `size_max` events that hold no cut set of ours?"""
    sat = pytest.importorskip("pysat.solvers", reason="the package python-sat is not installed")
    cards = pytest.importorskip("pysat.card", reason="the package python-sat is not installed")
    failed = {one: one + 1 for one in range(len(graph)) if graph.can_fail(one)}
    dead = {one: len(graph) + one + 1 for one in range(len(graph))}
    clauses: list[list[int]] = [[dead[node]]]
    top = 2 * len(graph)
    for one in range(len(graph)):
        causes = [failed[one]] if one in failed else []
        causes += [dead[need] for need in graph.all_of[one]]
        if graph.any_of[one]:
            top += 1
            causes.append(top)
            clauses += [[-top, dead[need]] for need in graph.any_of[one]]
        clauses.append([-dead[one], *causes])  # the dead have a cause
    limit = cards.CardEnc.atmost(list(failed.values()), bound=size_max, top_id=top)
    clauses += limit.clauses
    clauses += [[-failed[one] for one in cut] for cut in cut_sets(graph, node, size_max).listed(10**7)]
    with sat.Solver(bootstrap_with=clauses) as solver:
        return not solver.solve()


@pytest.mark.parametrize("seed", range(12))
def test_sat_solver_finds_no_cut_set_beside_ours_on_larger_graphs(seed: int) -> None:
    graph = random_graph(seed, services=60, homes=5)
    assert contradiction(graph, len(graph) - 1, 3)
