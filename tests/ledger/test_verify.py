"""Every kind of tampering, from clumsy to thorough, is found and named."""

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from freehold.config.values import Size
from freehold.errors import IntegrityError
from freehold.ledger import FileSigner, Ledger
from freehold.ledger.checkpoint import Checkpoint
from freehold.ledger.files import FileReader
from freehold.ledger.merkle import Frontier, leaf_hash, root_of
from freehold.ledger.note import Verifier
from freehold.ledger.parts import Finding
from freehold.ledger.segment import pack
from freehold.ledger.verify import verify, verify_together
from freehold.types.records import CallRecord, CheckpointRecord

Call = Callable[..., CallRecord]
Start = Callable[..., Ledger]
Kept = Callable[..., FileReader]
COMMIT = 40  # records per commit in what `forge` writes


def forge(reader: FileReader, leaves: list[bytes], *, tree: bool) -> bytes:
    """Write these leaves as well-formed segments; with `tree`, their hashes too. Returns their root."""
    for segment in reader.layout.segment_list():
        segment.path.unlink()
    frontier, data, hashes = Frontier(), b"", b""
    for start in range(0, len(leaves), COMMIT):
        part = [leaf_hash(leaf) for leaf in leaves[start : start + COMMIT]]
        frontier.extend(part)
        data += pack(start, leaves[start : start + COMMIT], frontier)
        hashes += b"".join(part)
    reader.layout.segment(0).write_bytes(data)
    if tree:
        (reader.layout.tree / "0").write_bytes(hashes)
    return root_of([hashes[at : at + 32] for at in range(0, len(hashes), 32)])


def resign(reader: FileReader, leaves: list[bytes], root: bytes, key: Path) -> None:
    signer = FileSigner.load(reader.origin, key)
    note = Checkpoint(origin=reader.origin, size=len(leaves), root=root).sign(signer)
    reader.layout.checkpoint.write_text(str(note))


def edited(leaves: list[bytes], at: int) -> list[bytes]:
    return [*leaves[:at], leaves[at].replace(b'"status":200', b'"status":500'), *leaves[at + 1 :]]


def swapped(leaves: list[bytes], one: int, two: int) -> list[bytes]:
    changed = list(leaves)
    changed[one], changed[two] = changed[two], changed[one]
    return changed


def all_leaves(reader: FileReader) -> list[bytes]:
    return list(reader.leaves(0, reader.size()))


def first(reader: FileReader, **options: object) -> Finding:
    report = verify(reader, **options)  # type: ignore[arg-type]  # a test passes what it needs
    assert not report.holds
    return report.findings[0]


def test_ledger_that_nobody_touched_holds(kept: Kept) -> None:
    report = verify(kept(1000, segment_size=Size("100KB")))
    assert (report.holds, report.records, report.covered) == (True, 1000, 1000)


def test_ledger_is_verified_in_several_processes_alike(kept: Kept) -> None:
    reader = kept(1000, segment_size=Size("100KB"))
    assert len(reader.layout.segment_list()) > 2
    assert verify(reader, jobs=2) == verify(reader, jobs=1)


def test_empty_ledger_holds(kept: Kept) -> None:
    assert verify(kept(0)).holds


@pytest.mark.parametrize("at", [0, 39, 40, 77, 99])
def test_edited_record_is_named(kept: Kept, at: int) -> None:
    reader = kept(100)
    forge(reader, edited(all_leaves(reader), at), tree=False)
    assert (first(reader).kind, first(reader).record) == ("edited", at)


@pytest.mark.parametrize("at", [0, 77])
def test_edited_byte_without_a_new_checksum_is_named(kept: Kept, at: int) -> None:
    reader = kept(100)
    path = reader.layout.segment(0)
    leaf = all_leaves(reader)[at]
    path.write_bytes(path.read_bytes().replace(leaf, edited([leaf], 0)[0]))
    assert (first(reader).kind, first(reader).record) == ("edited", at)


def test_edited_record_with_its_hash_is_found_by_the_root(kept: Kept) -> None:
    reader = kept(100)
    forge(reader, edited(all_leaves(reader), 50), tree=True)
    finding = first(reader)
    assert finding.kind == "edited"
    assert "signed at size 100" in finding.what


def test_deleted_record_is_named(kept: Kept) -> None:
    reader = kept(100)
    leaves = all_leaves(reader)
    forge(reader, leaves[:50] + leaves[51:], tree=True)
    assert (first(reader).kind, first(reader).record) == ("missing", 50)


def test_reordered_records_are_named(kept: Kept) -> None:
    reader = kept(100)
    forge(reader, swapped(all_leaves(reader), 20, 70), tree=True)
    assert (first(reader).kind, first(reader).record) == ("reordered", 20)


def test_deleted_segment_is_named(kept: Kept) -> None:
    reader = kept(1000, segment_size=Size("100KB"))
    gone = reader.layout.segment_list()[1]
    gone.path.unlink()
    assert (first(reader).kind, first(reader).record) == ("missing", gone.first)


def test_truncated_ledger_is_named(kept: Kept) -> None:
    reader = kept(100)
    forge(reader, all_leaves(reader)[:60], tree=True)
    finding = first(reader)
    assert (finding.kind, finding.record) == ("truncated", 60)
    assert "records 60 to 99 are missing" in finding.what


def test_fork_signed_by_the_same_key_is_named_where_an_earlier_checkpoint_was_kept(
    kept: Kept, place: Path
) -> None:
    reader = kept(100)
    earlier = reader.checkpoint()
    assert earlier is not None
    leaves = edited(all_leaves(reader), 50)
    resign(reader, leaves, forge(reader, leaves, tree=True), place / "key.pem")
    reader.layout.history.unlink()
    assert verify(reader).holds, "alone, nobody can tell"
    assert first(reader, earlier=[earlier]).kind == "forked"


def test_fork_is_named_by_the_ledgers_own_history(kept: Kept, place: Path) -> None:
    reader = kept(100)
    leaves = edited(all_leaves(reader), 50)
    resign(reader, leaves, forge(reader, leaves, tree=True), place / "key.pem")
    assert first(reader).kind == "forked"


def test_rewind_is_named_where_a_later_checkpoint_was_kept(
    kept: Kept, start: Start, call: Call, place: Path, tmp_path: Path
) -> None:
    reader = kept(60)
    shutil.copytree(place, tmp_path / "old")
    kept(40)
    later = reader.checkpoint()
    assert later is not None
    shutil.rmtree(place)
    shutil.copytree(tmp_path / "old", place)
    assert verify(reader).holds, "alone, nobody can tell"
    assert first(reader, earlier=[later]).kind == "rewound"


def test_swapped_key_is_named(kept: Kept, key_of: Callable[[FileReader], Verifier], tmp_path: Path) -> None:
    reader = kept(100)
    trusted = key_of(reader)
    other = FileSigner.create(reader.origin, tmp_path / "other.pem")
    leaves = edited(all_leaves(reader), 50)
    resign(reader, leaves, forge(reader, leaves, tree=True), tmp_path / "other.pem")
    assert first(reader).kind == "swapped-key"
    reader.layout.keys.write_text(f'"{Verifier.of(other)}"\n')
    reader.layout.history.unlink()
    assert verify(reader).holds, "with the key that lies beside it, nobody can tell"
    assert first(reader, trusted=[trusted]).kind == "swapped-key"


def test_forged_checkpoint_is_named(kept: Kept) -> None:
    reader = kept(100)
    note = reader.layout.checkpoint.read_text()
    reader.layout.checkpoint.write_text(note.replace("\n100\n", "\n99\n"))
    assert first(reader).kind == "forged"


def test_ledger_with_another_past_is_not_gone_on_with(kept: Kept, start: Start) -> None:
    reader = kept(100)
    forge(reader, edited(all_leaves(reader), 50), tree=True)
    with pytest.raises(IntegrityError) as caught:
        start()
    assert caught.value.code == "ledger.forked"


def test_missing_checkpoint_is_named(kept: Kept) -> None:
    reader = kept(100)
    reader.layout.checkpoint.unlink()
    reader.layout.history.unlink()
    assert first(reader).kind == "forged"


def test_bytes_after_the_last_commit_are_named(kept: Kept) -> None:
    reader = kept(100)
    with reader.layout.segment(0).open("ab") as file:
        file.write(b"more")
    assert (first(reader).kind, first(reader).record) == ("damaged", 100)


def test_history_that_was_changed_is_named(kept: Kept) -> None:
    reader = kept(100)
    reader.layout.history.write_text('not "a checkpoint"\n')
    assert first(reader).kind == "damaged"


@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_any_change_to_a_random_tree_is_found(small: tuple[FileReader, Path], data: st.DataObject) -> None:
    original, work = small
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(original.layout.folder, work)
    reader = FileReader(work)
    path = data.draw(st.sampled_from([segment.path for segment in reader.layout.segment_list()]))
    bytes_ = bytearray(path.read_bytes())
    start = data.draw(st.integers(0, len(bytes_) - 1))
    end = data.draw(st.integers(start, min(len(bytes_), start + 2000)))
    change = data.draw(st.sampled_from(["flip", "cut", "double"]))
    if change == "flip":
        bytes_[start] ^= data.draw(st.integers(1, 255))
    elif change == "cut":
        del bytes_[start : max(end, start + 1)]
    else:
        bytes_[start:start] = bytes_[start : max(end, start + 1)]
    path.write_bytes(bytes_)
    assert not verify(reader, jobs=1).holds


def tamper(leaves: list[bytes], how: str, one: int, two: int) -> list[bytes]:
    if how == "edited":
        return edited(leaves, one)
    if how == "missing":
        return leaves[:one] + leaves[one + 1 :]
    return swapped(leaves, one, two) if how == "reordered" else leaves[:one]


@example(one=119, two=121, how="reordered", tree=False)  # at the end of a commit
@example(one=19, two=20, how="reordered", tree=False)
@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    one=st.integers(0, 147), two=st.integers(1, 149),
    how=st.sampled_from(["edited", "missing", "reordered", "truncated"]), tree=st.booleans(),
)  # fmt: skip
def test_tampering_anywhere_in_a_random_tree_is_named(
    small: tuple[FileReader, Path], one: int, two: int, how: str, tree: bool
) -> None:
    original, work = small
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(original.layout.folder, work)
    reader = FileReader(work)
    two = max(two, one + 1)
    forge(reader, tamper(all_leaves(reader), how, one, two), tree=tree)
    finding = verify(reader, jobs=1).findings[0]
    assert finding.kind == how
    if not (how == "edited" and tree):  # then only the root tells
        assert finding.record == one


@pytest.fixture
def small(kept: Kept, tmp_path: Path) -> tuple[FileReader, Path]:
    return kept(150, segment_size=Size("40KB")), tmp_path / "work"


def two_writers(start: Start, call: Call, folder: Path) -> list[FileReader]:
    """Two trees, each of which recorded the other's checkpoint."""
    for name in ("one", "two"):
        ledger = start(writer=name)
        for number in range(50):
            ledger.record(call(number))
        ledger.close()
    for name in ("one", "two"):
        ledger = start(writer=name)
        ledger.cross()
        ledger.close()
    return [FileReader(folder / "ledger" / name) for name in ("one", "two")]


def test_writers_that_recorded_each_others_checkpoints_hold(start: Start, call: Call, tmp_path: Path) -> None:
    reports = verify_together(two_writers(start, call, tmp_path))
    assert [report.holds for report in reports] == [True, True]
    assert [report.records for report in reports] == [51, 51]


def test_rewind_of_one_writer_with_its_history_is_named_by_the_other(
    start: Start, call: Call, tmp_path: Path
) -> None:
    one, two = two_writers(start, call, tmp_path)
    leaves = all_leaves(two)[:30]
    resign(two, leaves, forge(two, leaves, tree=True), two.layout.signing_key)
    two.layout.history.unlink()
    reports = verify_together([one, two])
    assert reports[0].holds
    assert [finding.kind for finding in reports[1].findings] == ["rewound"]


def test_fork_of_one_writer_with_its_history_is_named_by_the_other(
    start: Start, call: Call, tmp_path: Path
) -> None:
    one, two = two_writers(start, call, tmp_path)
    leaves = edited(all_leaves(two), 3)
    resign(two, leaves, forge(two, leaves, tree=True), two.layout.signing_key)
    two.layout.history.unlink()
    (two.layout.tree / "1").unlink(missing_ok=True)
    assert [finding.kind for finding in verify_together([one, two])[1].findings] == ["forked"]


def test_checkpoint_that_its_writer_never_signed_is_named_where_it_stands(
    start: Start, call: Call, tmp_path: Path
) -> None:
    one, two = two_writers(start, call, tmp_path)
    thief = FileSigner.create(two.origin, tmp_path / "thief.pem")
    note = str(Checkpoint(origin=two.origin, size=3, root=bytes(32)).sign(thief))
    ledger = start(writer="one")
    ledger.record(CheckpointRecord(id=call(99).id, time_ns=1, origin=two.origin, size=3, note=note))
    ledger.close()
    reports = verify_together([one, two])
    assert [(finding.kind, finding.record) for finding in reports[0].findings] == [("forged", 51)]
    assert reports[1].holds


def test_rewind_of_another_writer_is_an_alarm_while_running(start: Start, call: Call, tmp_path: Path) -> None:
    one, two = two_writers(start, call, tmp_path)
    leaves = all_leaves(two)[:30]
    resign(two, leaves, forge(two, leaves, tree=True), two.layout.signing_key)
    ledger = start(writer="one")
    ledger.cross()
    ledger.close()
    last = msgspec.json.decode(list(one.leaves(0, one.size()))[-1])
    assert (last["alarm"], last["about"]) == ("ledger.rewound", "freehold/two")
