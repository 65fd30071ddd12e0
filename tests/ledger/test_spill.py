"""When the store is away: a bounded buffer, the spill file, then the policy; nothing is lost in silence."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from freehold.config.values import Duration, Size
from freehold.errors import UnavailableError
from freehold.ledger import Ledger
from freehold.ledger.files import FileReader
from freehold.ledger.spill import Lost, Spill
from freehold.ledger.verify import verify
from freehold.types.contracts import Admit, Refused
from freehold.types.homes import Policy
from freehold.types.records import CallRecord

Call = Callable[..., CallRecord]
Start = Callable[..., Ledger]

FULL = Size("2.5KB")  # [ledger] size_max: the store refuses what comes after


def alarms(reader: FileReader) -> list[dict[str, object]]:
    fields = (msgspec.json.decode(leaf) for leaf in reader.leaves(0, reader.size()))
    return [one for one in fields if one["kind"] == "alarm/1"]


def until(happened: Callable[[], object]) -> None:
    async def wait() -> None:
        async with asyncio.timeout(5):
            while not happened():
                await asyncio.sleep(0.002)

    asyncio.run(wait())


def filled(start: Start, call: Call, count: int, **changes: object) -> Ledger:
    """A ledger whose store takes the first three records only, with `count` more given to it."""
    ledger = start(size_max=FULL, **changes)
    for number in range(3):
        ledger.record(call(number))
        asyncio.run(ledger.durable(call(number).id))
    for number in range(3, 3 + count):
        ledger.record(call(number))
    until(lambda: ledger.failing)
    return ledger


def test_full_store_says_why_and_work_goes_on_into_the_spill_file(start: Start, call: Call) -> None:
    ledger = filled(start, call, 5)
    assert "size_max" in (ledger.failing or "")
    assert ledger.admit(Policy()) == Admit()


def test_full_store_refuses_work_that_must_be_durable(start: Start, call: Call) -> None:
    ledger = filled(start, call, 5)
    refused = ledger.admit(Policy(evidence="strict"))
    assert isinstance(refused, Refused)
    assert refused.code == "ledger.away"


def test_spilled_records_enter_the_tree_in_order_at_the_next_start(
    start: Start, call: Call, place: Path
) -> None:
    ledger = filled(start, call, 20)
    with pytest.raises(UnavailableError, match="its store was away"):
        ledger.close()
    start().close()
    reader = FileReader(place)
    ids = [msgspec.json.decode(leaf)["id"] for leaf in reader.leaves(0, reader.size())]
    assert ids == [call(number).id for number in range(23)]
    assert verify(reader).holds


def test_spilled_records_are_not_brought_in_twice(start: Start, call: Call, place: Path) -> None:
    ledger = filled(start, call, 20)
    with pytest.raises(UnavailableError):
        ledger.close()
    spill = (place / "spill").read_bytes()
    start().close()
    (place / "spill").write_bytes(spill)  # as after a crash between the commit and the word that it happened
    start().close()
    assert FileReader(place).size() == 23


def test_what_neither_store_nor_spill_can_hold_is_a_gap_on_record(
    start: Start, call: Call, place: Path
) -> None:
    ledger = filled(start, call, 400, spill_size=Size("16KB"), buffer_records=100)
    until(lambda: isinstance(ledger.admit(Policy()), Refused))
    assert ledger.admit(Policy(unrecorded="run")) == Admit(recorded=False)
    with pytest.raises(UnavailableError, match="its store was away"):
        ledger.close()
    start().close()
    reader = FileReader(place)
    (gap,) = alarms(reader)
    kept = reader.size() - 1
    assert gap["alarm"] == "ledger.gap"
    assert kept + int(gap["evidence"]["records_lost"]) == 403  # type: ignore[index]


def test_gap_is_recorded_once(start: Start, call: Call, place: Path) -> None:
    ledger = filled(start, call, 400, spill_size=Size("16KB"), buffer_records=100)
    with pytest.raises(UnavailableError):
        ledger.close()
    for _ in range(3):
        start().close()
    assert len(alarms(FileReader(place))) == 1


def test_durable_does_not_wait_for_ever(start: Start, call: Call) -> None:
    ledger = filled(start, call, 4, strict_wait=Duration("300ms"))
    with pytest.raises(UnavailableError, match="was not kept") as caught:
        asyncio.run(ledger.durable(call(6).id))
    assert "within" in caught.value.why


FILL = """
import asyncio, sys
from pathlib import Path
from freehold.clock import ulid
from freehold.config.values import Duration, Size
from freehold.ledger import LedgerSettings, open_recorder
from freehold.types.contracts import Admit
from freehold.types.homes import Policy
from freehold.types.records import CallRecord

place = Path(sys.argv[1])
ledger = open_recorder(LedgerSettings(spill_size=Size("256KiB"), checkpoint_every=Duration("5ms")), place)
def give(number):
    id = ulid(number * 10**6, number.to_bytes(10, "big"))
    ledger.record(CallRecord(id=id, time_ns=number, error="x" * 900))
number = 0
while ledger.failing is None:
    give(number)
    number += 1
    asyncio.run(asyncio.sleep(0.001))  # so that what waits when the disk is full fits into the spill file
print(ledger.failing, flush=True)
for _ in range(50):
    give(number)
    number += 1
assert isinstance(ledger.admit(Policy()), Admit)
sys.stdin.readline()  # the disk is given room again
asyncio.run(ledger.durable(ulid((number - 1) * 10**6, (number - 1).to_bytes(10, "big"))))
ledger.close()
print(number, flush=True)
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A command prefix that gives a process a disk of 2 MiB of its own at tmp_path/disk."""
    (tmp_path / "disk").mkdir()
    probe = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", str(tmp_path / "disk")]
    if subprocess.run(probe, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs unshare -rm to make a small disk: not allowed here")
    return tmp_path / "disk"


def test_disk_that_is_full_and_then_is_not_loses_nothing(small_disk: Path) -> None:
    script = (
        f"mount -t tmpfs -o size=2m tmpfs {small_disk};"
        f" dd if=/dev/zero of={small_disk}/ballast bs=1k count=900 2>/dev/null;"
        f' {sys.executable} -c "$1" {small_disk}'
    )
    process = subprocess.Popen(
        ["unshare", "-rm", "sh", "-c", script, "sh", FILL],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None and process.stdin is not None
    assert "No space left" in process.stdout.readline()
    root = Path(f"/proc/{process.pid}/root{small_disk}")
    (root / "ballast").unlink()
    out, err = process.communicate("\n", timeout=60)
    assert process.returncode == 0, err
    assert int(out) > 50


@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30
)
@given(st.lists(st.lists(st.binary(min_size=1, max_size=500), max_size=8), max_size=6), st.integers(0, 5))
def test_spill_gives_back_what_it_took(tmp_path: Path, batches: list[list[bytes]], reopened: int) -> None:
    (tmp_path / "spill").unlink(missing_ok=True)
    spill, expected = Spill(tmp_path / "spill", 8192), []
    for number, batch in enumerate(batches):
        expected += batch[: spill.add(batch)]
        if number == reopened:
            spill.close()
            spill = Spill(tmp_path / "spill", 8192)
    assert spill.waiting == len(expected)
    assert spill.peek(10_000) == expected
    spill.close()


def test_spill_is_used_again_after_it_was_emptied(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "spill", 4096)
    for round_ in range(5):
        assert spill.add([b"%d" % round_ * 1000] * 4) == 4
        spill.taken(spill.peek(4))
        assert spill.waiting == 0
    spill.close()
    assert Spill(tmp_path / "spill", 4096).peek(9) == []


def test_spill_takes_what_fits(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "spill", 4096)
    assert spill.add([b"x" * 1000] * 10) == 4
    assert spill.add([b"x" * 1000]) == 0
    spill.close()


def test_spill_remembers_what_was_lost(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "spill", 4096)
    spill.count_lost(Lost(records=7, from_ns=1, to_ns=2))
    spill.close()
    assert Spill(tmp_path / "spill", 4096).lost == Lost(records=7, from_ns=1, to_ns=2)


def test_spill_torn_in_its_last_record_keeps_the_others(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "spill", 4096)
    spill.add([b"one", b"two", b"three"])
    spill.close()
    data = (tmp_path / "spill").read_bytes()
    (tmp_path / "spill").write_bytes(data.replace(b"three", b"th\0\0\0"))
    assert Spill(tmp_path / "spill", 4096).peek(9) == [b"one", b"two"]
