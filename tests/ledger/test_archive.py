import os
from collections.abc import Callable
from pathlib import Path

import pytest

from freehold.config.values import Size
from freehold.errors import InputError, IntegrityError
from freehold.ledger import Ledger
from freehold.ledger.archive import archive
from freehold.ledger.files import FileReader
from freehold.ledger.note import Verifier
from freehold.ledger.receipt import check_receipt, make_receipt
from freehold.ledger.verify import verify
from freehold.types.records import CallRecord

Call = Callable[..., CallRecord]
Start = Callable[..., Ledger]
Kept = Callable[..., FileReader]

SMALL = Size("100KB")


@pytest.fixture
def old(kept: Kept) -> FileReader:
    reader = kept(1000, segment_size=SMALL)
    assert len(reader.layout.segment_list()) >= 4
    return reader


def test_archived_ledger_still_holds(old: FileReader, tmp_path: Path) -> None:
    moved = archive(old, tmp_path / "away", keep_segments=2)
    report = verify(old)
    assert report.holds
    assert report.archived == sum(one.count for one in moved) > 0
    assert report.records == 1000


def test_archived_ledger_keeps_its_newest_segments(old: FileReader, tmp_path: Path) -> None:
    newest = [segment.path.name for segment in old.layout.segment_list()[-2:]]
    archive(old, tmp_path / "away", keep_segments=2)
    assert [segment.path.name for segment in old.layout.segment_list()] == newest


def test_archived_ledger_goes_on(old: FileReader, start: Start, call: Call, tmp_path: Path) -> None:
    archive(old, tmp_path / "away")
    ledger = start(segment_size=SMALL)
    ledger.record(call(1000))
    ledger.close()
    assert (verify(old).holds, old.size()) == (True, 1001)


def test_receipts_of_what_stayed_still_hold(
    old: FileReader, call: Call, tmp_path: Path, key_of: Callable[[FileReader], Verifier]
) -> None:
    archive(old, tmp_path / "away")
    receipt = make_receipt(old, call(999).id)
    assert receipt is not None
    assert check_receipt(receipt, [key_of(old)]).index == 999


def test_archived_record_says_where_it_went(old: FileReader, call: Call, tmp_path: Path) -> None:
    archive(old, tmp_path / "away")
    with pytest.raises(InputError, match="was archived") as caught:
        make_receipt(old, call(0).id)
    assert str(tmp_path / "away") in caught.value.why


def test_archived_segment_comes_back_by_copying_it(
    old: FileReader, call: Call, tmp_path: Path, key_of: Callable[[FileReader], Verifier]
) -> None:
    (first, *_) = archive(old, tmp_path / "away")
    name = f"{first.first:016}.seg"
    (old.layout.segments / name).write_bytes((tmp_path / "away" / name).read_bytes())
    receipt = make_receipt(old, call(0).id)
    assert receipt is not None
    assert check_receipt(receipt, [key_of(old)]).index == 0


def test_archive_is_verified_where_it_is_at_hand(old: FileReader, tmp_path: Path) -> None:
    (first, *_) = archive(old, tmp_path / "away")
    assert verify(old, archive=tmp_path / "away").holds
    path = tmp_path / "away" / f"{first.first:016}.seg"
    path.write_bytes(path.read_bytes().replace(b'"status":200', b'"status":500', 1))
    (finding,) = verify(old, archive=tmp_path / "away").findings
    assert (finding.kind, finding.record) == ("edited", 0)


def test_hashes_of_archived_records_that_were_changed_are_named(old: FileReader, tmp_path: Path) -> None:
    archive(old, tmp_path / "away")
    path = old.layout.tree / "0"
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)
    assert verify(old).findings[0].kind == "edited"


def test_segment_that_does_not_hold_is_not_moved(old: FileReader, tmp_path: Path) -> None:
    path = old.layout.segment(0)
    path.write_bytes(path.read_bytes().replace(b'"status":200', b'"status":500', 1))
    with pytest.raises(IntegrityError, match="is not archived"):
        archive(old, tmp_path / "away")
    assert path.exists()


def test_nothing_is_moved_that_no_checkpoint_covers(old: FileReader, tmp_path: Path) -> None:
    old.layout.checkpoint.unlink()
    assert archive(old, tmp_path / "away") == []


def test_archiving_works_beside_a_live_writer(
    old: FileReader, start: Start, call: Call, tmp_path: Path
) -> None:
    ledger = start(segment_size=SMALL)
    archive(old, tmp_path / "away")
    ledger.record(call(1000))
    ledger.close()
    assert verify(old).holds


def test_archiving_cut_short_before_the_removal_is_harmless(old: FileReader, tmp_path: Path) -> None:
    keep = old.layout.segment(0).read_bytes()
    archive(old, tmp_path / "away")
    old.layout.segment(0).write_bytes(keep)
    os.truncate(old.layout.tree / "0", 32 * 1000)
    assert verify(old).holds
