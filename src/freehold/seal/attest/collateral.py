"""What evidence is judged with, as one value: certificates, revocation lists, TCB tables, references, key
sets.

Each piece says by its own signature who made it. What no signature can say is that nothing newer exists; for
that there are the windows of the pieces, the age limits of the policy, and the version of a signed pack (see
`pack`).
"""

from __future__ import annotations

import hashlib

import msgspec

from freehold.seal.attest.certificate import Certificate, parse_certificate, parse_pem
from freehold.seal.attest.crl import Crl, parse_crl
from freehold.seal.attest.intel_documents import (
    EnclaveIdentity,
    Signed,
    TcbInfo,
    parse_identity,
    parse_tcb_info,
)
from freehold.seal.attest.malformed import malformed
from freehold.seal.attest.ocsp import OcspAnswer, parse_ocsp
from freehold.seal.attest.recognise import Piece
from freehold.seal.attest.signature import Memo
from freehold.types.names import Digest

PIECES_MAX = 1024


class PackFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a signed pack says about itself; whether the policy trusts its key is checked when it is used."""

    name: str
    version: int
    created_s: int
    key: str
    signature_holds: bool


class Collateral(msgspec.Struct, frozen=True, kw_only=True):
    certificates: tuple[Certificate, ...] = ()
    crls: tuple[Crl, ...] = ()
    tcb_infos: tuple[Signed[TcbInfo], ...] = ()
    identities: tuple[Signed[EnclaveIdentity], ...] = ()
    ocsp: tuple[OcspAnswer, ...] = ()
    rims: tuple[bytes, ...] = ()
    key_sets: tuple[bytes, ...] = ()
    pack: PackFacts | None = None
    digest: Digest | None = None

    def joined(self, other: Collateral) -> Collateral:
        """This and what came with the evidence; the pack and the digest stay this one's."""
        if other.digest is None:
            return self
        return msgspec.structs.replace(
            self,
            certificates=self.certificates + other.certificates, crls=self.crls + other.crls,
            tcb_infos=self.tcb_infos + other.tcb_infos, identities=self.identities + other.identities,
            ocsp=self.ocsp + other.ocsp, rims=self.rims + other.rims, key_sets=self.key_sets + other.key_sets,
        )  # fmt: skip


NONE = Collateral()


def collect(pieces: tuple[Piece, ...], pack: PackFacts | None = None, memo: Memo | None = None) -> Collateral:
    """Read every supporting piece. Pieces of other roles are left to their verifiers."""
    memo = memo or Memo()
    read = memo.read
    if len(pieces) > PIECES_MAX:
        raise malformed(f"there are {len(pieces)} pieces of collateral", why=f"at most {PIECES_MAX} are read")
    by_role: dict[str, list[bytes]] = {}
    for piece in pieces:
        by_role.setdefault(piece.role, []).append(piece.data)
    certificates = [read(parse_certificate, data) for data in by_role.get("certificate", ())]
    for data in by_role.get("certificates-pem", ()):
        certificates.extend(parse_pem(data, memo))
    return Collateral(
        certificates=tuple({each.raw: each for each in certificates}.values()),
        crls=tuple(read(parse_crl, data) for data in by_role.get("crl", ())),
        tcb_infos=tuple(read(parse_tcb_info, data) for data in by_role.get("tcb-info", ())),
        identities=tuple(read(parse_identity, data) for data in by_role.get("enclave-identity", ())),
        ocsp=tuple(read(parse_ocsp, data) for data in by_role.get("ocsp", ())),
        rims=tuple(by_role.get("rim", ())), key_sets=tuple(by_role.get("key-set", ())), pack=pack,
        digest=digest_of([(piece.role, piece.data) for piece in pieces]) if pieces or pack else None,
    )  # fmt: skip


def digest_of(pieces: list[tuple[str, bytes]]) -> Digest:
    """Of all pieces whatever their order: files of a folder have none."""
    lines = sorted(f"{role} {hashlib.sha256(data).hexdigest()}" for role, data in pieces)
    return Digest("sha256:" + hashlib.sha256("\n".join(lines).encode()).hexdigest())
