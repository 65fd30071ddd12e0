from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.plan.online.cluster import Task
from freehold.plan.online.typical import Mix, Typical, mix_of


def task(gpus: int, each: int, cpu: int = 1000, kinds: frozenset[int] = frozenset(), memory: int = 1) -> Task:
    return Task(cpu=cpu, memory=memory, gpus=gpus, each=each, kinds=kinds)


def spoiled(mix: Mix, cpu: int, free: list[int], kind: int = 0) -> float:
    return float(Typical(mix, 2).spoiled(np.array([cpu]), np.array([free]), np.array([kind]))[0])


def test_mix_counts_tasks_that_differ_in_memory_as_one() -> None:
    mix = mix_of([task(1, 500), task(1, 500, memory=9), task(2, 1000), task(0, 0)])
    assert mix.share.tolist() == [0.5, 0.25, 0.25]
    assert mix.cpu_per_chip == pytest.approx(1000 * 0.75 / (0.5 * 0.5 + 2 * 0.25))


def test_card_too_empty_for_half_the_work_is_half_spoiled() -> None:
    mix = mix_of([task(1, 1000), task(1, 300)])
    assert spoiled(mix, 9000, [400]) == pytest.approx(200)


def test_everything_is_spoiled_without_cpu_or_for_work_of_another_kind() -> None:
    assert spoiled(mix_of([task(1, 100, cpu=5000)]), 4000, [1000, 1000]) == 2000
    assert spoiled(mix_of([task(1, 100, kinds=frozenset({1}))]), 9000, [1000], kind=0) == 1000
    assert spoiled(mix_of([task(1, 100, kinds=frozenset({1}))]), 9000, [1000], kind=1) == 0


TASKS = st.builds(
    task, gpus=st.integers(1, 4), each=st.sampled_from([100, 500, 1000]), cpu=st.integers(0, 9000),
    kinds=st.frozensets(st.integers(0, 1), max_size=2),
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(TASKS, min_size=1, max_size=8), st.lists(st.integers(0, 1000), min_size=4, max_size=4),
       st.integers(0, 9000), st.integers(0, 1))  # fmt: skip
def test_spoiled_is_what_one_task_after_the_other_says(
    tasks: list[Task], free: list[int], cpu: int, kind: int
) -> None:
    """Beside a plain reading of the definition."""
    mix, expected = mix_of(tasks), 0.0
    for one, share in zip(mix.tasks, mix.share, strict=True):
        good = [card for card in free if card >= one.each]
        able = cpu >= one.cpu and len(good) >= one.gpus and (not one.kinds or kind in one.kinds)
        expected += share * (sum(free) - (sum(good) if able else 0))
    assert spoiled(mix, cpu, free, kind) == pytest.approx(expected)
