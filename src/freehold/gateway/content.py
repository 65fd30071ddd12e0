"""What was said: its digest and length, or where the ledger is to keep it, the words themselves, sealed.

Keeping is off by default: a record then says how long request and answer were, and what they hash to.
Sealing writes files, so it never runs on the event loop; what waits for it is bounded, and a record that has
to go without its content says why.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol

import msgspec

from freehold.errors import FreeholdError
from freehold.types.contracts import Recorder
from freehold.types.names import Digest, RecordId
from freehold.types.records import CallRecord, Content

SEALED_BYTES_MAX: Final = 4 * 1024 * 1024  # of a request, and of an answer
GATHERED_BYTES_MAX: Final = 16 * 1024  # of an answer, before they are hashed
WAITING_BYTES_MAX: Final = 64 * 1024 * 1024  # gathered, and not sealed yet
TENANT_DEFAULT: Final = "default"  # where no keys are required

_set = msgspec.structs.force_setattr
_sha256 = hashlib.sha256
_SHA256: Any = "sha256:"  # the beginning of a Digest

Seal = Callable[[str, RecordId, str, bytes], Content]  # tenant, record, part, what was said


class _Hash(Protocol):
    def update(self, data: bytes | bytearray, /) -> None: ...
    def hexdigest(self) -> str: ...


class Said:
    """One answer as its caller was given it, up to the limit."""

    __slots__ = ("_pieces", "size")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.size = 0

    def add(self, data: bytes) -> None:
        if self.size <= SEALED_BYTES_MAX:
            self._pieces.append(data)
            self.size += len(data)

    def whole(self) -> bytes:
        return b"".join(self._pieces)


class Hashed:
    """One answer's digest and length, where the words themselves are not kept.

    Hashing costs more for being begun than for a few bytes, so what comes is gathered, and hashed a batch at
    a time: a whole answer only when its record is made.
    """

    __slots__ = ("_gathered", "_hash", "_hashed", "_waiting")

    def __init__(self) -> None:
        self._hash: _Hash | None = None
        self._gathered: list[bytes] = []
        self._waiting = self._hashed = 0  # bytes

    @property
    def size(self) -> int:
        return self._hashed + self._waiting

    def add(self, data: bytes) -> None:
        self._gathered.append(data)
        self._waiting += len(data)
        if self._waiting > GATHERED_BYTES_MAX:
            self._fold()

    def _fold(self) -> _Hash:
        if self._hash is None:
            self._hash = hashlib.sha256()
        self._hash.update(b"".join(self._gathered))
        self._hashed += self._waiting
        self._gathered.clear()
        self._waiting = 0
        return self._hash

    def content(self) -> Content:
        return Content(digest=Digest(f"sha256:{self._fold().hexdigest()}"), length=self._hashed)


class Shown(Hashed):
    """One stream's answer, hashed as it comes, and kept for whoever is told what was said."""

    __slots__ = ("_pieces", "_size")

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, data: bytes) -> None:
        super().add(data)
        if self._size <= SEALED_BYTES_MAX:
            self._pieces.append(data)
            self._size += len(data)

    def whole(self) -> bytes:
        return b"".join(self._pieces)


def digest_of(said: bytes) -> Content:
    return Content(digest=_SHA256 + _sha256(said).hexdigest(), length=len(said))


def add_digests(record: CallRecord, request: bytes, whole: bytes, streamed: Said | Hashed | None) -> None:
    """Set on a record that nobody has seen yet; of an answer, which was given whole or as a stream."""
    if request:
        _set(record, "request", digest_of(request))
    if whole:
        _set(record, "response", digest_of(whole))
    elif isinstance(streamed, Hashed) and streamed.size:
        _set(record, "response", streamed.content())


class Sealings:
    """How what was said is kept. A call is kept as was wanted when it began.

    Content is sealed one record after the other, in a thread of its own.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, recorder: Recorder, seal: Seal | None) -> None:
        self._loop, self.recorder, self.seal = loop, recorder, seal
        self.tells = False  # somebody is told what was said, beside the ledger
        self._sealer: ThreadPoolExecutor | None = None
        self._waiting: dict[RecordId, asyncio.Task[None]] = {}
        self._waiting_bytes = 0

    def gather(self, seal: Seal | None) -> Said | Hashed:
        """Where a stream's answer goes as it comes."""
        if seal is not None:
            return Said()
        return Shown() if self.tells else Hashed()

    def use(self, seal: Seal | None) -> None:
        """From now on; None: digests only."""
        self.seal = seal

    def record(
        self, entry: CallRecord, seal: Seal | None, request: bytes, whole: bytes = b"",
        streamed: Said | Hashed | None = None,
    ) -> None:  # fmt: skip
        """Record `entry`, which nobody has seen yet, with what was said: at once, or as a stream."""
        if seal is None:
            add_digests(entry, request, whole, streamed)
            self.recorder.record(entry)
            return
        answer = streamed.whole() if isinstance(streamed, Said) else whole
        task = self._loop.create_task(self._sealed(seal, entry, request, answer))
        self._waiting[entry.id] = task
        task.add_done_callback(lambda done: self._waiting.pop(entry.id, None))

    async def _sealed(self, seal: Seal, entry: CallRecord, request: bytes, response: bytes) -> None:
        size = len(request) + len(response)
        if self._waiting_bytes + size > WAITING_BYTES_MAX:
            self.recorder.record(without(entry, "too much waited to be sealed"))
            return
        if self._sealer is None:
            self._sealer = ThreadPoolExecutor(1, "freehold-seal")
        self._waiting_bytes += size
        try:
            made = await self._loop.run_in_executor(
                self._sealer, sealed_record, seal, entry, request, response
            )
        finally:
            self._waiting_bytes -= size
        self.recorder.record(made)

    async def sealed(self, id: RecordId) -> None:
        """Once this record is with the recorder."""
        task = self._waiting.get(id)
        if task is not None:
            await asyncio.wait((task,))

    async def emptied(self) -> None:
        """Wait until everything gathered so far is with the recorder."""
        if self._waiting:
            await asyncio.wait(set(self._waiting.values()))

    def close(self) -> None:
        if self._sealer is not None:
            self._sealer.shutdown(wait=False)


def sealed_record(seal: Seal, entry: CallRecord, request: bytes, response: bytes) -> CallRecord:
    """The record with its content under the tenant's key; without it, and saying so, if that fails."""
    tenant, unknown = entry.key or TENANT_DEFAULT, dict(entry.unknown)
    kept: dict[str, Content] = {}
    try:
        for part, data in (("request", request), ("response", response)):
            if len(data) > SEALED_BYTES_MAX:
                unknown[part] = f"only its first {SEALED_BYTES_MAX} bytes are kept"
            if data:
                kept[part] = seal(tenant, entry.id, part, data[:SEALED_BYTES_MAX])
    except (FreeholdError, OSError, ValueError) as error:  # the call is answered: its record must not be lost
        return without(entry, f"it could not be sealed: {getattr(error, 'code', type(error).__name__)}")
    return msgspec.structs.replace(
        entry, request=kept.get("request"), response=kept.get("response"), unknown=unknown
    )


def without(entry: CallRecord, why: str) -> CallRecord:
    return msgspec.structs.replace(entry, unknown={**entry.unknown, "request": why, "response": why})
