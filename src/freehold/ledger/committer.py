"""The thread that commits: it takes what waits, appends it as one batch, and signs checkpoints.

While one commit is being synced the next batch gathers, so batches grow with the load and nobody waits for a
timer. When the store is away, records go to the spill file and are brought in, in order, when it is back.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Literal

import msgspec

from freehold.clock import Clock, ulid
from freehold.errors import UnavailableError
from freehold.ledger.checkpoint import Checkpoint
from freehold.ledger.facts import facts_in, facts_of
from freehold.ledger.index import readable
from freehold.ledger.intake import Intake, Item
from freehold.ledger.merkle import leaf_hash
from freehold.ledger.spill import Lost, Spill
from freehold.ledger.store import Batch, Store, StoreAwayError
from freehold.types.contracts import Signer
from freehold.types.names import RecordId
from freehold.types.records import AlarmRecord

BATCH_RECORDS_MAX = 4096
BATCH_BYTES_MAX = 8 * 1024 * 1024
IDLE_S = 60.0
CLOCK_BACK_NS = 2_000_000_000


class Times(msgspec.Struct, frozen=True, kw_only=True):
    checkpoint_ns: int = 250_000_000  # the longest time between a commit and its checkpoint
    history_ns: int = 10_000_000_000  # between two checkpoints that are kept for ever
    retry_s: float = 0.25  # how often a store that is away is tried
    gather_s: float = 0.005  # between two commits while nobody waits for one


class Committer:
    """Owns the store while it runs. `failing` says why nothing can be appended now, or is None."""

    def __init__(
        self, store: Store, intake: Intake, spill: Spill, signer: Signer, clock: Clock, times: Times
    ) -> None:
        self.failing: str | None = None
        self.unsigned: str | None = None  # why the last checkpoint could not be made
        self.spill_full = False
        self._store, self._intake, self._spill = store, intake, spill
        self._signer, self._clock, self._times = signer, clock, times
        self._signed_size = self._signed_ns = self._kept_ns = self._kept_size = -1
        self._wall_ns = clock.now_ns()
        self._doubtful = spill.waiting  # left by an earlier run, which may have stopped before it said so
        self._greeted = False
        self._gap: tuple[RecordId, Lost] | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="freehold-ledger", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Commit what waits, or set it aside; sign the last checkpoint."""
        self._intake.close()
        self._stop.set()
        self._intake.wake.set()
        self._thread.join()

    @property
    def signed_size(self) -> int:
        return self._signed_size

    def alarm(
        self, alarm: str, evidence: dict[str, str], *, severity: Literal["warning", "critical"] = "critical"
    ) -> RecordId:
        now_ns = self._clock.now_ns()
        id = ulid(now_ns)
        entry = AlarmRecord(id=id, time_ns=now_ns, alarm=alarm, severity=severity, evidence=evidence)
        self._intake.put(entry, closing=True)
        return id

    def _run(self) -> None:
        try:
            self._loop()
        except Exception as error:  # noqa: BLE001  # a dead thread must show: admit refuses from here on
            self.failing = f"the ledger's thread stopped: {type(error).__name__}: {error}"

    def _loop(self) -> None:
        while True:
            self._intake.wake.clear()
            closing = self._stop.is_set()
            if not self._greeted and not self._greet():
                self._set_aside()
                if closing:
                    return
                self._wait()
                continue
            if self._step():
                self._checkpoint(due_ns=self._times.checkpoint_ns)
                if not closing:
                    self._intake.gather(self._times.gather_s)
                continue
            if closing and (self.failing is not None or not len(self._intake)):
                self._checkpoint(due_ns=0)
                return
            self._checkpoint(due_ns=self._times.checkpoint_ns)
            self._wait()

    def _greet(self) -> bool:
        """Once the store answers: what the last run left behind goes into the record."""
        try:
            size = self._store.size()
            last = next(self._store.leaves(size - 1, size)) if size > self._store.archived_size() else None
        except (StoreAwayError, UnavailableError) as error:
            self.failing = str(error)
            return False
        if last is not None:
            self._wall_ns = max(self._wall_ns, readable(size - 1, last).time_ns)
        if not self._store.clean:
            evidence = {"records": str(size), "torn_bytes": str(self._store.torn_bytes)}
            self.alarm("ledger.unclean-stop", evidence, severity="warning")
        self._greeted, self.failing = True, None
        return True

    def _wait(self) -> None:
        if self.failing is not None:
            self._stop.wait(self._times.retry_s)
        elif self._signed_size < self._store.frontier.size:
            self._intake.wake.wait(self._times.checkpoint_ns / 1e9)
        else:
            self._intake.wake.wait(IDLE_S)

    def _step(self) -> bool:
        """Append one batch; say whether to go on at once."""
        self._watch_clock()
        try:
            items = self._spilled() or self._intake.take(BATCH_RECORDS_MAX, BATCH_BYTES_MAX)
            if not items:
                return self._tell_gap()
            self._append(items)
        except (StoreAwayError, UnavailableError) as error:
            self.failing = str(error)
            self._set_aside()
            return False
        self.failing = None
        self._intake.settle([item.id for item in items])
        return True

    def _append(self, items: Sequence[Item]) -> None:
        frontier = self._store.frontier.copy()
        first = frontier.size
        leaves = [b'{"seq":%d,' % seq + item.body[1:] for seq, item in enumerate(items, first)]
        complete = frontier.extend([leaf_hash(leaf) for leaf in leaves])
        facts = [
            facts_in(seq, item.body) if item.entry is None else facts_of(seq, item.entry)
            for seq, item in enumerate(items, first)
        ]
        self._store.append(
            Batch(first=first, leaves=leaves, frontier=frontier, complete=complete, facts=facts)
        )
        if items[0].entry is None:
            self._spill.taken([item.body for item in items])
            self.spill_full = False
        else:
            self._intake.remove(len(items))

    def _spilled(self) -> list[Item]:
        """The oldest records of the spill file that are not in the tree."""
        while self._spill.waiting:
            bodies = self._spill.peek(BATCH_RECORDS_MAX)
            items = [Item(RecordId(facts_in(0, body).id), body, None) for body in bodies]
            if not self._doubtful:
                return items
            self._store.catch_up()
            items = items[: self._doubtful]
            known = next(
                (at for at, item in enumerate(items) if self._store.find(item.id) is None), len(items)
            )
            if not known:
                self._doubtful = 0  # what an earlier run brought in is a prefix of what it spilled
                return items
            self._spill.taken([item.body for item in items[:known]])
            self._doubtful -= known
        return []

    def _set_aside(self) -> None:
        """The store is away: what waits goes to the spill file, and what had to be given up is counted."""
        try:
            while items := self._intake.take(BATCH_RECORDS_MAX, BATCH_BYTES_MAX):
                kept = self._spill.add([item.body for item in items])
                self._intake.remove(kept)
                self.spill_full = kept < len(items)
                if self.spill_full:
                    break
            if self._stop.is_set():
                self._intake.lose_all()
            self._keep_count()
        except OSError as error:
            self.spill_full = True
            self.failing = f"{self.failing}; the spill file fails too: {error.strerror}"

    def _keep_count(self) -> None:
        """A gap must outlive us, whatever happens before it is in the tree."""
        if self._intake.lost() != self._spill.lost:
            self._spill.count_lost(self._intake.lost())

    def _tell_gap(self) -> bool:
        """Everything is in the tree: record what was given up before. True if that is under way."""
        if self._gap is not None:
            self._intake.forget_lost(self._gap[1])
            self._keep_count()
            self._gap = None
        lost = self._intake.lost()
        if not lost.records:
            return False
        evidence = {"records_lost": str(lost.records), "from_ns": str(lost.from_ns), "to_ns": str(lost.to_ns)}
        if why := self._intake.lost_why:
            evidence["why"] = why
        self._gap = self.alarm("ledger.gap", evidence), lost
        return True

    def _watch_clock(self) -> None:
        now_ns = self._clock.now_ns()
        if now_ns < self._wall_ns - CLOCK_BACK_NS:
            self.alarm("ledger.clock-back", {"from_ns": str(self._wall_ns), "to_ns": str(now_ns)})
        self._wall_ns = now_ns

    def _checkpoint(self, *, due_ns: int) -> None:
        frontier, now_ns = self._store.frontier, self._clock.monotonic_ns()
        if frontier.size == (self._signed_size if due_ns else self._kept_size):
            return
        if due_ns and self._signed_ns >= 0 and now_ns - self._signed_ns < due_ns:
            return
        checkpoint = Checkpoint(origin=self._store.origin, size=frontier.size, root=frontier.root())
        keep = self._kept_ns < 0 or now_ns - self._kept_ns >= self._times.history_ns or due_ns == 0
        self._signed_ns = now_ns
        try:
            self._store.publish(str(checkpoint.sign(self._signer)), keep=keep)
        except Exception as error:  # noqa: BLE001  # a token may fail in its own ways; records stay durable
            if self.unsigned is None and not isinstance(error, StoreAwayError):
                self.alarm("ledger.unsigned", {"error": type(error).__name__})
            self.unsigned = f"{type(error).__name__}: {error}"
            return
        self.unsigned = None
        self._signed_size = frontier.size
        if keep:
            self._kept_ns, self._kept_size = now_ns, frontier.size
