"""A receipt: one record, the proof that it is in the tree, and the signed root. A key is enough to check."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence

import msgspec

from freehold.errors import FreeholdError, InputError, IntegrityError
from freehold.ledger import keychain
from freehold.ledger.checkpoint import Checkpoint, open_checkpoint
from freehold.ledger.merkle import HASH_BYTES, inclusion_proof, leaf_hash, root_from_inclusion
from freehold.ledger.note import COSIGNATURE, Note, Verifier
from freehold.ledger.store import Reader, node_reader

SCHEMA = "freehold.receipt/1"
RECEIPT_BYTES_MAX = 256 * 1024


class Receipt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`record` is the leaf: the exact stored bytes."""

    schema: str = ""
    name: str  # writer/id
    index: int
    record: str
    proof: tuple[str, ...]
    checkpoint: str
    rotations: tuple[str, ...] = ()

    def to_json(self) -> bytes:
        return msgspec.json.encode(self)


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What a receipt proves."""

    record: dict[str, object]  # every stored field, also those that this version does not know
    name: str
    origin: str
    index: int
    size: int
    signed_by: str
    witnessed_by: tuple[str, ...] = ()


def make_receipt(reader: Reader, id: str) -> Receipt | None:
    """The receipt of a record; None while no checkpoint covers it. InputError if there is no such record."""
    seq = reader.find(id)
    if seq is None:
        raise unknown_record(id)
    note = covering(reader, seq)
    if note is None:
        return None
    size = Checkpoint.parse(Note.parse(note).text).size
    _, rotations = keychain.read_lines(reader.keys())
    return Receipt(
        schema=SCHEMA,
        name=f"{reader.writer}/{id}",
        index=seq,
        record=next(reader.leaves(seq, seq + 1)).decode(),
        proof=tuple(
            base64.b64encode(step).decode() for step in inclusion_proof(seq, size, node_reader(reader))
        ),
        checkpoint=note,
        rotations=tuple(rotation.note for rotation in rotations),
    )


def covering(reader: Reader, seq: int) -> str | None:
    """A checkpoint that a witness has seen, if it covers the record; else the latest, if that does."""
    for note in (reader.cosigned(), reader.checkpoint()):
        if note is not None and Checkpoint.parse(Note.parse(note).text).size > seq:
            return note
    return None


def parse_receipt(data: bytes) -> Receipt:
    try:
        receipt = msgspec.json.decode(data, type=Receipt) if len(data) <= RECEIPT_BYTES_MAX else None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _not_a_receipt(str(error)) from error
    if receipt is None or receipt.schema != SCHEMA:
        raise _not_a_receipt(f"a receipt says {SCHEMA!r}")
    return receipt


def check_receipt(
    receipt: Receipt, trusted: Iterable[Verifier], witnesses: Sequence[Verifier] = ()
) -> Checked:
    """Verify, with nothing but keys. Each step stops one way of forging a receipt.

    1. The checkpoint is signed by a trusted key, or by one that a trusted key handed over to.
    2. Every witness asked for has cosigned it: the operator cannot show others another tree.
    3. The record's bytes, hashed up the proof, give the signed root: it was neither edited nor moved.
    4. The record is the one that the receipt names, at the place that it says: the answer fits the question.
    """
    note = Note.parse(receipt.checkpoint)
    origin = Checkpoint.parse(note.text).origin
    rotations = [keychain.Rotation.parse(text) for text in receipt.rotations]
    keys = keychain.follow(trusted, origin, rotations)
    checkpoint = open_checkpoint(receipt.checkpoint, [key for key in keys if key.name == origin])  # 1
    for witness in witnesses:  # 2
        if witness.kind != COSIGNATURE or not note.signed_by(witness):
            raise _forged("ledger.not-witnessed", f"the witness {witness.name} has not cosigned it")
    leaf = receipt.record.encode()
    root = root_from_inclusion(leaf_hash(leaf), receipt.index, checkpoint.size, _steps(receipt))  # 3
    if root != checkpoint.root:
        raise _forged("ledger.forged-proof", "the record and its proof do not lead to the signed root")
    record = read_fields(leaf)
    name = f"{origin.rpartition('/')[2]}/{record.get('id')}"
    if receipt.name != name or record.get("seq") != receipt.index:  # 4
        raise _forged("ledger.forged-proof", f"it names {receipt.name}, but holds {name}")
    return Checked(
        record=record, name=receipt.name, origin=origin, index=receipt.index, size=checkpoint.size,
        signed_by=", ".join(sorted(f"{k.short}" for k in keys if note.signed_by(k))),
        witnessed_by=tuple(witness.name for witness in witnesses),
    )  # fmt: skip


def read_fields(leaf: bytes) -> dict[str, object]:
    """A record's fields as they were stored."""
    try:
        return msgspec.json.decode(leaf, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise IntegrityError(
            "the stored bytes are not a record",
            why=str(error),
            fix="treat the ledger as damaged",
            code="ledger.damaged",
        ) from error


def _steps(receipt: Receipt) -> list[bytes]:
    try:
        steps = [base64.b64decode(step, validate=True) for step in receipt.proof]
    except (binascii.Error, ValueError) as error:
        raise _forged("ledger.forged-proof", "a step of its proof is not base64") from error
    if any(len(step) != HASH_BYTES for step in steps):
        raise _forged("ledger.forged-proof", "a step of its proof is not a hash")
    return steps


def unknown_record(id: str) -> InputError:
    return InputError(
        f"the ledger has no record {id!r}",
        why="an id is 26 letters and digits, as in the header x-freehold-receipt after the '/'",
        fix="look for it with freehold ledger query",
        code="ledger.unknown-record",
    )


def _forged(code: str, why: str) -> FreeholdError:
    return IntegrityError(
        "the receipt does not hold", why=why, fix="treat it as forged; ask for the receipt again", code=code
    )


def _not_a_receipt(why: str) -> InputError:
    return InputError(
        "this is not a receipt",
        why=why,
        fix="pass the file that freehold ledger receipt wrote",
        code="ledger.not-a-receipt",
    )
