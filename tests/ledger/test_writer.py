import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from freehold.clock import FakeClock
from freehold.config.values import Duration
from freehold.errors import IntegrityError, UnavailableError
from freehold.ledger import FileSigner, Ledger, LedgerSettings
from freehold.ledger import open as open_ledger
from freehold.ledger.files import FileReader
from freehold.ledger.verify import verify
from freehold.types.contracts import Admit
from freehold.types.homes import Policy
from freehold.types.names import RecordId
from freehold.types.records import CallRecord

Call = Callable[..., CallRecord]
Start = Callable[..., Ledger]
Kept = Callable[..., FileReader]


def alarms(reader: FileReader) -> list[dict[str, object]]:
    fields = (msgspec.json.decode(leaf) for leaf in reader.leaves(0, reader.size()))
    return [one for one in fields if one["kind"] == "alarm/1"]


def test_record_is_stored_as_it_was_given_with_its_place(kept: Kept, call: Call) -> None:
    reader = kept(3)
    stored = [msgspec.json.decode(leaf, type=CallRecord) for leaf in reader.leaves(0, 3)]
    assert stored == [msgspec.structs.replace(call(number), seq=number) for number in range(3)]


def test_ledger_admits_work_while_it_can_keep_evidence(start: Start) -> None:
    assert start().admit(Policy()) == Admit()


def test_durable_returns_once_another_reader_sees_the_record(start: Start, call: Call, place: Path) -> None:
    ledger = start()
    ledger.record(call(1))
    asyncio.run(ledger.durable(call(1).id))
    assert FileReader(place).size() == 1


def test_durable_of_what_was_never_given_returns_at_once(start: Start, call: Call, place: Path) -> None:
    ledger = start()
    asyncio.run(asyncio.wait_for(ledger.durable(call(1).id), 5))
    ledger.close()
    assert FileReader(place).size() == 0


def test_ledger_goes_on_where_it_ended(start: Start, call: Call, place: Path) -> None:
    for number in range(5):
        ledger = start()
        ledger.record(call(number))
        ledger.close()
    reader = FileReader(place)
    assert [msgspec.json.decode(leaf)["seq"] for leaf in reader.leaves(0, 5)] == [0, 1, 2, 3, 4]
    assert verify(reader).holds


def test_ledger_that_was_closed_leaves_no_alarm(kept: Kept, start: Start) -> None:
    kept(3)
    start().close()
    assert alarms(kept(1)) == []


def test_second_writer_on_one_path_is_refused(start: Start) -> None:
    start()
    with pytest.raises(UnavailableError, match="another process writes") as caught:
        start()
    assert caught.value.code == "ledger.locked"


def test_writers_of_two_names_share_a_folder(start: Start, call: Call, tmp_path: Path) -> None:
    one, two = start(writer="one"), start(writer="two")
    one.record(call(1))
    two.record(call(2))
    one.close()
    two.close()
    assert [FileReader(tmp_path / "ledger" / name).size() for name in ("one", "two")] == [1, 1]


def test_ledger_is_not_opened_with_another_key(kept: Kept, place: Path, settings: LedgerSettings) -> None:
    kept(2)
    (place / "key.pem").unlink()
    other = FileSigner.create("freehold/local", place / "key.pem")
    with pytest.raises(IntegrityError) as caught:
        open_ledger(place, settings, other)
    assert caught.value.code == "ledger.swapped-key"


def test_lost_key_is_not_quietly_replaced(kept: Kept, start: Start, place: Path) -> None:
    kept(2)
    (place / "key.pem").unlink()
    with pytest.raises(Exception, match="cannot be used"):
        start()
    assert not (place / "key.pem").exists()


def test_key_and_folder_are_for_the_owner_only(kept: Kept, place: Path) -> None:
    kept(1)
    assert place.stat().st_mode & 0o077 == 0
    assert (place / "key.pem").stat().st_mode & 0o077 == 0


def test_clock_set_back_is_an_alarm(start: Start, call: Call, place: Path) -> None:
    clock = FakeClock()
    ledger = start(clock=clock, checkpoint_every=Duration("0s"))
    ledger.record(call(1))
    asyncio.run(ledger.durable(call(1).id))
    clock.advance(-3600)
    ledger.record(call(2))
    ledger.close()
    assert [one["alarm"] for one in alarms(FileReader(place))] == ["ledger.clock-back"]


def test_clock_set_back_between_two_runs_is_an_alarm(start: Start, call: Call, place: Path) -> None:
    ledger = start()
    ledger.record(call(1))
    ledger.close()
    ledger = start(clock=FakeClock(call(1).time_ns - 10**13), checkpoint_every=Duration("0s"))
    ledger.record(call(2))
    ledger.close()
    found = alarms(FileReader(place))
    assert [one["alarm"] for one in found] == ["ledger.clock-back"]
    assert verify(FileReader(place)).holds


def test_record_that_cannot_be_encoded_is_a_gap_with_a_reason(start: Start, call: Call, place: Path) -> None:
    ledger = start()
    ledger.record(call(1, error="\ud800"))
    ledger.record(call(2))
    asyncio.run(ledger.durable(call(2).id))
    ledger.close()
    (gap,) = alarms(FileReader(place))
    assert gap["alarm"] == "ledger.gap"
    assert gap["evidence"]["records_lost"] == "1"
    assert gap["evidence"]["why"] == "a record could not be encoded"


def test_durable_of_a_record_that_was_given_up_raises(start: Start, call: Call) -> None:
    ledger = start()
    ledger.record(call(1, tags={"long": "x" * 70_000}))
    with pytest.raises(UnavailableError) as caught:
        asyncio.run(ledger.durable(call(1).id))
    assert caught.value.code == "ledger.not-kept"


def test_receipt_of_an_unknown_record_is_refused(start: Start) -> None:
    with pytest.raises(Exception, match="has no record"):
        start().receipt(RecordId("nobody"))
