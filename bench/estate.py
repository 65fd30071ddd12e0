"""How long the fault tree takes on a large estate: `python -m bench.estate`.

The pinned estate of bench/estate_generator.py. The whole map: every workload's minimal cut sets up to three,
counted exactly and listed to a cap, from a fresh graph. Beside it a naive implementation (a set of sets,
minimised pair by pair, on a few of the small workloads, since it cannot do more). Then one blast query, warm,
the whole command on a file, and the map of ten times the estate.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

from bench.estate_generator import SEED, generate
from bench.harness import Contender, ask
from freehold.estate.blast import fall
from freehold.estate.counting import Counted, HomeCuts, home_cuts
from freehold.estate.graph import Graph

LISTED = 100
ROUNDS = 3
NAIVE_WORKLOADS = 5
NAIVE_HOMES = 2


def nodes(graph: Graph, kind: str) -> list[int]:
    return [node for node, found in enumerate(graph.kinds) if found == kind]


def fresh(graph: Graph) -> Graph:
    """Nothing cached, so that every round pays for everything."""
    return Graph(graph.names, graph.kinds, graph.all_of, graph.any_of)


def whole_map(graph: Graph) -> tuple[int, int, int, int]:
    """Counts of all workloads of one, two and three, and how many were listed."""
    graph = fresh(graph)
    homes: dict[int, HomeCuts] = {}
    totals, listed = [0, 0, 0], 0
    for node in nodes(graph, "workload"):
        for home in graph.any_of[node]:
            if home not in homes:
                found = home_cuts(graph, home)
                assert found is not None
                homes[home] = found
        counted = Counted([homes[home] for home in graph.any_of[node]])
        totals = [total + count for total, count in zip(totals, counted.counts, strict=True)]
        listed += sum(1 for _ in counted.listed(LISTED))
    return totals[0], totals[1], totals[2], listed


def naive(graph: Graph, workloads: Sequence[int]) -> list[tuple[int, int, int]]:
    """What one writes first: families of frozensets, joined and minimised pair by pair."""
    found = []
    known: dict[int, list[frozenset[int]]] = {}
    for node in workloads:
        family = _naive(graph, node, known)
        found.append(tuple(sum(1 for one in family if len(one) == size) for size in (1, 2, 3)))
    return found  # type: ignore[return-value]  # three sizes


def _naive(graph: Graph, node: int, known: dict[int, list[frozenset[int]]]) -> list[frozenset[int]]:
    if node not in known:
        family = [frozenset({node})] if graph.can_fail(node) else []
        for need in graph.all_of[node]:
            family += _naive(graph, need, known)
        if graph.any_of[node]:
            parts = [_naive(graph, need, known) for need in graph.any_of[node]]
            joined = parts[0]
            for part in parts[1:]:
                joined = _minimal(
                    [one | other for one, other in product(joined, part) if len(one | other) <= 3]
                )
            family += joined
        known[node] = _minimal(family)
    return known[node]


def _minimal(family: list[frozenset[int]]) -> list[frozenset[int]]:
    kept: list[frozenset[int]] = []
    for one in sorted(set(family), key=len):
        if not any(other <= one for other in kept):
            kept.append(one)
    return kept


def as_toml(graph: Graph) -> str:
    """The same estate as a file that `freehold` reads."""
    lines = ['[estate]\nname = "bench"\n', "[models.m]\n"]
    for node, kind in enumerate(graph.kinds):
        name = graph.names[node]
        needs = [graph.names[need] for need in graph.all_of[node]]
        either = [graph.names[need] for need in graph.any_of[node]]
        if kind == "service":
            lines.append(f"[services.{name}]\nall_of = {needs}\nany_of = {either}\n")
        elif kind == "home":
            lines.append(f'[homes.{name}]\nvendor = "v"\ncatalog = false\nchips = 1\nneeds = {needs}\n')
        else:
            lines.append(f"[workloads.{name}]\nhomes = {either}\n")
    return "\n".join(lines)


def timed(work: Callable[[], object]) -> float:
    gc.collect()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def small(graph: Graph) -> list[int]:
    chosen = [node for node in nodes(graph, "workload") if len(graph.any_of[node]) <= NAIVE_HOMES]
    return chosen[:NAIVE_WORKLOADS]


def few(graph: Graph) -> list[tuple[int, int, int]]:
    """The same few workloads as the naive way does, in ours."""
    graph = fresh(graph)
    found = []
    for node in small(graph):
        parts = [home_cuts(graph, home) for home in graph.any_of[node]]
        found.append(Counted([part for part in parts if part is not None]).counts)
    return found


def main() -> None:
    graph = generate()
    totals = whole_map(graph)
    assert naive(graph, small(graph)) == few(graph)
    busiest = max(nodes(graph, "service"), key=lambda node: len(fall(graph, (node,)).cause))
    folder = Path(tempfile.mkdtemp())
    file = folder / "freehold.toml"
    file.write_text(as_toml(graph), encoding="utf-8")
    freehold = str(Path(sys.executable).parent / "freehold")
    any_ = sum(1 for node in nodes(graph, "service") if graph.any_of[node])
    ten = generate(10)
    ten_s = timed(lambda: whole_map(ten))
    notes = (
        f"seed {SEED}: 1,000 workloads of 1 to 6 homes, 500 homes, 2,000 services ({any_} with alternatives)",
        f"minimal cut sets of size 1, 2 and 3: {totals[0]:,}, {totals[1]:,} and {totals[2]:,}, "
        f"counted exactly, of which {totals[3]:,} are listed (at most {LISTED} a workload)",
        f"the naive way does {NAIVE_WORKLOADS} workloads of at most {NAIVE_HOMES} homes, to the same counts",
        f"the blast is that of {graph.names[busiest]}, the service with the most above it: "
        f"{len(fall(graph, (busiest,)).cause):,} nodes fall",
        f"ten times the estate (10,000 workloads, 35,000 nodes): {ten_s:.1f} s, once",
        "goals: whole map 2 s, one blast 5 ms, whole command 0.6 s",
    )
    ask(
        "estate",
        [
            Contender(name="whole map, cut sets to 3", run=lambda: whole_map(graph), note="goal 2,000 ms"),
            Contender(name=f"the same, {NAIVE_WORKLOADS} workloads", run=lambda: few(graph)),
            Contender(name=f"naive, {NAIVE_WORKLOADS} workloads", run=lambda: naive(graph, small(graph))),
            Contender(
                name="one blast, warm", run=lambda: [fall(graph, (busiest,)) for _ in range(100)],
                operations=100, note="goal 5 ms",
            ),
            Contender(
                name="freehold blast, this estate as a file",
                run=(freehold, "blast", "-c", str(file), graph.names[busiest], "--json"),
                note="goal 600 ms",
            ),
            Contender(
                name="freehold blast, the example of a bank",
                run=(freehold, "blast", "-c", "examples/bank/freehold.toml", "okta"), note="goal 600 ms",
            ),
        ],
        rounds=ROUNDS,
        notes=notes,
    )  # fmt: skip


if __name__ == "__main__":
    main()
