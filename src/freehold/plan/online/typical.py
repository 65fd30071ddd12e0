"""The mix of work that is usual, and how much of a machine it could not use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec
import numpy as np

from freehold.plan.online.cluster import Floats, Ints, Task

TYPICAL_MOST = 200  # kinds of task that stand for all


class Mix(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The kinds of task that are usual, and their shares."""

    tasks: tuple[Task, ...]
    share: Floats

    @property
    def cpu_per_chip(self) -> float | None:
        """CPU that work on one chip comes with; None where nothing asks for chips."""
        asked = float(sum(share * task.asked for task, share in zip(self.tasks, self.share, strict=True)))
        cpu = sum(share * task.cpu for task, share in zip(self.tasks, self.share, strict=True) if task.gpus)
        return float(cpu) / asked if asked else None


def mix_of(tasks: Iterable[Task], *, most: int = TYPICAL_MOST) -> Mix:
    return mix_from(Counter(key_of(task) for task in tasks), most=most)


def key_of(task: Task) -> Task:
    """Tasks that differ in memory alone are one kind."""
    return msgspec.structs.replace(task, memory=0)


def mix_from(seen: Counter[Task], *, most: int = TYPICAL_MOST) -> Mix:
    common = seen.most_common(most)
    total = sum(count for _, count in common) or 1
    return Mix(
        tasks=tuple(task for task, _ in common), share=np.array([count / total for _, count in common])
    )


class Typical:
    """A mix as arrays, to score many machines at once. Work without chips is left out: it can use none."""

    def __init__(self, mix: Mix, kinds: int) -> None:
        tasks = [task for task in mix.tasks if task.gpus]
        self.share = np.array([s for task, s in zip(mix.tasks, mix.share, strict=True) if task.gpus])
        self.cpu = np.array([task.cpu for task in tasks], dtype=np.int64)
        self.gpus = np.array([task.gpus for task in tasks], dtype=np.int64)
        self.sizes, self.size = np.unique([task.each for task in tasks], return_inverse=True)
        self.open = np.array(
            [[not task.kinds or kind in task.kinds for task in tasks] for kind in range(kinds)], dtype=bool
        ).reshape(kinds, len(tasks))

    def spoiled(self, cpu: Ints, free: Ints, kind: Ints) -> Floats:
        """Per row, chips (in thousandths) that a typical task could not use there, expected over the mix."""
        total = free.sum(axis=1)
        if not len(self.share):
            return np.zeros(len(total))
        usable = free[:, None, :] >= self.sizes[None, :, None]
        cards = usable.sum(axis=2)
        taken = (usable * free[:, None, :]).sum(axis=2)  # of each size: the free parts of cards that have it
        fits = (cpu[:, None] >= self.cpu) & (cards[:, self.size] >= self.gpus) & self.open[kind]
        lost: Floats = (total[:, None] - fits * taken[:, self.size]) @ self.share
        return lost
