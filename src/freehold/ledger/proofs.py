"""Showing that one checkpoint extends another."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import msgspec

from freehold.errors import IntegrityError, UnavailableError
from freehold.ledger import keychain
from freehold.ledger.checkpoint import Checkpoint, open_checkpoint
from freehold.ledger.merkle import consistency_proof, consistent
from freehold.ledger.note import Note, Verifier
from freehold.ledger.store import Reader, node_reader
from freehold.ledger.witness import Submission


class ConsistencyProof(msgspec.Struct, frozen=True, kw_only=True):
    old: int
    new: int
    steps: tuple[str, ...]  # base64


def prove_consistency(
    reader: Reader, old_note: str, new_note: str, trusted: Sequence[Verifier] | None = None
) -> ConsistencyProof:
    """The proof, after both signatures and the proof itself were checked; IntegrityError names what fails."""
    first, rotations = keychain.read_lines(reader.keys())
    keys = keychain.follow(trusted or ([first] if first else []), reader.origin, rotations)
    old, new = (open_checkpoint(note, keys) for note in (old_note, new_note))
    if old.origin != new.origin:
        raise _inconsistent("ledger.forked", f"they are of two trees: {old.origin} and {new.origin}")
    if old.size > new.size:
        raise _inconsistent("ledger.rewound", f"the tree had {old.size} records, then {new.size}")
    if new.size > reader.size():
        raise _inconsistent("ledger.truncated", f"the ledger holds {reader.size()} records, not {new.size}")
    steps = consistency_proof(old.size, new.size, node_reader(reader))
    if not consistent(old.size, new.size, old.root, new.root, steps):
        raise _inconsistent("ledger.forked", _which(reader, old, new))
    return ConsistencyProof(
        old=old.size, new=new.size, steps=tuple(base64.b64encode(step).decode() for step in steps)
    )


def submission_for(reader: Reader, known: Checkpoint | None) -> Submission:
    """What to show a witness that last saw `known`. Where no proof can be made, none is: it will refuse."""
    note = reader.checkpoint()
    if note is None:
        raise UnavailableError(
            f"{reader.origin} has no checkpoint yet",
            why="no record was committed",
            fix="start its writer once; it signs within a second of the first record",
            code="ledger.not-covered",
        )
    old, new = known.size if known else 0, Checkpoint.parse(Note.parse(note).text).size
    proof = consistency_proof(old, new, node_reader(reader)) if old <= new <= reader.size() else []
    return Submission(old=old, proof=tuple(proof), note=note)


def _which(reader: Reader, old: Checkpoint, new: Checkpoint) -> str:
    if old.size == new.size:
        return f"two trees of {old.size} records were signed"
    return f"the tree of {new.size} records does not begin with the tree of {old.size} that was signed"


def _inconsistent(code: str, why: str) -> IntegrityError:
    return IntegrityError(
        "the two checkpoints do not belong together",
        why=why,
        fix="keep both: together they prove that the log was changed",
        code=code,
    )
