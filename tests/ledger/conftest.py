"""What the ledger's tests share: real call records, and ledgers that are closed at the end of a test."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from freehold.clock import FakeClock, ulid
from freehold.config.values import Duration, Size
from freehold.errors import UnavailableError
from freehold.ledger import Ledger, LedgerSettings, open_recorder
from freehold.ledger.files import FileReader
from freehold.ledger.keychain import current
from freehold.ledger.note import Verifier
from freehold.types.names import Digest, HomeId, KeyId, PolicyId, RecordId, WorkloadId
from freehold.types.records import CallRecord, Content, Cost, HomeFacts, Tokens, Took

WAIT_SECONDS_MAX = 30
BASE_NS = 1_760_000_000_000_000_000
Call = Callable[..., CallRecord]
Start = Callable[..., Ledger]


@pytest.fixture(scope="session")
def call() -> Call:
    """call(7) is the seventh call; keyword arguments replace fields."""
    place = HomeFacts(
        home=HomeId("bedrock-use1"), vendor="anthropic", operator="aws", region="us-east-1",
        silicon="trainium2", api="bedrock", model="claude",
    )  # fmt: skip

    def make(number: int, **changes: object) -> CallRecord:
        time_ns = BASE_NS + number * 1_000_000
        entry = CallRecord(
            id=ulid(time_ns, number.to_bytes(10, "big")), time_ns=time_ns, workload=WorkloadId("chat"),
            policy=PolicyId("default"), planned=place, actual=place, actual_known="reported",
            tier="contract", outcome="ok", key=KeyId("k1"), dialect="openai", status=200,
            tokens=Tokens(fresh=100 + number % 7, output=20), cost=Cost(nano_usd=1000 + number),
            took=Took(total_us=900), request=Content(digest=Digest("sha256:" + "c" * 64), length=11),
        )  # fmt: skip
        return msgspec.structs.replace(entry, **changes)

    return make


@pytest.fixture
def settings() -> LedgerSettings:
    return LedgerSettings(checkpoint_every=Duration("1ms"), spill_size=Size("256KiB"))


@pytest.fixture
def start(tmp_path: Path, settings: LedgerSettings) -> Iterator[Start]:
    """start(**settings) opens the ledger below tmp_path; close it yourself to look at what it left."""
    opened: list[Ledger] = []

    def begin(*, clock: FakeClock | None = None, folder: Path = tmp_path, **changes: object) -> Ledger:
        ledger = open_recorder(msgspec.structs.replace(settings, **changes), folder, clock)
        opened.append(ledger)
        return ledger

    yield begin
    for ledger in opened:
        if not ledger.closed:
            with suppress(UnavailableError):  # a test that took its store away
                ledger.close()


@pytest.fixture
def until() -> Callable[[Callable[[], object]], Awaitable[None]]:
    """await until(lambda: ...): what another thread is about to do, or a failure after a while."""

    async def wait(happened: Callable[[], object]) -> None:
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            while not happened():
                await asyncio.sleep(0.002)

    return wait


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The folder of the writer that `start` opens."""
    return tmp_path / "ledger" / "local"


@pytest.fixture
def kept(start: Start, call: Call, place: Path) -> Callable[..., FileReader]:
    """kept(100) is a closed ledger of a hundred calls."""

    def make(count: int, **changes: object) -> FileReader:
        ledger = start(**changes)
        for number in range(count):
            ledger.record(call(number))
            if number % 100 == 99:
                asyncio.run(ledger.durable(call(number).id))  # so that there are several commits
        ledger.close()
        return FileReader(place)

    return make


@pytest.fixture
def key_of() -> Callable[[FileReader], Verifier]:
    def key(reader: FileReader) -> Verifier:
        found = current(reader.keys())
        assert found is not None
        return found

    return key


@pytest.fixture(scope="session")
def id_of(call: Call) -> Callable[[int], RecordId]:
    return lambda number: call(number).id
