"""What a folder of collateral holds: each piece, its window, and whether it leads to a pinned key."""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

from freehold.errors import InputError
from freehold.seal.attest.anchors import ANCHORS, TEST_ANCHORS, Vendor
from freehold.seal.attest.certificate import Certificate, name_parts, parse_certificate, parse_pem
from freehold.seal.attest.chain import build, fault
from freehold.seal.attest.collateral import Collateral
from freehold.seal.attest.context import Context
from freehold.seal.attest.crl import Crl, parse_crl
from freehold.seal.attest.intel_documents import (
    EnclaveIdentity,
    Signed,
    TcbInfo,
    parse_identity,
    parse_tcb_info,
)
from freehold.seal.attest.jwk import parse_key_set
from freehold.seal.attest.ocsp import parse_ocsp
from freehold.seal.attest.pack import LIST_NAME, SIGNATURE_NAME, pieces_of, read_collateral
from freehold.seal.attest.policy import DEFAULT, AttestPolicy
from freehold.seal.attest.recognise import Piece
from freehold.seal.attest.rim import manifest_fault, parse_manifest
from freehold.seal.attest.signature import Memo
from freehold.seal.attest.times import show_time

VENDORS: tuple[Vendor, ...] = ("amd", "intel", "aws", "nvidia-device", "nvidia-rim")
Standing = Literal["pass", "fail", "not checked"]


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One piece. `until_s` is None where the piece itself names no end."""

    name: str
    role: str
    about: str
    standing: Standing
    why: str
    from_s: int | None = None
    until_s: int | None = None

    def current(self, at_s: int) -> bool:
        return (self.from_s or at_s) <= at_s <= (at_s if self.until_s is None else self.until_s)


def inventory(pieces: tuple[Piece, ...], context: Context) -> tuple[Item, ...]:
    """Every piece, read and checked. One that cannot be read is an item too, and a failed one."""
    found: list[Item] = []
    for piece in pieces:
        try:
            found.extend(_items(piece, context))
        except InputError as error:
            found.append(Item(name=piece.name, role=piece.role, about="", standing="fail", why=error.what))
    return tuple(found)


def earliest_end_s(items: tuple[Item, ...]) -> int | None:
    return min((item.until_s for item in items if item.until_s is not None), default=None)


def _items(piece: Piece, context: Context) -> list[Item]:
    if piece.role == "certificate":
        return [_certificate(piece, parse_certificate(piece.data), context)]
    if piece.role == "certificates-pem":
        return [_certificate(piece, each, context) for each in parse_pem(piece.data)]
    if piece.role == "crl":
        return [_crl(piece, parse_crl(piece.data), context)]
    if piece.role == "tcb-info":
        return [_document(piece, parse_tcb_info(piece.data), context)]
    if piece.role == "enclave-identity":
        return [_document(piece, parse_identity(piece.data), context)]
    if piece.role == "ocsp":
        return [_ocsp(piece, context.collateral)]
    if piece.role == "rim":
        return [_manifest(piece, context)]
    if piece.role == "key-set":
        return _keys(piece)
    return [Item(name=piece.name, role=piece.role, about="", standing="fail", why="this is no collateral")]


def _certificate(piece: Piece, certificate: Certificate, context: Context) -> Item:
    standing, why = _leads_to_anchor(certificate, context)
    return Item(
        name=piece.name, role="certificate", about=certificate.title, standing=standing, why=why,
        from_s=certificate.not_before_s, until_s=certificate.not_after_s,
    )  # fmt: skip


def _leads_to_anchor(certificate: Certificate, context: Context) -> tuple[Standing, str]:
    for vendor in VENDORS:
        if any(
            each.spki_sha256 == certificate.spki_digest and each.vendor == vendor for each in context.anchors
        ):
            return "pass", "its key is pinned"
        chain = build(certificate, context.collateral.certificates, vendor, context)
        if chain.anchor is not None:
            problem = "" if len(chain.certificates) == 1 else fault(chain, vendor)
            authority = problem.endswith("is an authority, not a leaf") or not problem
            return ("pass", f"leads to {chain.anchor.name}") if authority else ("fail", problem)
    return "not checked", "no pinned key above it is at hand"


def _crl(piece: Piece, crl: Crl, context: Context) -> Item:
    issuers = [each for each in context.collateral.certificates if each.subject == crl.issuer]
    signed = any(context.memo.holds(each.spki, crl.algorithm, crl.tbs, crl.signature) for each in issuers)
    title = name_parts(crl.issuer).get("CN", "an issuer without a name")
    why = f"{len(crl.revoked)} revoked" if signed else "not signed by the certificate of that name"
    standing: Standing = "pass" if signed else "fail" if issuers else "not checked"
    return Item(
        name=piece.name, role="revocation list", about=title, standing=standing,
        why=why if issuers else "its issuer's certificate is not at hand",
        from_s=crl.this_update_s, until_s=crl.next_update_s,
    )  # fmt: skip


def _document(piece: Piece, document: Signed[TcbInfo] | Signed[EnclaveIdentity], context: Context) -> Item:
    value = document.value
    signers = [
        each for each in context.collateral.certificates
        if context.memo.holds_raw(each.spki, "ecdsa-sha256", document.body, document.signature, keep=True)
    ]  # fmt: skip
    led = [each for each in signers if build(each, context.collateral.certificates, "intel", context).anchor]
    about = f"{value.id} FMSPC {value.fmspc}" if isinstance(value, TcbInfo) else value.id
    return Item(
        name=piece.name, role=piece.role, about=f"{about}, evaluation {value.tcb_evaluation_data_number}",
        standing="pass" if led else "fail" if context.collateral.certificates else "not checked",
        why="signed under Intel's root" if led else "no certificate under Intel's pinned key signs it",
        from_s=value.issued_s, until_s=value.ends_s,
    )  # fmt: skip


def _ocsp(piece: Piece, collateral: Collateral) -> Item:
    answer = parse_ocsp(piece.data)
    known = [
        f"{certificate.title!r} {entry.status}"
        for entry in answer.entries
        for certificate in collateral.certificates
        for issuer in collateral.certificates
        if issuer.subject == certificate.issuer and entry.about(certificate, issuer)
    ]
    ends = [entry.next_update_s for entry in answer.entries if entry.next_update_s is not None]
    return Item(
        name=piece.name, role="OCSP answer", about=f"produced {show_time(answer.produced_at_s)}",
        standing="not checked", why="; ".join(known) or "about certificates that come with the evidence",
        from_s=min(entry.this_update_s for entry in answer.entries), until_s=min(ends, default=None),
    )  # fmt: skip


def _manifest(piece: Piece, context: Context) -> Item:
    manifest = parse_manifest(piece.data)
    problem, _chain = manifest_fault(manifest, context)
    return Item(
        name=piece.name, role="reference values", about=f"{manifest.product} {manifest.version}",
        standing="fail" if problem else "pass",
        why=problem or f"{len(manifest.values)} measurements, signed under NVIDIA's root",
        from_s=max(each.not_before_s for each in manifest.certificates),
        until_s=min(each.not_after_s for each in manifest.certificates),
    )  # fmt: skip


def _keys(piece: Piece) -> list[Item]:
    """A key set carries no signature: its keys count by the digests a policy pins."""
    return [
        Item(
            name=piece.name, role="key", about=key.kid, standing="not checked",
            why=f"SHA-256 of the key {hashlib.sha256(key.spki).hexdigest()}",
        )
        for key in parse_key_set(piece.data)
    ]  # fmt: skip


def inventory_of(
    files: dict[str, bytes], *, at_s: int, policy: AttestPolicy = DEFAULT
) -> tuple[Collateral, tuple[Item, ...]]:
    """A folder's collateral and the inventory of it, as of a time."""
    collateral = read_collateral(files)
    anchors = ANCHORS + (TEST_ANCHORS if policy.test_roots else ())
    context = Context(collateral=collateral, anchors=anchors, policy=policy, at_s=at_s, memo=Memo())
    content = {name: data for name, data in files.items() if name not in (LIST_NAME, SIGNATURE_NAME)}
    return collateral, inventory(pieces_of(content), context)
