from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from freehold.errors import IntegrityError
from freehold.ledger import FileSigner, Ledger, LedgerSettings, handover
from freehold.ledger.files import FileReader
from freehold.ledger.filestore import FileStore
from freehold.ledger.keychain import Rotation, follow, read_lines, rotation_line
from freehold.ledger.note import Note, Verifier
from freehold.ledger.receipt import check_receipt, make_receipt
from freehold.ledger.rotate import rotate_file_key
from freehold.ledger.verify import verify
from freehold.types.records import CallRecord

Call = Callable[..., CallRecord]
Start = Callable[..., Ledger]
Kept = Callable[..., FileReader]
KeyOf = Callable[[FileReader], Verifier]


@pytest.fixture
def rotated(kept: Kept, key_of: KeyOf, place: Path, settings: LedgerSettings) -> tuple[FileReader, Verifier]:
    """A ledger under its second key, and the first."""
    reader = kept(10)
    first = key_of(reader)
    rotate_file_key(place, settings, actor="ada")
    return reader, first


def test_both_keys_sign_one_checkpoint(rotated: tuple[FileReader, Verifier], key_of: KeyOf) -> None:
    reader, first = rotated
    note = Note.parse(reader.checkpoint() or "")
    assert key_of(reader) != first
    assert note.signed_by(first) and note.signed_by(key_of(reader))


def test_ledger_goes_on_under_the_new_key(
    rotated: tuple[FileReader, Verifier], kept: Kept, key_of: KeyOf
) -> None:
    reader, first = rotated
    kept(5)
    note = Note.parse(reader.checkpoint() or "")
    assert note.signed_by(key_of(reader)) and not note.signed_by(first)
    assert verify(reader).holds
    assert verify(reader, [first]).holds, "whoever trusts the first key can follow"


def test_receipt_made_after_the_rotation_is_checked_with_either_key(
    rotated: tuple[FileReader, Verifier], kept: Kept, call: Call, key_of: KeyOf
) -> None:
    reader, first = rotated
    kept(5)
    receipt = make_receipt(reader, call(2).id)
    assert receipt is not None
    for key in (first, key_of(reader)):
        assert check_receipt(receipt, [key]).index == 2


def test_rotation_is_itself_a_record(rotated: tuple[FileReader, Verifier]) -> None:
    record = msgspec.json.decode(next(iter(rotated[0].leaves(10, 11))))
    assert (record["kind"], record["actor"], record["action"]) == ("admin/1", "ada", "ledger.key-rotate")


def test_rotation_not_signed_by_the_old_key_is_refused(tmp_path: Path, kept: Kept, place: Path) -> None:
    reader = kept(3)
    old = FileSigner.load(reader.origin, place / "key.pem")
    thief = FileSigner.create(reader.origin, tmp_path / "thief.pem")
    forged = Rotation.sign(reader.origin, 3, thief, thief).note.replace(
        str(Verifier.of(thief)), str(Verifier.of(old)), 1
    )
    with pytest.raises(IntegrityError) as caught:
        Rotation.parse(forged)
    assert caught.value.code == "ledger.swapped-key"


def test_chain_that_skips_a_key_is_refused(tmp_path: Path) -> None:
    one, two, three = (FileSigner.create("log", tmp_path / name) for name in ("1", "2", "3"))
    lines = [f'"{Verifier.of(one)}"', rotation_line(Rotation.sign("log", 1, two, three))]
    with pytest.raises(IntegrityError, match="does not hold"):
        read_lines(lines)


def test_rotation_of_another_tree_is_not_followed(tmp_path: Path) -> None:
    one, two = (FileSigner.create("log", tmp_path / name) for name in ("1", "2"))
    rotation = Rotation.sign("log", 1, one, two)
    assert follow([Verifier.of(one)], "other", [rotation]) == [Verifier.of(one)]


def test_rotation_cut_short_is_finished_by_the_next_start(
    kept: Kept, start: Start, key_of: KeyOf, place: Path
) -> None:
    reader = kept(3)
    old = FileSigner.load(reader.origin, place / "key.pem")
    new = FileSigner.create(reader.origin, handover.next_key_path(place / "key.pem"))
    store = FileStore(place, reader.origin)
    handover.hand_over(store, old, new)  # and then the machine stops
    store.close()
    start().close()
    assert key_of(reader) == Verifier.of(new)
    assert Verifier.of(FileSigner.load(reader.origin, place / "key.pem")) == Verifier.of(new)


def test_new_key_that_was_never_signed_is_not_used(
    kept: Kept, start: Start, key_of: KeyOf, place: Path
) -> None:
    reader = kept(3)
    before = key_of(reader)
    FileSigner.create(reader.origin, handover.next_key_path(place / "key.pem"))
    start().close()
    assert key_of(reader) == before
