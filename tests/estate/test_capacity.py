"""Demand meets pools: nothing is made up, nothing is served twice, everybody gets the same share."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.estate.capacity import demand_met
from freehold.estate.model import Estate
from freehold.types.homes import Home, Pool, Workload
from freehold.types.names import HomeId, PoolId, WorkloadId

Work = dict[str, tuple[float, list[str]]]


def estate(pools: dict[str, Pool], homes: dict[str, str | None], work: Work) -> Estate:
    return Estate(
        pools={PoolId(id): pool for id, pool in pools.items()},
        homes={HomeId(id): home(id, pool) for id, pool in homes.items()},
        workloads={
            WorkloadId(id): Workload(
                id=WorkloadId(id),
                homes=tuple(HomeId(name) for name in order),
                requests_per_min=rpm,
                input_tokens=50,
                output_tokens=50,
            )
            for id, (rpm, order) in work.items()
        },
    )


def home(id: str, pool: str | None) -> Home:
    return Home(id=HomeId(id), vendor="v", operator="v", pool=None if pool is None else PoolId(pool))


def pool(requests: int | None = None, tokens: int | None = None) -> Pool:
    return Pool(id=PoolId("p"), requests_per_min=requests, tokens_per_min=tokens)


def test_overflow_goes_to_the_next_home() -> None:
    made = estate({"p": pool(60), "q": pool(100)}, {"a": "p", "b": "q"}, {"w": (100, ["a", "b"])})
    assert demand_met(made, set(made.homes))[WorkloadId("w")].by_home == {"a": 60, "b": 40}


def test_tokens_limit_as_requests_do() -> None:
    made = estate({"p": pool(1000, 3000)}, {"a": "p"}, {"w": (100, ["a"])})
    assert demand_met(made, set(made.homes))[WorkloadId("w")].served == pytest.approx(30)


def test_two_homes_of_one_pool_are_one_home_for_capacity() -> None:
    made = estate({"p": pool(60)}, {"a": "p", "b": "p"}, {"w": (100, ["a", "b"])})
    assert demand_met(made, set(made.homes))[WorkloadId("w")].served == pytest.approx(60)


def test_home_without_a_pool_takes_all_and_is_not_known() -> None:
    made = estate({}, {"a": None}, {"w": (100, ["a"])})
    found = demand_met(made, set(made.homes))[WorkloadId("w")]
    assert (found.served, found.known, found.share) == (100, False, None)


def test_home_that_cannot_grow_is_shared_within_what_it_had() -> None:
    made = estate({}, {"a": None}, {"v": (30, ["a"]), "w": (60, ["a"])})
    found = demand_met(made, set(made.homes), limits={HomeId("a"): 45.0})
    assert [one.served for one in found.values()] == [pytest.approx(15), pytest.approx(30)]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.integers(0, 100), min_size=3, max_size=3),
    st.lists(st.tuples(st.integers(0, 80), st.permutations(["a", "b", "c"])), min_size=1, max_size=4),
    st.sets(st.sampled_from(["a", "b", "c"])),
)
def test_no_pool_gives_more_than_it_has_and_no_work_gets_more_than_it_asks(
    capacity: list[int], wants: list[tuple[int, list[str]]], dead: set[str]
) -> None:
    pools = {name: pool(limit) for name, limit in zip("pqr", capacity, strict=True)}
    work = {f"w{number}": (float(rpm), order) for number, (rpm, order) in enumerate(wants)}
    made = estate(pools, {"a": "p", "b": "q", "c": "r"}, work)
    alive = {home for home in made.homes if home not in dead}
    found = demand_met(made, alive)
    for one in found.values():
        assert (one.served or 0) <= (one.demand or 0) + 1e-6
        assert set(one.by_home) <= alive
    for home, limit in zip("abc", capacity, strict=True):
        assert sum(one.by_home.get(HomeId(home), 0.0) for one in found.values()) <= limit + 1e-6
    room = sum(limit for home, limit in zip("abc", capacity, strict=True) if home in alive)
    assert sum(one.served or 0 for one in found.values()) == pytest.approx(
        min(room, sum(rpm for rpm, _ in work.values())), abs=1e-6
    )
