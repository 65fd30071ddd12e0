"""Placing work as it comes, without knowing what comes next: whole chips and shares of chips on machines.

Each arrival goes where it spoils least of what typical work could still use. What is spoiled is measured
for the mix of work seen so far; among places that spoil equally little, the one whose free CPU and free
chips stay in
proportion is taken, then the fullest. Scores are kept per kind of task, and only machines that changed since
are scored again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

WHOLE = 1000  # a chip, in thousandths
NOWHERE = 1e18
TYPICAL_MOST = 200  # kinds of task that stand for all
SHORT = 0.1  # weight of chips left without CPU, beside chips that are spoiled
EMPTY = 1e-3  # among equals the fullest machine
CPU_PER_CHIP = 8000.0  # thousandths of a core that work on a chip needs, until something is known


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What a task asks for: `gpus` chips, of each `each` thousandths; `kinds` empty means any."""

    cpu: int
    memory: int
    gpus: int
    each: int
    kinds: frozenset[int] = frozenset()

    @property
    def asked(self) -> float:
        return self.gpus * self.each / WHOLE


class Cluster:
    """Machines and what is free on each. `log` says which machine changed when."""

    def __init__(self, cpu: Ints, memory: Ints, free: Ints, kind: Ints) -> None:
        self.cpu, self.memory, self.free, self.kind = cpu, memory, free, kind
        self.cpu_most = float(cpu.max(initial=1))
        self.capacity = float(free.sum())
        self.used = 0.0
        self.cpu_per_chip = CPU_PER_CHIP
        self.log: list[int] = []

    @classmethod
    def of(
        cls, *, cpu: Sequence[int], memory: Sequence[int], gpus: Sequence[int], kind: Sequence[int]
    ) -> Cluster:
        free = np.zeros((len(cpu), max(gpus, default=0) or 1), dtype=np.int64)
        for node, count in enumerate(gpus):
            free[node, :count] = WHOLE
        return cls(np.array(cpu), np.array(memory), free, np.array(kind))

    def fits(self, task: Task, nodes: Ints) -> Bools:
        free = self.free[nodes]
        enough = (self.cpu[nodes] >= task.cpu) & (self.memory[nodes] >= task.memory)
        if task.gpus:
            enough &= (free >= task.each).sum(axis=1) >= task.gpus
            if task.kinds:
                enough &= np.isin(self.kind[nodes], list(task.kinds))
        return enough

    def put(self, task: Task, node: int, cards: Sequence[int]) -> None:
        self.cpu[node] -= task.cpu
        self.memory[node] -= task.memory
        self.free[node, list(cards)] -= task.each
        self.used += task.each * len(cards)
        self.log.append(node)

    def after(self, task: Task, nodes: Ints) -> tuple[Ints, Ints, Ints]:
        """Every distinct way to take cards: (rows of free cards afterwards, owner as position, card
        taken)."""
        free = self.free[nodes]
        if task.gpus != 1:
            rows = free.copy()
            order = np.argsort(np.where(free >= task.each, free, 10 * WHOLE), axis=1, kind="stable")
            for column in range(task.gpus):
                rows[np.arange(len(nodes)), order[:, column]] -= task.each
            return rows, np.arange(len(nodes)), np.zeros(len(nodes), dtype=np.int64)
        owner, card = np.nonzero(free >= task.each)
        first = np.ones(len(owner), dtype=bool)
        for back in range(1, free.shape[1]):  # cards that are equally free are one way
            if len(owner) > back:
                same = (owner[back:] == owner[:-back]) & (
                    free[owner[back:], card[back:]] == free[owner[:-back], card[:-back]]
                )
                first[back:] &= ~same
        owner, card = owner[first], card[first]
        rows = free[owner].copy()
        rows[np.arange(len(owner)), card] -= task.each
        return rows, owner, card

    def cards(self, task: Task, node: int, card: int) -> tuple[int, ...]:
        """Which cards a way takes; several whole cards are the fullest that do."""
        if task.gpus == 1:
            return (card,)
        free = self.free[node]
        order = np.argsort(np.where(free >= task.each, free, 10 * WHOLE), kind="stable")
        return tuple(order[: task.gpus].tolist())


class Mix(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The kinds of task that are usual, and their shares."""

    tasks: tuple[Task, ...]
    share: Floats


def mix_of(tasks: Sequence[Task], *, by_size: bool = False, most: int = TYPICAL_MOST) -> Mix:
    """`by_size` counts a task by the chips it asks for: what large work cannot use is lost more dearly."""
    counts: dict[Task, float] = {}
    for task in tasks:
        key = msgspec.structs.replace(task, memory=0)
        counts[key] = counts.get(key, 0.0) + (task.asked if by_size else 1.0)
    common = sorted(counts.items(), key=lambda pair: -pair[1])[:most]
    total = sum(count for _, count in common) or 1.0
    return Mix(
        tasks=tuple(task for task, _ in common), share=np.array([count / total for _, count in common])
    )


def spoiled(cpu: Ints, free: Ints, kind: Ints, mix: Mix) -> Floats:
    """Per row, chips (in thousandths) that a typical task could not use there, expected over the mix."""
    total = free.sum(axis=1).astype(float)
    lost = np.zeros(len(total))
    at_hand: dict[int, tuple[Ints, Floats]] = {}  # for each size of share: cards that have it, and the rest
    for task, share in zip(mix.tasks, mix.share, strict=True):
        if not task.gpus:
            lost += share * total
            continue
        if task.each not in at_hand:
            usable = free >= task.each
            at_hand[task.each] = (usable.sum(axis=1), total - np.where(usable, free, 0).sum(axis=1))
        cards, rest = at_hand[task.each]
        fits = (cpu >= task.cpu) & (cards >= task.gpus)
        if task.kinds:
            fits &= np.isin(kind, list(task.kinds))
        lost += share * np.where(fits, rest, total)
    return lost


Tie = Callable[[Cluster, Task, Ints, Ints], Floats]


def cpu_short(cluster: Cluster, task: Task, nodes: Ints, rows: Ints) -> Floats:
    """How many more chips (in thousandths) lack the CPU their work usually needs; then, how empty it is."""
    left = rows.sum(axis=1).astype(float)
    need = cluster.cpu_per_chip
    after = np.maximum(0.0, left - WHOLE * (cluster.cpu[nodes] - task.cpu) / need)
    before = np.maximum(0.0, cluster.free[nodes].sum(axis=1) - WHOLE * cluster.cpu[nodes] / need)
    short: Floats = SHORT * (after - before) + EMPTY * left / rows.shape[1]
    return short


def no_tie(cluster: Cluster, task: Task, nodes: Ints, rows: Ints) -> Floats:
    return np.zeros(len(nodes))


class Placer:
    """Chooses a place for each arrival. Holds scores per kind of task; only changed machines are scored
    again."""

    def __init__(self, cluster: Cluster, mix: Mix, tie: Tie = cpu_short) -> None:
        self.cluster, self.mix, self.tie = cluster, mix, tie
        asked = sum(share * task.asked for task, share in zip(mix.tasks, mix.share, strict=True))
        cpu = sum(share * task.cpu for task, share in zip(mix.tasks, mix.share, strict=True) if task.gpus)
        cluster.cpu_per_chip = cpu / asked if asked else CPU_PER_CHIP
        self._score: dict[Task, Floats] = {}
        self._card: dict[Task, Ints] = {}
        self._seen: dict[Task, int] = {}

    def choose(self, task: Task) -> tuple[int, tuple[int, ...]] | None:
        """The machine and its cards, or None where it fits nowhere now."""
        count = len(self.cluster.cpu)
        if task not in self._score:
            self._score[task], self._card[task] = np.full(count, NOWHERE), np.zeros(count, dtype=np.int64)
            changed = np.arange(count)
        else:
            changed = np.unique(np.array(self.cluster.log[self._seen[task] :], dtype=np.int64))
        self._seen[task] = len(self.cluster.log)
        if len(changed):
            self._rescore(task, changed)
        node = int(np.argmin(self._score[task]))
        if self._score[task][node] >= NOWHERE:
            return None
        return node, self.cluster.cards(task, node, int(self._card[task][node]))

    def _rescore(self, task: Task, changed: Ints) -> None:
        cluster, score = self.cluster, self._score[task]
        score[changed] = NOWHERE
        nodes = changed[cluster.fits(task, changed)]
        if not len(nodes):
            return
        before = spoiled(cluster.cpu[nodes], cluster.free[nodes], cluster.kind[nodes], self.mix)
        rows, owner, card = cluster.after(task, nodes)
        own = nodes[owner]
        growth = spoiled(cluster.cpu[own] - task.cpu, rows, cluster.kind[own], self.mix) - before[owner]
        growth += self.tie(cluster, task, own, rows)
        order = np.lexsort((growth, owner))
        leads = order[np.concatenate([[True], owner[order][1:] != owner[order][:-1]])]
        score[own[leads]] = growth[leads]
        self._card[task][own[leads]] = card[leads]
