"""The plainest recorder: one JSON line per record, written and synced in batches by one thread.

`record` only puts bytes in a bounded buffer. When the buffer is full or the disk fails, nothing is dropped
silently: the loss is counted, `admit` refuses or lets work run as the policy says, and the gap itself is
written as an alarm record as soon as writing works again.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec

from freehold.clock import Clock, SystemClock, ulid
from freehold.errors import UnavailableError
from freehold.types.contracts import Admit, Refused
from freehold.types.homes import Policy
from freehold.types.names import RecordId
from freehold.types.records import AlarmRecord, AnyRecord

BUFFER_RECORDS_MAX = 100_000
RETRY_SECONDS = 0.5


class PlainRecorder:
    """Appends to `path`. Close it to drain the buffer."""

    def __init__(self, path: Path, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._path = path
        self._encode = msgspec.json.Encoder().encode
        self._buffer: deque[tuple[RecordId, bytes]] = deque()
        self._wake = threading.Condition()
        self._waiting: dict[RecordId, Callable[[], object]] = {}
        self._pending: set[RecordId] = set()
        self._lost = 0
        self._failing: str | None = None
        self._closing = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UnavailableError(
                f"the record file {path} cannot be opened",
                why=error.strerror or "",
                fix="make its folder writable, or set [ledger] path to another place",
                code="ledger.unwritable",
            ) from error
        self._thread = threading.Thread(target=self._run, name="freehold-recorder", daemon=True)
        self._thread.start()

    def admit(self, policy: Policy) -> Admit | Refused:
        if self._failing is None and len(self._buffer) < BUFFER_RECORDS_MAX:
            return Admit()
        if policy.unrecorded == "run":
            return Admit(recorded=False)
        return Refused(
            code="ledger.away",
            why=f"evidence cannot be kept: {self._failing or 'the record buffer is full'}",
            fix="free the disk, or allow it with policy unrecorded = 'run'",
        )

    def record(self, entry: AnyRecord) -> None:
        line = self._encode(entry) + b"\n"
        with self._wake:
            if len(self._buffer) >= BUFFER_RECORDS_MAX:
                self._lost += 1
                return
            self._buffer.append((entry.id, line))
            self._pending.add(entry.id)
            self._wake.notify()

    async def durable(self, id: RecordId) -> None:
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        with self._wake:
            if id not in self._pending:
                return
            self._waiting[id] = lambda: loop.call_soon_threadsafe(done.set)
        await done.wait()

    def close(self) -> None:
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()
        os.close(self._file)

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._buffer and not self._closing:
                    self._wake.wait()
                if not self._buffer:
                    return
                batch = list(self._buffer)
            if self._write(b"".join(line for _, line in batch)):
                self._settle(batch)
            elif self._closing:
                return
            else:
                with self._wake:
                    self._wake.wait(RETRY_SECONDS)

    def _write(self, data: bytes) -> bool:
        """All of it, synced; or none of it, with the file cut back to where it was."""
        before = os.fstat(self._file).st_size
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._file, view) :]
            os.fdatasync(self._file)
        except OSError as error:
            self._failing = error.strerror or "the disk failed"
            os.ftruncate(self._file, before)
            return False
        self._failing = None
        return True

    def _settle(self, batch: list[tuple[RecordId, bytes]]) -> None:
        with self._wake:
            for id, _ in batch:
                self._buffer.popleft()
                self._pending.discard(id)
                if notify := self._waiting.pop(id, None):
                    notify()
            lost, self._lost = self._lost, 0
        if lost:
            now_ns = self._clock.now_ns()
            gap = AlarmRecord(
                id=ulid(now_ns), time_ns=now_ns, alarm="ledger.gap", severity="critical",
                evidence={"records_lost": str(lost)},
            )  # fmt: skip
            self.record(gap)
