"""What falls, and why: the same as the rule says, and the same as the cut sets say."""

from __future__ import annotations

from itertools import combinations, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.estate.blast import chain, chains, fall
from freehold.estate.cuts import cut_sets
from freehold.estate.graph import Graph
from tests.estate.conftest import random_graph


def dead_by_rule(graph: Graph, failed: set[int]) -> set[int]:
    """Read off the definition, node by node, children first."""
    dead: set[int] = set()
    for node in range(len(graph)):
        needs, either = graph.all_of[node], graph.any_of[node]
        lost = bool(either) and all(one in dead for one in either)
        if node in failed or lost or any(need in dead for need in needs):
            dead.add(node)
    return dead


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 1_000_000), st.sets(st.integers(0, 14), max_size=5))
def test_fall_is_what_the_rule_says(seed: int, failed: set[int]) -> None:
    graph = random_graph(seed, services=12, homes=3)
    assert set(fall(graph, sorted(failed)).cause) == dead_by_rule(graph, failed)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 1_000_000))
def test_blast_of_a_set_agrees_with_the_cut_sets(seed: int) -> None:
    graph = random_graph(seed)
    node = len(graph) - 1
    minimal = [frozenset(one) for one in cut_sets(graph, node, 2).listed(10**6)]
    events = [one for one in range(len(graph)) if graph.can_fail(one)]
    for members in combinations(events, 2):
        assert fall(graph, members).dead(node) == any(one <= set(members) for one in minimal)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 1_000_000), st.sets(st.integers(0, 10), min_size=1, max_size=4))
def test_chain_leads_from_what_failed_to_the_node(seed: int, failed: set[int]) -> None:
    graph = random_graph(seed, services=8, homes=3)
    fallen = fall(graph, sorted(failed))
    for node in fallen.cause:
        for links in (chain(graph, fallen, node), *chains(graph, fallen, node)):
            assert links[0] in failed and links[-1] == node
            for lower, upper in pairwise(links):
                assert lower in graph.all_of[upper] or lower in graph.any_of[upper]


def test_workload_without_homes_never_falls() -> None:
    graph = Graph(["s", "w"], ["service", "workload"], [(), ()], [(), ()])
    assert not fall(graph, (0,)).dead(1)
