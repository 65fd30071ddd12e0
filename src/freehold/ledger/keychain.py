"""The keys that a writer has signed with, and how one became the next: the old key signs the new.

Stored as lines, oldest first: the first key as it is, then one signed note per rotation. Whoever trusts an
early key can follow the notes to the key in use; nobody without the old key can add one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from freehold.errors import IntegrityError
from freehold.ledger.note import Note, Verifier, sign
from freehold.types.contracts import Signer

ROTATION = "freehold key rotation v1"


class Rotation(msgspec.Struct, frozen=True, kw_only=True):
    """The old key's word that the new key speaks for the same tree, from a size on."""

    origin: str
    size: int
    old: Verifier
    new: Verifier
    note: str

    @classmethod
    def sign(cls, origin: str, size: int, old: Signer, new: Signer) -> Rotation:
        text = f"{ROTATION}\n{origin}\n{size}\n{Verifier.of(old)}\n{Verifier.of(new)}\n"
        return cls.parse(str(sign(text, old)))

    @classmethod
    def parse(cls, note: str) -> Rotation:
        """Read one rotation, and hold the old key to its signature."""
        parsed = Note.parse(note)
        lines = parsed.text.split("\n")
        if len(lines) != 6 or lines[0] != ROTATION or not lines[2].isdecimal():
            raise _broken("a key rotation is malformed")
        old, new = Verifier.parse(lines[3]), Verifier.parse(lines[4])
        if not parsed.signed_by(old):
            raise _broken(f"the rotation to {new.short} is not signed by the key before it")
        return cls(origin=lines[1], size=int(lines[2]), old=old, new=new, note=note)


def first_line(key: Verifier) -> str:
    return msgspec.json.encode(str(key)).decode()


def rotation_line(rotation: Rotation) -> str:
    return msgspec.json.encode(rotation.note).decode()


def read_lines(lines: Sequence[str]) -> tuple[Verifier | None, list[Rotation]]:
    """The first key and the rotations after it; each must go on where the one before it ended."""
    if not lines:
        return None, []
    try:
        texts = [msgspec.json.decode(line, type=str) for line in lines]
    except msgspec.MsgspecError as error:
        raise _broken("it holds a line that is neither a key nor a rotation") from error
    first = Verifier.parse(texts[0])
    rotations = [Rotation.parse(text) for text in texts[1:]]
    key = first
    for rotation in rotations:
        if rotation.old != key:
            raise _broken("a rotation does not begin with the key before it")
        key = rotation.new
    return first, rotations


def current(lines: Sequence[str]) -> Verifier | None:
    """The key in use."""
    first, rotations = read_lines(lines)
    return rotations[-1].new if rotations else first


def follow(trusted: Iterable[Verifier], origin: str, rotations: Sequence[Rotation]) -> list[Verifier]:
    """Every key that speaks for `origin`, given keys one trusts."""
    keys = list(trusted)
    for rotation in rotations:
        if rotation.old in keys and rotation.origin == origin and rotation.new not in keys:
            keys.append(rotation.new)
    return keys


def _broken(why: str) -> IntegrityError:
    return IntegrityError(
        "the chain of keys does not hold",
        why=why,
        fix="restore the file `keys` from a copy, or pass the key you trust with --key",
        code="ledger.swapped-key",
    )
