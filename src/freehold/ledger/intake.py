"""Between callers and the thread that commits: a bounded buffer, and those who wait for durability.

`put` is on the path of every call: it encodes, takes one short lock and returns. It never waits for a disk.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice

import msgspec

from freehold.errors import UnavailableError
from freehold.ledger.segment import LEAF_BYTES_MAX
from freehold.ledger.spill import Lost
from freehold.types.names import RecordId
from freehold.types.records import AnyRecord

BUFFER_RECORDS_MAX = 100_000
ENOUGH_RECORDS = 4096  # for one commit
BUFFER_BYTES_MAX = 256 * 1024 * 1024
ADMIT_FILL_MAX = 0.9  # of the buffer
SEQ_BYTES_MAX = len('"seq":,') + 20  # what the ledger adds to a record
LOST_IDS_MAX = 10_000
NOTHING = Lost()

_encode = msgspec.json.Encoder().encode


class Item(msgspec.Struct, frozen=True):
    id: RecordId
    body: bytes
    entry: AnyRecord | None  # None where it was read back from the spill file


class Intake:
    """Items in the order they came. Only the committing thread calls `take` and `settle`."""

    def __init__(
        self, records_max: int = BUFFER_RECORDS_MAX, bytes_max: int = BUFFER_BYTES_MAX, lost: Lost = NOTHING
    ) -> None:
        self.wake = threading.Event()
        self._hurry = threading.Event()
        self._records_max, self._bytes_max = records_max, bytes_max
        self._records_enough, self._bytes_enough = records_max * ADMIT_FILL_MAX, bytes_max * ADMIT_FILL_MAX
        self._lock = threading.Lock()
        self._items: deque[Item] = deque()
        self._bytes = 0
        self._pending: set[RecordId] = set()
        self._waiting: dict[RecordId, list[Callable[[Exception | None], object]]] = {}
        self._lost = lost
        self.lost_why = ""
        self._lost_ids: deque[RecordId] = deque(maxlen=LOST_IDS_MAX)
        self._closed = False

    def put(self, entry: AnyRecord, *, closing: bool = False) -> None:
        """`closing`: what the ledger has to say itself is taken to the very end."""
        try:
            body = _encode(entry)
        except Exception:  # noqa: BLE001  # whatever it is, the caller must not fail; the gap is counted
            body = b""
        with self._lock:
            closed = self._closed and not closing
            full = len(self._items) >= self._records_max or self._bytes + len(body) > self._bytes_max
            if full or closed or not 0 < len(body) <= LEAF_BYTES_MAX - SEQ_BYTES_MAX:
                self._lose(entry, _why_lost(body, full=full, closed=closed))
            else:
                self._items.append(Item(entry.id, body, entry))
                self._bytes += len(body)
                self._pending.add(entry.id)
        if not self.wake.is_set():
            self.wake.set()

    def gather(self, seconds: float) -> None:
        """Let the next batch grow, unless somebody waits for it, or it is full enough."""
        if not self._waiting and not self._closed and len(self._items) < ENOUGH_RECORDS:
            self._hurry.clear()
            if not self._waiting and not self._closed:
                self._hurry.wait(seconds)

    @property
    def crowded(self) -> bool:
        """What is admitted must still find room to be recorded."""
        return len(self._items) >= self._records_enough or self._bytes >= self._bytes_enough

    def fill_ppm(self) -> int:
        """How full the buffer is."""
        return max(
            len(self._items) * 1_000_000 // self._records_max, self._bytes * 1_000_000 // self._bytes_max
        )

    def __len__(self) -> int:
        return len(self._items)

    def take(self, records_max: int, bytes_max: int) -> list[Item]:
        """The oldest items; they stay in the buffer until `remove`."""
        with self._lock:
            items = list(islice(self._items, records_max))
        used = 0
        for count, item in enumerate(items):
            used += len(item.body)
            if used > bytes_max and count:
                return items[:count]
        return items

    def remove(self, count: int) -> None:
        with self._lock:
            for _ in range(count):
                self._bytes -= len(self._items.popleft().body)

    def settle(self, ids: Sequence[RecordId]) -> None:
        """These are durable and in the tree."""
        with self._lock:
            self._pending.difference_update(ids)
            if not self._pending:
                self._pending.clear()  # which also frees the room that a backlog took
            if not self._waiting:
                return
            told = [one for id in ids for one in self._waiting.pop(id, ())]
        for tell in told:
            tell(None)

    def pending(self, id: RecordId) -> bool:
        return id in self._pending

    def lost(self) -> Lost:
        return self._lost

    def forget_lost(self, told: Lost) -> None:
        """A gap was recorded; keep what came on top of it since."""
        with self._lock:
            more = self._lost.records - told.records
            self._lost = (
                Lost(records=more, from_ns=told.to_ns, to_ns=self._lost.to_ns) if more > 0 else Lost()
            )

    async def durable(self, id: RecordId, timeout_s: float) -> None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def tell(error: Exception | None) -> None:
            with suppress(RuntimeError):  # the loop was closed: nobody waits any more
                loop.call_soon_threadsafe(_resolve, future, error)

        with self._lock:
            if id in self._lost_ids:
                raise _not_kept(id, "it was given up when the buffer was full")
            if id not in self._pending:
                return
            self._waiting.setdefault(id, []).append(tell)
        self._hurry.set()
        try:
            async with asyncio.timeout(timeout_s):
                await future
        except TimeoutError as error:
            raise _not_kept(id, f"it was not durable within {timeout_s:g} s") from error
        finally:
            with self._lock:
                waiting = [one for one in self._waiting.pop(id, ()) if one is not tell]
                if waiting:
                    self._waiting[id] = waiting

    def close(self) -> None:
        """Refuse what comes from here on."""
        with self._lock:
            self._closed = True
        self.wake.set()
        self._hurry.set()

    def abandon(self) -> None:
        """Tell those who wait that nothing more will be written."""
        with self._lock:
            told = [(id, one) for id, waiting in self._waiting.items() for one in waiting]
            self._waiting.clear()
        for id, tell in told:
            tell(_not_kept(id, "the ledger was closed while its store was away"))

    def lose_all(self) -> None:
        """Nobody will take what waits."""
        with self._lock:
            while self._items:
                item = self._items.popleft()
                self._pending.discard(item.id)
                if item.entry is not None:
                    self._lose(
                        item.entry, "the store was away, and the spill file full, when the ledger closed"
                    )
            self._bytes = 0

    def _lose(self, entry: AnyRecord, why: str) -> None:
        lost = self._lost
        self.lost_why = why
        self._lost = Lost(
            records=lost.records + 1, from_ns=lost.from_ns or entry.time_ns, to_ns=entry.time_ns
        )
        self._lost_ids.append(entry.id)


def _why_lost(body: bytes, *, full: bool, closed: bool) -> str:
    if closed:
        return "the ledger was closed"
    if not body:
        return "a record could not be encoded"
    return "the buffer was full" if full else f"a record was larger than {LEAF_BYTES_MAX} bytes"


def _resolve(future: asyncio.Future[None], error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


def _not_kept(id: RecordId, why: str) -> UnavailableError:
    return UnavailableError(
        f"the record {id} was not kept",
        why=why,
        fix="free the disk or bring the database back; the gap itself is recorded",
        code="ledger.not-kept",
    )
