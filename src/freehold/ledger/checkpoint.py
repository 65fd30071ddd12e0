"""A checkpoint: the signed size and root of one writer's tree (C2SP tlog-checkpoint)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable

import msgspec

from freehold.errors import InputError, IntegrityError
from freehold.ledger.merkle import HASH_BYTES
from freehold.ledger.note import Note, Verifier, sign
from freehold.types.contracts import Signer


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    origin: str  # names the tree; also the name of the key that signs it
    size: int
    root: bytes

    def __str__(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    def sign(self, *signers: Signer) -> Note:
        return sign(str(self), *signers)

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read the three lines; lines after them are extensions, which the signature covers and we ignore."""
        lines = text.split("\n")
        try:
            origin, size, root = lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True)
        except (IndexError, ValueError, binascii.Error) as error:
            raise _malformed() from error
        if not origin or str(size) != lines[1] or size < 0 or len(root) != HASH_BYTES:
            raise _malformed()
        return cls(origin=origin, size=size, root=root)


def open_checkpoint(note: str, keys: Iterable[Verifier]) -> Checkpoint:
    """The checkpoint in a note, if one of the keys signed it; anything else is an IntegrityError."""
    parsed = Note.parse(note)
    checkpoint = Checkpoint.parse(parsed.text)
    known = list(keys)
    if any(parsed.signed_by(key) for key in known):
        return checkpoint
    signed_by = ", ".join(sorted({f"{one.short}" for one in parsed.signatures}))
    expected = ", ".join(f"{key.short}" for key in known)
    same = {(one.name, one.key_id) for one in parsed.signatures} & {(key.name, key.key_id) for key in known}
    raise IntegrityError(
        f"the checkpoint of {checkpoint.origin} at size {checkpoint.size} is not signed by a key you trust",
        why="the signature does not hold: the text was changed"
        if same
        else f"it is signed by {signed_by}; you trust {expected or 'none'}",
        fix="check the key; if it is right, the checkpoint is forged",
        code="ledger.bad-signature" if same else "ledger.swapped-key",
    )


def _malformed() -> InputError:
    return InputError(
        "this is not a checkpoint",
        why="a checkpoint is an origin, a size and a root hash, one per line",
        fix="pass the checkpoint file as it was written",
        code="ledger.note",
    )
