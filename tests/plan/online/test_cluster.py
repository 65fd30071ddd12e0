from __future__ import annotations

import numpy as np

from freehold.plan.online import Cluster, Task


def cluster() -> Cluster:
    return Cluster.of(cpu=[8000, 4000, 9000], memory=[100, 100, 100], gpus=[2, 1, 0], kind=[0, 1, 2])


def task(gpus: int = 1, each: int = 1000, cpu: int = 1000, kinds: frozenset[int] = frozenset()) -> Task:
    return Task(cpu=cpu, memory=10, gpus=gpus, each=each, kinds=kinds)


def test_task_fits_only_where_everything_it_asks_for_is_free() -> None:
    here, all_ = cluster(), np.arange(3)
    assert here.fits(task(), all_).tolist() == [True, True, False]
    assert here.fits(task(gpus=2), all_).tolist() == [True, False, False]
    assert here.fits(task(kinds=frozenset({1})), all_).tolist() == [False, True, False]
    assert here.fits(task(gpus=0, each=0, cpu=8500), all_).tolist() == [False, False, True]


def test_putting_a_task_takes_what_it_asks_for() -> None:
    here = cluster()
    here.put(task(each=400), 0, [1])
    assert here.free[0].tolist() == [1000, 600]
    assert (here.cpu[0], here.memory[0], here.used) == (7000, 90, 400.0)


def test_cards_that_are_equally_free_are_one_way() -> None:
    here = cluster()
    _, owner, _ = here.after(task(each=400), np.array([0]))
    assert owner.tolist() == [0]
    here.put(task(each=400), 0, [0])
    rows, owner, card = here.after(task(each=400), np.array([0]))
    assert owner.tolist() == [0, 0]
    assert rows.tolist() == [[200, 1000], [600, 600]]
    assert card.tolist() == [0, 1]
