from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

import pytest

from freehold.clock import ulid
from freehold.errors import InputError
from freehold.gateway.settings import TimeoutSettings
from freehold.ledger import Ledger, LedgerSettings, open_recorder
from freehold.ledger.files import FileReader
from freehold.plan.perf.from_ledger import LEAVES_APART_MAX, _runs, ledgered
from freehold.plan.perf.observed import Behind, observed
from freehold.types.names import HomeId, RecordId
from freehold.types.records import CallRecord, HomeFacts, JobRecord, Tokens, Took
from tests.gateway.running import ask, street

BASE_NS = 1_760_000_000_000_000_000
SECOND_NS = 1_000_000_000
BEHIND = {"mine": Behind(silicon="h100", chips=1, model="llama-3.1-8b")}


def call(number: int, home: str = "mine") -> CallRecord:
    end_ns = BASE_NS + number * SECOND_NS
    return CallRecord(
        id=ulid(end_ns), time_ns=end_ns, actual=HomeFacts(home=HomeId(home)), outcome="ok",
        tokens=Tokens(fresh=100, output=50), took=Took(total_us=1_000_000),
    )  # fmt: skip


def opened(tmp_path: Path) -> closing[Ledger]:
    return closing(open_recorder(LedgerSettings(), tmp_path))


def reader(tmp_path: Path) -> FileReader:
    return FileReader(tmp_path / "ledger" / LedgerSettings().writer)


def test_ledger_gives_the_calls_and_jobs_of_the_wanted_homes_in_order(tmp_path: Path) -> None:
    job = JobRecord(
        id=RecordId(ulid(BASE_NS)), time_ns=BASE_NS, job="j", state="finished",
        actual=HomeFacts(home=HomeId("mine")), tokens=Tokens(fresh=10**6), took=Took(total_us=2_000_000),
    )  # fmt: skip
    with opened(tmp_path) as ledger:
        for entry in (call(1), call(2, "other"), job, call(3)):
            ledger.record(entry)
    found = list(ledgered([reader(tmp_path)], ["mine"]))
    assert [type(one) for one in found] == [CallRecord, JobRecord, CallRecord]
    (trained,) = observed(found, BEHIND)
    assert trained.tokens_per_s == pytest.approx(500_000)


def test_ledger_gives_only_what_is_recent(tmp_path: Path) -> None:
    with opened(tmp_path) as ledger:
        for number in range(10):
            ledger.record(call(number))
    found = list(ledgered([reader(tmp_path)], ["mine"], BASE_NS + 6 * SECOND_NS))
    assert [one.time_ns for one in found] == [BASE_NS + n * SECOND_NS for n in range(6, 10)]


def test_places_that_lie_apart_are_not_read_through() -> None:
    far = 10 + LEAVES_APART_MAX + 2
    assert list(_runs([3, 4, 9, far])) == [(3, 10), (far, far + 1)]
    assert list(_runs([])) == []


async def test_gateways_own_records_become_a_measurement(tmp_path: Path) -> None:
    """Calls through a real gateway to a home of known speed, kept in a real ledger, read back."""
    said = ask("[pocket words tokens=30 tokens_per_s=400]")
    with opened(tmp_path) as ledger:
        async with street(
            apis=("openai",),
            kept=ledger,
            timeouts=TimeoutSettings(),  # type: ignore[arg-type]  # a recorder
        ) as here:
            for _ in range(4):
                await asyncio.gather(*(here.post(said) for _ in range(6)))
    records = list(ledgered([reader(tmp_path)], ["home0"]))
    assert len(records) == 24
    assert all(isinstance(one, CallRecord) and one.took and one.tokens for one in records)


def test_folder_that_is_no_ledger_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        reader(tmp_path)
