"""The estate as a graph: children first, circles refused, bit sets read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.errors import InputError
from freehold.estate import graph
from freehold.estate.graph import bits_from, bits_of, graph_of
from freehold.estate.model import Estate
from freehold.types.homes import Service
from freehold.types.names import ServiceId
from tests.estate.conftest import load_example, random_graph


def services(**needs: tuple[str, ...]) -> Estate:
    return Estate(
        services={
            ServiceId(id): Service(id=ServiceId(id), all_of=tuple(ServiceId(need) for need in all_of))
            for id, all_of in needs.items()
        }
    )


def test_children_come_before_parents() -> None:
    estate, _ = load_example("bank")
    made = graph_of(estate)
    for node in range(len(made)):
        assert all(need < node for need in (*made.all_of[node], *made.any_of[node]))


def test_circle_is_refused_and_told_whole() -> None:
    with pytest.raises(InputError) as caught:
        graph_of(services(a=("b",), b=("c",), c=("a",), d=()))
    assert caught.value.code == "estate.cyclic-services"
    assert "a -> b -> c -> a" in caught.value.what


def test_service_that_needs_itself_is_a_circle() -> None:
    with pytest.raises(InputError):
        graph_of(services(a=("a",)))


def test_chain_of_many_thousands_is_no_matter() -> None:
    chain = {f"s{number}": (f"s{number + 1}",) for number in range(20_000)}
    assert len(graph_of(services(**chain, s20000=()))) == 20_001


def test_estate_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "NODES_MAX", 1)
    with pytest.raises(InputError) as caught:
        graph_of(services(a=(), b=()))
    assert caught.value.code == "estate.too-large"


@given(st.sets(st.integers(0, 3000), max_size=50))
def test_bits_are_read_back_as_they_were_written(members: set[int]) -> None:
    assert bits_of(bits_from(members)) == sorted(members)


@given(st.integers(0, 10_000))
def test_parents_are_the_edges_the_other_way_round(seed: int) -> None:
    made = random_graph(seed)
    down = {(need, node) for node in range(len(made)) for need in made.all_of[node]}
    assert down == {(node, parent) for node in range(len(made)) for parent in made.parents_all[node]}
