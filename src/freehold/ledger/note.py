"""Signed notes and cosignatures, as C2SP specifies them (signed-note, tlog-cosignature).

A note is text, an empty line, and one line per signature. A key is known by its name and four bytes of a hash
over name, algorithm and public key; `Verifier.parse` reads the one-line form in which keys are handed round.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from freehold.errors import InputError
from freehold.types.contracts import Signer

ED25519 = 0x01
COSIGNATURE = 0x04
NOTE_BYTES_MAX = 65536
SIGNATURES_MAX = 64
_DASH = "\u2014"
_NAME = re.compile(r"[^\s+]{1,256}")
_LINE = re.compile(rf"{_DASH} ([^\s+]+) ([A-Za-z0-9+/]+=*)")


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    key_id: bytes
    blob: bytes  # what follows the key id

    @property
    def short(self) -> str:
        return f"{self.name}+{self.key_id.hex()}"


class Verifier(msgspec.Struct, frozen=True, kw_only=True):
    """A public key with the name it signs under."""

    name: str
    public_key: bytes
    kind: int = ED25519

    @property
    def key_id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public_key).digest()[:4]

    @property
    def short(self) -> str:
        """Enough to tell keys apart in a message."""
        return f"{self.name}+{self.key_id.hex()}"

    def __str__(self) -> str:
        """`name+keyid+base64`: the form that goes into files and settings."""
        key = base64.b64encode(bytes([self.kind]) + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{key}"

    @classmethod
    def of(cls, signer: Signer, kind: int = ED25519) -> Verifier:
        if signer.algorithm != "ed25519" or not _NAME.fullmatch(signer.name):
            raise InputError(
                f"the key {signer.name!r} cannot sign checkpoints",
                why=f"it must be ed25519, with a name without spaces or '+'; this is {signer.algorithm}",
                fix="make a key with freehold ledger key new",
                code="ledger.key",
            )
        return cls(name=signer.name, public_key=signer.public_key, kind=kind)

    @classmethod
    def parse(cls, text: str) -> Verifier:
        try:
            name, key_id, encoded = text.strip().split("+", 2)
            raw = base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error) as error:
            raise _bad_key(text, "it is not NAME+KEYID+BASE64") from error
        if not _NAME.fullmatch(name) or len(raw) != 33 or raw[0] not in (ED25519, COSIGNATURE):
            raise _bad_key(text, "it does not hold an Ed25519 key")
        verifier = cls(name=name, public_key=raw[1:], kind=raw[0])
        if verifier.key_id.hex() != key_id:
            raise _bad_key(text, f"its id should be {verifier.key_id.hex()}, it says {key_id}")
        return verifier

    def signed(self, text: str, signature: Signature) -> bool:
        """Is this a good signature of ours on the text?"""
        if signature.name != self.name or signature.key_id != self.key_id:
            return False
        message, blob = text.encode(), signature.blob
        if self.kind == COSIGNATURE:
            if len(blob) != 72:
                return False
            message, blob = _cosigned(text, struct.unpack(">Q", blob[:8])[0]), blob[8:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(blob, message)
        except (InvalidSignature, ValueError):
            return False
        return True


class Note(msgspec.Struct, frozen=True, kw_only=True):
    text: str  # ends in a newline
    signatures: tuple[Signature, ...] = ()

    def __str__(self) -> str:
        return self.text + "\n" + "".join(signature_line(signature) for signature in self.signatures)

    def signed_by(self, verifier: Verifier) -> bool:
        return any(verifier.signed(self.text, signature) for signature in self.signatures)

    @classmethod
    def parse(cls, data: str) -> Note:
        text, separator, lines = data.rpartition("\n\n")
        if not separator or len(data) > NOTE_BYTES_MAX or not data.endswith("\n"):
            raise _bad_note("it does not end in signature lines after an empty line")
        return cls(text=text + "\n", signatures=parse_signatures(lines))


def parse_signatures(lines: str) -> tuple[Signature, ...]:
    rows = lines.removesuffix("\n").split("\n")
    if len(rows) > SIGNATURES_MAX:
        raise _bad_note(f"it has more than {SIGNATURES_MAX} signatures")
    return tuple(_parse_line(row) for row in rows)


def _parse_line(row: str) -> Signature:
    match = _LINE.fullmatch(row)
    try:
        raw = base64.b64decode(match[2], validate=True) if match else b""
    except binascii.Error:
        raw = b""
    if match is None or len(raw) < 5:
        raise _bad_note("a signature line is malformed")
    return Signature(name=match[1], key_id=raw[:4], blob=raw[4:])


def signature_line(signature: Signature) -> str:
    return f"{_DASH} {signature.name} {base64.b64encode(signature.key_id + signature.blob).decode()}\n"


def sign(text: str, *signers: Signer) -> Note:
    signatures = tuple(
        Signature(name=signer.name, key_id=Verifier.of(signer).key_id, blob=signer.sign(text.encode()))
        for signer in signers
    )
    return Note(text=text, signatures=signatures)


def cosign(text: str, signer: Signer, time_s: int) -> Signature:
    """A witness's signature: it covers the time at which the witness saw the checkpoint."""
    blob = struct.pack(">Q", time_s) + signer.sign(_cosigned(text, time_s))
    return Signature(name=signer.name, key_id=Verifier.of(signer, COSIGNATURE).key_id, blob=blob)


def _cosigned(text: str, time_s: int) -> bytes:
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()


def _bad_key(text: str, why: str) -> InputError:
    return InputError(
        f"{text.strip()[:80]!r} is not a verifier key",
        why=why,
        fix="pass the line that freehold ledger key show prints, or a file that holds it",
        code="ledger.verifier-key",
    )


def _bad_note(why: str) -> InputError:
    return InputError(
        "this is not a signed note",
        why=why,
        fix="pass the checkpoint file as it was written",
        code="ledger.note",
    )
