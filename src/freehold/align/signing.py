"""k of n people agree to a constitution: who, why, from which digest to which, each signature over all of it.

Signatures lie beside the constitution in FILE.signatures.json. Who may sign is part of the constitution, so
the list of signers cannot change unsigned; a change is approved by the signers of the version it replaces.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from freehold.align.constitution import Constitution, Signers
from freehold.clock import Clock, ulid
from freehold.errors import InputError, IntegrityError, RefusedError
from freehold.types.contracts import Signer
from freehold.types.names import Digest
from freehold.types.records import AdminRecord

SIGNATURES_MAX = 200
WHY_CHARACTERS_MAX = 1000


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """One person's agreement."""

    who: str
    why: str
    after: Digest
    before: Digest | None
    time_ns: int
    public_key: str
    signature: str


class Signatures(msgspec.Struct, frozen=True, kw_only=True):
    schema: str = "freehold.constitution-signatures/1"
    signatures: tuple[Signature, ...] = ()


def message(who: str, why: str, before: Digest | None, after: Digest, time_ns: int) -> bytes:
    """What is signed: every part on a line of its own, so that none can pass for another."""
    lines = ["freehold constitution 1", str(after), str(before or "none"), str(time_ns), who]
    return "\n".join([*lines, why.replace("\n", " ")]).encode()


def signatures_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.signatures.json")


def read_signatures(path: Path) -> Signatures:
    file = signatures_file(path)
    if not file.is_file():
        return Signatures()
    try:
        return msgspec.json.decode(file.read_bytes(), type=Signatures)
    except msgspec.DecodeError as error:
        raise InputError(
            f"{file} cannot be read", why=str(error), fix="restore it; signatures are never guessed",
            code="align.signatures",
        ) from error  # fmt: skip


def sign(
    path: Path, constitution: Constitution, signer: Signer, who: str, why: str, clock: Clock, *,
    before: Constitution | None = None,
) -> tuple[Signatures, AdminRecord]:  # fmt: skip
    """Add one signature to the file, and make the record that names who and why."""
    allowed = (before or constitution).signers
    key = base64.b64encode(signer.public_key).decode()
    if allowed.keys.get(who) != key:
        raise RefusedError(
            f"{who!r} may not sign {path}",
            why="the constitution lists no such signer with this key; signers: "
            + (", ".join(allowed.keys) or "none"),
            fix=f'add {who} = "{key}" under [signers.keys], and have the signers of the version before agree',
            code="align.not-a-signer",
        )
    if not why.strip() or len(why) > WHY_CHARACTERS_MAX:
        raise InputError(
            "a signature says why",
            why=f"the reason has {len(why.strip())} characters; 1 to {WHY_CHARACTERS_MAX} are asked for",
            fix='give --why "..."',
            code="align.no-reason",
        )
    old = before.digest if before else None
    now_ns = clock.now_ns()
    made = signer.sign(message(who, why, old, constitution.digest, now_ns))
    new = Signature(who=who, why=why, after=constitution.digest, before=old, time_ns=now_ns, public_key=key,
                    signature=base64.b64encode(made).decode())  # fmt: skip
    kept = [one for one in read_signatures(path).signatures if (one.who, one.after) != (who, new.after)]
    found = Signatures(signatures=(*kept, new)[-SIGNATURES_MAX:])
    signatures_file(path).write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    action = "constitution.change" if before else "constitution.sign"
    record = AdminRecord(
        id=ulid(now_ns),
        time_ns=now_ns,
        actor=who,
        action=action,
        subject=constitution.head.name,
        before=old,
        after=constitution.digest,
        why=why,
    )
    return found, record


def valid_signers(signatures: Signatures, signers: Signers, digest: Digest) -> tuple[str, ...]:
    """Who of the signers has validly agreed to this digest. Each counts once."""
    found = []
    for one in signatures.signatures:
        if one.after == digest and signers.keys.get(one.who) == one.public_key and _holds(one):
            found.append(one.who)
    return tuple(dict.fromkeys(found))


def require(path: Path, constitution: Constitution) -> tuple[str, ...]:
    """Enough signers have agreed, or the run does not begin."""
    wanted = constitution.signers.threshold
    agreed = valid_signers(read_signatures(path), constitution.signers, constitution.digest)
    if len(agreed) < wanted:
        raise IntegrityError(
            f"{path} is signed by {len(agreed)} of the {wanted} it asks for",
            why=f"valid signatures over {constitution.digest}: {', '.join(agreed) or 'none'}",
            fix="freehold constitution sign, as the others; or undo the change",
            code="align.unsigned",
        )
    return agreed


def _holds(one: Signature) -> bool:
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(one.public_key, validate=True))
        key.verify(
            base64.b64decode(one.signature, validate=True),
            message(one.who, one.why, one.before, one.after, one.time_ns),
        )
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True
