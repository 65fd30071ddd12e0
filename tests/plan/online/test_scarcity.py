from __future__ import annotations

import pytest

from freehold.plan.online import Cluster, Task, mix_of
from freehold.plan.online.scarcity import pressure, wanted


def task(kinds: frozenset[int] = frozenset()) -> Task:
    return Task(cpu=1, memory=1, gpus=1, each=1000, kinds=kinds)


def cluster(*gpus: int) -> Cluster:
    count = len(gpus)
    return Cluster.of(cpu=[99] * count, memory=[99] * count, gpus=gpus, kind=range(count))


def test_kinds_are_equally_pressed_where_nothing_is_particular() -> None:
    assert pressure(cluster(8, 2), wanted(mix_of([task()] * 3))).tolist() == [1.0, 1.0]


def test_kind_that_some_cannot_do_without_is_pressed_more() -> None:
    found = pressure(cluster(8, 2), wanted(mix_of([task(), task(frozenset({1}))])))
    assert found.tolist() == pytest.approx([0.5, 0.5 + 0.5 * 10 / 2])


def test_pressure_grows_as_the_kind_runs_out() -> None:
    here = cluster(8, 2)
    want = wanted(mix_of([task(), task(frozenset({1}))]))
    before = pressure(here, want)[1]
    here.put(task(), 1, [0])
    assert pressure(here, want)[1] > before


def test_nothing_is_pressed_where_nothing_is_wanted() -> None:
    assert pressure(cluster(1), wanted(mix_of([]))).tolist() == [0.0]
