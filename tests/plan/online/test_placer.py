from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.plan.online import Cluster, Placer, Task, mix_of
from freehold.plan.online.placer import LEARN_FIRST


def task(each: int = 1000, gpus: int = 1, kinds: frozenset[int] = frozenset(), cpu: int = 1000) -> Task:
    return Task(cpu=cpu, memory=1, gpus=gpus, each=each, kinds=kinds)


def cluster(gpus: list[int], kind: list[int] | None = None, cpu: int = 64_000) -> Cluster:
    count = len(gpus)
    return Cluster.of(cpu=[cpu] * count, memory=[9999] * count, gpus=gpus, kind=kind or [0] * count)


def put(placer: Placer, one: Task) -> int | None:
    found = placer.choose(one)
    if found is None:
        return None
    placer.cluster.put(one, *found)
    return found[0]


def test_share_goes_to_the_card_that_is_already_broken() -> None:
    here = cluster([2, 2])
    placer = Placer(here, mix_of([task(), task(500)]))
    first = put(placer, task(500))
    assert put(placer, task(500)) == first
    assert sorted(here.free.sum(axis=1).tolist()) == [1000, 2000]


def test_what_fits_nowhere_has_no_place() -> None:
    placer = Placer(cluster([1, 1]))
    assert placer.choose(task(gpus=2)) is None
    assert placer.choose(task(kinds=frozenset({3}))) is None


def test_work_that_may_run_anywhere_leaves_the_scarce_kind_alone() -> None:
    here = cluster([8] * 10, kind=[0] * 5 + [1] * 5)
    placer = Placer(here)
    for _ in range(LEARN_FIRST // 8):  # learns: one in two cannot do without kind 1
        put(placer, task(100))
        put(placer, task(100, kinds=frozenset({1})))
    for _ in range(LEARN_FIRST):
        placer.choose(task(100, kinds=frozenset({1})))
    used = {put(placer, task()) for _ in range(20)}
    assert used <= set(range(5))


def test_same_arrivals_are_placed_the_same() -> None:
    dice = np.random.default_rng(3)
    tasks = [
        task(int(dice.choice([100, 470, 1000])), cpu=int(dice.integers(1, 9)) * 1000) for _ in range(200)
    ]

    def placed() -> list[int | None]:
        placer = Placer(cluster([4] * 6))
        return [put(placer, one) for one in tasks]

    assert placed() == placed()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([100, 470, 1000]), st.integers(1, 3), st.booleans()), max_size=80))
def test_nothing_is_ever_overfilled_and_what_fits_is_placed(asked: list[tuple[int, int, bool]]) -> None:
    here = cluster([4, 2, 1], kind=[0, 1, 1], cpu=9000)
    placer, everywhere = Placer(here), np.arange(3)
    for each, gpus, picky in asked:
        one = task(1000 if gpus > 1 else each, gpus, frozenset({1}) if picky else frozenset())
        could = bool(here.fits(one, everywhere).any())
        assert (put(placer, one) is not None) == could
        assert here.free.min() >= 0
        assert here.cpu.min() >= 0
