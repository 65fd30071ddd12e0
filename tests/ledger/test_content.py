from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.errors import IntegrityError, UnavailableError
from freehold.ledger import Ledger
from freehold.ledger.content import FileContentKeys, Vault
from freehold.ledger.files import FileReader
from freehold.ledger.verify import verify
from freehold.types.names import RecordId
from freehold.types.records import CallRecord, Content

ID = RecordId("01ARZ3NDEKTSV4RRFFQ69G5FAV")
Call = Callable[..., CallRecord]
Start = Callable[..., Ledger]


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "content", FileContentKeys(tmp_path / "keys"))


@given(st.binary(max_size=200))
def test_content_comes_back(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.getbasetemp() / "vault"
    vault = Vault(folder / "content", FileContentKeys(folder / "keys"))
    assert vault.open("acme", ID, "request", vault.seal("acme", ID, "request", data)) == data


def test_long_content_goes_to_a_file_and_comes_back(vault: Vault, tmp_path: Path) -> None:
    content = vault.seal("acme", ID, "request", b"x" * 100_000)
    assert content.sealed_base64 is None and content.sealed_in_file
    assert vault.open("acme", ID, "request", content) == b"x" * 100_000
    assert b"x" * 20 not in next((tmp_path / "content").iterdir()).read_bytes()


def test_destroying_a_key_erases_content_and_leaves_the_tree_whole(
    vault: Vault, start: Start, call: Call, place: Path, tmp_path: Path
) -> None:
    ledger = start()
    for number, tenant in enumerate(["acme", "other", "acme"]):
        sealed = vault.seal(tenant, call(number).id, "request", b"a secret plan")
        ledger.record(call(number, request=sealed))
    ledger.close()
    reader = FileReader(place)
    stored = [msgspec.json.decode(leaf, type=CallRecord) for leaf in reader.leaves(0, 3)]
    FileContentKeys(tmp_path / "keys").destroy("acme")
    for record in (stored[0], stored[2]):
        with pytest.raises(UnavailableError, match="was erased"):
            vault.open("acme", record.id, "request", record.request or Content())
    assert vault.open("other", stored[1].id, "request", stored[1].request or Content()) == b"a secret plan"
    assert verify(reader).holds


def test_content_after_a_destroyed_key_gets_a_new_one(vault: Vault, tmp_path: Path) -> None:
    before = vault.seal("acme", ID, "request", b"a")
    FileContentKeys(tmp_path / "keys").destroy("acme")
    after = vault.seal("acme", ID, "request", b"a")
    assert after.key_name != before.key_name
    assert vault.open("acme", ID, "request", after) == b"a"


def test_digest_of_sealed_content_gives_nothing_to_guess_against(vault: Vault) -> None:
    one, two = (vault.seal("acme", ID, "request", b"yes") for _ in range(2))
    assert one.digest != two.digest


@pytest.mark.parametrize(("id", "part"), [(RecordId("0" * 26), "request"), (ID, "response")])
def test_content_of_another_record_or_part_does_not_open(vault: Vault, id: RecordId, part: str) -> None:
    content = vault.seal("acme", ID, "request", b"a")
    with pytest.raises(IntegrityError):
        vault.open("acme", id, part, content)


def test_content_that_was_changed_does_not_open(vault: Vault, tmp_path: Path) -> None:
    content = vault.seal("acme", ID, "request", b"x" * 100_000)
    (file,) = (tmp_path / "content").iterdir()
    kept = file.read_bytes()
    file.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    with pytest.raises(IntegrityError, match="cannot be opened"):
        vault.open("acme", ID, "request", content)


def test_keys_are_for_the_owner_only_and_do_not_name_the_tenant(tmp_path: Path) -> None:
    FileContentKeys(tmp_path / "keys").key("acme")
    (path,) = (tmp_path / "keys").iterdir()
    assert path.stat().st_mode & 0o077 == 0
    assert "acme" not in path.name


def test_destroying_a_key_that_is_not_there_is_fine(tmp_path: Path) -> None:
    keys = FileContentKeys(tmp_path / "keys")
    kept = keys.key("acme")
    keys.destroy("nobody")
    assert keys.key("acme") == kept


def test_key_file_that_is_damaged_is_not_used(tmp_path: Path) -> None:
    keys = FileContentKeys(tmp_path)
    keys.key("acme")
    next(tmp_path.iterdir()).write_bytes(b"short")
    with pytest.raises(UnavailableError, match="cannot be used"):
        keys.key("acme")
