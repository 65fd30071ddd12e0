import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from freehold.errors import FreeholdError, InputError, IntegrityError
from freehold.ledger import FileSigner
from freehold.ledger.checkpoint import Checkpoint, open_checkpoint
from freehold.ledger.note import COSIGNATURE, Note, Verifier, cosign, sign

ROOT = bytes(range(32))


def signer(name: str = "freehold/local", seed: int = 1) -> FileSigner:
    return FileSigner(name, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


def test_verifier_key_of_the_go_project_is_read_and_written_back() -> None:
    # Published in Go's documentation of golang.org/x/mod/sumdb/note.
    text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    assert str(Verifier.parse(text)) == text


def test_note_signed_by_go_is_good() -> None:
    # From the same page: the note that its example verifies.
    note = Note.parse(
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
        "\n"
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfq"
        "dngotpRZb6KE6RyyBwJnAM=\n"
    )
    key = Verifier.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    assert note.signed_by(key)


def test_note_survives_its_own_text_form() -> None:
    note = sign("a\nb\n", signer(), signer("other", 2))
    assert Note.parse(str(note)) == note


def test_note_with_a_changed_word_is_not_signed() -> None:
    note = Note.parse(str(sign("pay 10\n", signer())).replace("10", "90"))
    assert not note.signed_by(Verifier.of(signer()))


def test_note_of_a_namesake_is_not_signed() -> None:
    assert not sign("a\n", signer(seed=2)).signed_by(Verifier.of(signer(seed=1)))


@pytest.mark.parametrize(
    "text", ["", "a\n", "a\n\n", "a\n\n- name AAAA\n", "a\n\n— name AA==\n", "a\n\n— n !!!!\n"]
)
def test_note_that_is_malformed_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        Note.parse(text)


@given(st.text(max_size=200))
def test_note_parser_survives_any_text(text: str) -> None:
    try:
        note = Note.parse(text)
    except FreeholdError:
        return
    assert Note.parse(str(note)) == note


@pytest.mark.parametrize(
    "text",
    ["", "name", "name+12345678+AAAA", "a b+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
     "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"],
)  # fmt: skip
def test_verifier_key_that_is_malformed_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is not a verifier key"):
        Verifier.parse(text)


def test_cosignature_covers_the_time() -> None:
    witness = signer("witness", 3)
    one = cosign("a\n1\n", witness, 1_700_000_000)
    key = Verifier.of(witness, COSIGNATURE)
    assert key.signed("a\n1\n", one)
    later = type(one)(name=one.name, key_id=one.key_id, blob=bytes(8) + one.blob[8:])
    assert not key.signed("a\n1\n", later)


def test_cosignature_is_no_signature_of_the_log() -> None:
    witness = signer("witness", 3)
    note = Note(text="a\n", signatures=(cosign("a\n", witness, 1),))
    assert not note.signed_by(Verifier.of(witness))


def test_checkpoint_is_three_lines() -> None:
    text = str(Checkpoint(origin="freehold/local", size=5, root=ROOT))
    assert text == f"freehold/local\n5\n{base64.b64encode(ROOT).decode()}\n"
    assert Checkpoint.parse(text + "an extension\n").size == 5


@pytest.mark.parametrize(
    "text", ["", "o\n5\n", "o\n05\nAAAA\n", "o\n-1\n", "o\n5\nAAAA\n", "\n5\n" + "A" * 44]
)
def test_checkpoint_that_is_malformed_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="not a checkpoint"):
        Checkpoint.parse(text)


def test_checkpoint_of_a_key_one_does_not_trust_is_named_as_swapped() -> None:
    note = str(Checkpoint(origin="freehold/local", size=5, root=ROOT).sign(signer(seed=9)))
    with pytest.raises(IntegrityError) as caught:
        open_checkpoint(note, [Verifier.of(signer())])
    assert caught.value.code == "ledger.swapped-key"


def test_checkpoint_that_was_edited_is_named_as_such() -> None:
    note = str(Checkpoint(origin="freehold/local", size=5, root=ROOT).sign(signer())).replace(
        "\n5\n", "\n6\n"
    )
    with pytest.raises(IntegrityError) as caught:
        open_checkpoint(note, [Verifier.of(signer())])
    assert caught.value.code == "ledger.bad-signature"
