"""The slow thread beside the committer: cross-checkpoints and witnesses, at their intervals."""

from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec

from freehold.clock import Clock

NAP_S_MAX = 60.0


class Chore(msgspec.Struct, kw_only=True):
    every_ns: int
    do: Callable[[], None]
    due_ns: int = 0


class Keeper:
    """Runs each chore when it is due; what a chore raises is remembered and does not stop the others."""

    def __init__(self, chores: list[Chore], clock: Clock) -> None:
        self.fault: str | None = None
        self._chores, self._clock = chores, clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="freehold-ledger-keeper", daemon=True)
        if chores:
            self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._chores:
            self._thread.join()

    def _run(self) -> None:
        for chore in self._chores:
            chore.due_ns = self._clock.monotonic_ns() + chore.every_ns
        while not self._stop.wait(self._nap_s()):
            for chore in self._chores:
                if self._clock.monotonic_ns() >= chore.due_ns:
                    self._do(chore)

    def _do(self, chore: Chore) -> None:
        try:
            chore.do()
        except Exception as error:  # noqa: BLE001  # the ledger goes on without; `fault` shows it
            self.fault = f"{type(error).__name__}: {error}"
        chore.due_ns = self._clock.monotonic_ns() + chore.every_ns

    def _nap_s(self) -> float:
        soonest = min(chore.due_ns for chore in self._chores)
        return min(NAP_S_MAX, max(0.001, (soonest - self._clock.monotonic_ns()) / 1e9))
