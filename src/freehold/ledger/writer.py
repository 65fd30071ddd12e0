"""The ledger as other rooms see it: a Recorder over one writer's tree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from freehold.clock import Clock, SystemClock
from freehold.errors import IntegrityError, UnavailableError
from freehold.ledger import keychain
from freehold.ledger.checkpoint import open_checkpoint
from freehold.ledger.committer import Committer, Times
from freehold.ledger.crossing import Crossing, seen_notes
from freehold.ledger.files import FileReader
from freehold.ledger.filestore import FileStore
from freehold.ledger.intake import Intake
from freehold.ledger.keeper import Chore, Keeper
from freehold.ledger.layout import writers_in
from freehold.ledger.merkle import range_root
from freehold.ledger.note import Verifier
from freehold.ledger.receipt import Receipt, make_receipt
from freehold.ledger.settings import LedgerSettings
from freehold.ledger.spill import Spill
from freehold.ledger.store import Reader, Store, node_reader
from freehold.ledger.witnessing import Witnessing
from freehold.types.contracts import Admit, Refused, Signer
from freehold.types.homes import Policy
from freehold.types.names import RecordId
from freehold.types.records import AnyRecord

CROSSINGS_READ = 64
_ADMIT = Admit()


class Ledger:
    """Implements `Recorder`: `record` returns once a record waits in memory, `durable` once it is on disk."""

    def __init__(
        self, store: Store, reader: Reader, spill: Spill, signer: Signer, settings: LedgerSettings,
        clock: Clock, others: Callable[[], Sequence[Reader]],
    ) -> None:  # fmt: skip
        self.writer = store.writer
        self.settings = settings
        self.closed = False
        self._store, self._reader, self._spill = store, reader, spill
        self._intake = Intake(settings.buffer_records, lost=spill.lost)
        times = Times(checkpoint_ns=settings.checkpoint_every.ns)
        self._committer = Committer(store, self._intake, spill, signer, clock, times)
        self._committer.start()
        self._crossing = Crossing(others, clock, lambda: _crossings_in(reader))
        self._keeper = Keeper(self._chores(), clock)

    def _chores(self) -> list[Chore]:
        chores = [Chore(every_ns=self.settings.cross_every.ns, do=self.cross)]
        if self.settings.witnesses:
            keys = {Verifier.parse(key): str(url) for key, url in self.settings.witnesses.items()}
            witnessing = Witnessing(self._reader, keys, self._committer.alarm)
            chores.append(
                Chore(every_ns=self.settings.witness_every.ns, do=lambda: self._witness(witnessing))
            )
        return chores

    def cross(self) -> None:
        """Record what the other writers' checkpoints say now."""
        for entry in self._crossing.look():
            self._intake.put(entry)

    def _witness(self, witnessing: Witnessing) -> None:
        if (note := witnessing.collect()) is not None:
            self._store.publish_cosigned(note)

    def admit(self, policy: Policy) -> Admit | Refused:
        failing, full = self._committer.failing, self._intake.crowded
        if failing is None and not full:
            return _ADMIT
        strict = policy.evidence == "strict"
        if not full and not strict and not self._committer.spill_full:
            return _ADMIT
        if policy.unrecorded == "run":
            return Admit(recorded=False)
        return Refused(
            code="ledger.away",
            why=f"evidence cannot be kept: {failing or 'records come faster than they can be kept'}",
            fix="free the disk or bring the database back, or allow it with policy unrecorded = 'run'",
        )

    def record(self, entry: AnyRecord) -> None:
        self._intake.put(entry)

    async def durable(self, id: RecordId) -> None:
        await self._intake.durable(id, self.settings.strict_wait.seconds)

    def receipt(self, id: RecordId) -> Receipt | None:
        """The receipt of a record; None until a checkpoint covers it."""
        if self._intake.pending(id):
            return None
        return make_receipt(self._reader, id)

    @property
    def failing(self) -> str | None:
        return self._committer.failing

    def close(self) -> None:
        """Commit what waits; sign; let the lock go. Raises if records could not be kept."""
        self.closed = True
        self._keeper.close()
        self._committer.close()
        self._intake.abandon()
        failing, lost = self._committer.failing, self._spill.lost.records
        spilled = self._spill.waiting
        self._spill.close()
        self._store.close()
        self._reader.close()
        if failing is not None:
            raise UnavailableError(
                "the ledger was closed while its store was away",
                why=f"{failing}; {spilled} records wait in the spill file, {lost} were lost and counted",
                fix="free the disk or bring the database back; the next start brings them in",
                code="ledger.away",
            )


def open(path: Path, settings: LedgerSettings, signer: Signer, clock: Clock | None = None) -> Ledger:
    """Open one writer's folder of files for appending. A second writer on it is refused."""
    clock = clock or SystemClock()
    store = FileStore(
        path, signer.name, sync=settings.sync, segment_bytes=settings.segment_size.bytes,
        size_max_bytes=settings.size_max.bytes if settings.size_max else None,
    )  # fmt: skip
    spill: Spill | None = None
    try:
        hold_to_keys(store, signer)
        spill = open_spill(Path(settings.spill) if settings.spill else store.layout.spill, settings)
        return Ledger(store, FileReader(path), spill, signer, settings, clock, lambda: _others(path))
    except BaseException:
        if spill is not None:
            spill.close()
        store.close()
        raise


def _others(path: Path) -> list[Reader]:
    """The other writers' folders beside ours."""
    return [FileReader(folder) for folder in writers_in(path.parent) if folder != path]


def _crossings_in(reader: Reader) -> list[str]:
    """The latest checkpoints of others that we recorded."""
    return seen_notes(
        [next(reader.leaves(seq, seq + 1)) for seq in reader.of_kind("checkpoint", CROSSINGS_READ)]
    )


def open_spill(path: Path, settings: LedgerSettings) -> Spill:
    try:
        return Spill(path, settings.spill_size.bytes)
    except OSError as error:
        raise UnavailableError(
            f"the spill file {path} cannot be made",
            why=error.strerror or str(error),
            fix=f"free {settings.spill_size} of disk, or set [ledger] spill to another place",
            code="ledger.unwritable",
        ) from error


def hold_to_keys(store: Store, signer: Signer) -> None:
    """A tree is signed by the key it began with, or by one that key handed over to."""
    key = Verifier.of(signer)
    if not store.keys():
        store.add_key(keychain.first_line(key))
    first, rotations = keychain.read_lines(store.keys())
    current = keychain.current(store.keys()) or key
    if key != current:
        raise IntegrityError(
            f"the ledger {store.origin} is signed by another key",
            why=f"its key is {current.short}, this one is {key.short}",
            fix="use its key, or hand over with freehold ledger key rotate",
            code="ledger.swapped-key",
        )
    note = store.checkpoint()
    if note is None:
        return
    signed = open_checkpoint(note, keychain.follow([first or key], store.origin, rotations))
    if signed.size and range_root(0, signed.size, node_reader(store)) != signed.root:
        raise IntegrityError(
            f"the ledger {store.origin} is not the one whose checkpoint was signed",
            why=f"its first {signed.size} records do not lead to the signed root",
            fix="run freehold ledger verify, and restore the ledger from a copy; nothing was changed",
            code="ledger.forked",
        )
