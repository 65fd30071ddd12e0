"""Machines with chips that are given out whole or in shares, and what is free on each."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

WHOLE = 1000  # a chip, in thousandths


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
        self.kinds = int(kind.max(initial=0)) + 1
        self.capacity = float(free.sum())
        self.used = 0.0
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
