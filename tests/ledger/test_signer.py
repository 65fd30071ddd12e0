from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from freehold.errors import InputError
from freehold.ledger import FileSigner


def test_signature_is_verified_by_the_public_key(tmp_path: Path) -> None:
    signer = FileSigner.create("house", tmp_path / "key.pem")
    again = FileSigner.load("house", tmp_path / "key.pem")
    known = Ed25519PublicKey.from_public_bytes(signer.public_key)
    known.verify(again.sign(b"message"), b"message")
    with pytest.raises(InvalidSignature):
        known.verify(again.sign(b"message"), b"another")


def test_existing_key_is_never_overwritten(tmp_path: Path) -> None:
    FileSigner.create("house", tmp_path / "key.pem")
    before = (tmp_path / "key.pem").read_bytes()
    with pytest.raises(InputError):
        FileSigner.create("house", tmp_path / "key.pem")
    assert (tmp_path / "key.pem").read_bytes() == before


def test_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    FileSigner.create("house", tmp_path / "key.pem")
    (tmp_path / "key.pem").chmod(0o644)
    with pytest.raises(InputError) as caught:
        FileSigner.load("house", tmp_path / "key.pem")
    assert "chmod 600" in caught.value.fix


@pytest.mark.parametrize("content", [b"", b"\x00\x01", b"-----BEGIN PRIVATE KEY-----\nAAAA\n"])
def test_file_that_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key.pem"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        FileSigner.load("house", path)
    assert caught.value.code == "ledger.key-file"


def test_repr_shows_no_private_part(tmp_path: Path) -> None:
    signer = FileSigner.create("house", tmp_path / "key.pem")
    assert signer.public_key.hex()[:16] in repr(signer)
    assert "PRIVATE" not in repr(signer)
