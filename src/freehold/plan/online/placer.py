"""Placing work as it comes, without knowing what comes next: whole chips and shares of chips on machines.

Each arrival goes where it costs least of what other work could still use: chips it spoils for the mix of work
seen so far, and the worth of its chip to work that can use few others. Among places that cost equally little,
the one whose free CPU and free chips stay in proportion is taken, then the fullest. Scores are kept per shape
of task, and only machines that changed since are scored again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from freehold.plan.online.cluster import WHOLE, Cluster, Floats, Ints, Task
from freehold.plan.online.scarcity import pressure, wanted
from freehold.plan.online.typical import Mix, Typical, key_of, mix_from

NOWHERE = 1e18
SHORT = 0.25  # weight of chips left without CPU, beside chips that are spoiled
EMPTY = 1e-3  # among equals the fullest machine
CPU_PER_CHIP = 8000.0  # thousandths of a core that work on a chip needs, until something is known
LEARN_FIRST, LEARN_TIMES = 64, 4  # arrivals until the mix is first worked out, and by how much that grows
LOOK_EVERY = 16  # arrivals between looks at what is scarce

Tie = Callable[[Cluster, float, int, Ints, Ints], Floats]


def cpu_short(cluster: Cluster, cpu_per_chip: float, cpu: int, nodes: Ints, rows: Ints) -> Floats:
    """How many more chips (in thousandths) lack the CPU their work usually needs; then, how empty it is."""
    left = rows.sum(axis=1).astype(float)
    after = np.maximum(0.0, left - WHOLE * (cluster.cpu[nodes] - cpu) / cpu_per_chip)
    before = np.maximum(0.0, cluster.free[nodes].sum(axis=1) - WHOLE * cluster.cpu[nodes] / cpu_per_chip)
    short: Floats = SHORT * (after - before) + EMPTY * left / rows.shape[1]
    return short


def no_tie(cluster: Cluster, cpu_per_chip: float, cpu: int, nodes: Ints, rows: Ints) -> Floats:
    return np.zeros(len(nodes))


class Shape(NamedTuple):
    """What decides how a task changes a machine."""

    cpu: int
    gpus: int
    each: int


class Scores:
    """Of one shape: per machine the best score and the card it takes, and up to where that is known."""

    __slots__ = ("card", "score", "seen")

    def __init__(self, count: int) -> None:
        self.score, self.card = np.full(count, NOWHERE), np.zeros(count, dtype=np.int64)
        self.seen = -1


class Placer:
    """Chooses a place for each arrival. With a mix it keeps to it; without, it learns from what arrives."""

    def __init__(
        self, cluster: Cluster, mix: Mix | None = None, *, tie: Tie = cpu_short, scarce: bool = True
    ) -> None:
        self.cluster, self.tie, self.scarce = cluster, tie, scarce
        self.pressure: Floats = np.zeros(cluster.kinds)
        self._learns, self._arrived, self._learn_at = mix is None, 0, LEARN_FIRST
        self._counted: Counter[Task] = Counter()
        self._know(mix or mix_from(self._counted))

    def _know(self, mix: Mix) -> None:
        self.typical, self._wanted = Typical(mix, self.cluster.kinds), wanted(mix)
        self.cpu_per_chip = mix.cpu_per_chip or CPU_PER_CHIP
        self._scores: dict[Shape, Scores] = {}

    def choose(self, task: Task) -> tuple[int, tuple[int, ...]] | None:
        """The machine and its cards, or None where it fits nowhere now. Counts the task as arrived."""
        self._arrive(task)
        cluster, shape = self.cluster, Shape(task.cpu, task.gpus, task.each)
        scores = self._scores.get(shape)
        if scores is None:
            scores = self._scores[shape] = Scores(len(cluster.cpu))
            changed = np.arange(len(cluster.cpu))
        else:
            changed = np.unique(np.array(cluster.log[scores.seen :], dtype=np.int64))
        scores.seen = len(cluster.log)
        if len(changed):
            self._rescore(shape, scores, changed)
        total = scores.score + WHOLE * task.asked * self.pressure[cluster.kind]
        open_ = cluster.memory >= task.memory
        if task.kinds and task.gpus:
            open_ &= np.isin(cluster.kind, list(task.kinds))
        total = np.where(open_, total, NOWHERE)
        node = int(np.argmin(total))
        if total[node] >= NOWHERE:
            return None
        return node, cluster.cards(task, node, int(scores.card[node]))

    def _arrive(self, task: Task) -> None:
        """Learn, at first often and then ever more rarely; look at what is scarce now and then."""
        if self._learns:
            self._counted[key_of(task)] += 1
        self._arrived += 1
        if self._learns and self._arrived == self._learn_at:
            self._learn_at *= LEARN_TIMES
            self._know(mix_from(self._counted))
        if self.scarce and self._arrived % LOOK_EVERY == 0:
            self.pressure = pressure(self.cluster, self._wanted)

    def _rescore(self, shape: Shape, scores: Scores, changed: Ints) -> None:
        cluster, typical = self.cluster, self.typical
        task = Task(cpu=shape.cpu, memory=0, gpus=shape.gpus, each=shape.each)
        scores.score[changed] = NOWHERE
        nodes = changed[cluster.fits(task, changed)]
        if not len(nodes):
            return
        before = typical.spoiled(cluster.cpu[nodes], cluster.free[nodes], cluster.kind[nodes])
        rows, owner, card = cluster.after(task, nodes)
        own = nodes[owner]
        growth = typical.spoiled(cluster.cpu[own] - shape.cpu, rows, cluster.kind[own]) - before[owner]
        growth += self.tie(cluster, self.cpu_per_chip, shape.cpu, own, rows)
        order = np.lexsort((growth, owner))
        leads = order[np.concatenate([[True], owner[order][1:] != owner[order][:-1]])]
        scores.score[own[leads]] = growth[leads]
        scores.card[own[leads]] = card[leads]
