"""Dated OCSP answers, kept beside the evidence: the only revocation NVIDIA's endless certificates have."""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

from freehold.seal.attest import der
from freehold.seal.attest.certificate import Certificate, parse_certificate
from freehold.seal.attest.malformed import malformed
from freehold.seal.attest.signature import ALGORITHMS

OCSP_BYTES_MAX = 64 * 1024
ANSWERS_MAX = 64
_BASIC = "1.3.6.1.5.5.7.48.1.1"
_HASHES = {"1.3.14.3.2.26": "sha1", "2.16.840.1.101.3.4.2.1": "sha256", "2.16.840.1.101.3.4.2.2": "sha384"}
_STATUS: dict[int, Literal["good", "revoked", "unknown"]] = {0x80: "good", 0xA1: "revoked", 0x82: "unknown"}


class OcspEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What is said about one certificate, named by hashes of its issuer and by its serial number."""

    hash_name: str
    issuer_name_hash: bytes
    issuer_key_hash: bytes
    serial: int
    status: Literal["good", "revoked", "unknown"]
    this_update_s: int
    next_update_s: int | None

    def about(self, certificate: Certificate, issuer: Certificate) -> bool:
        if self.serial != certificate.serial:
            return False
        name = hashlib.new(self.hash_name, issuer.subject, usedforsecurity=False).digest()
        key = hashlib.new(self.hash_name, _key_bits(issuer), usedforsecurity=False).digest()
        return (name, key) == (self.issuer_name_hash, self.issuer_key_hash)


class OcspAnswer(msgspec.Struct, frozen=True, kw_only=True):
    raw: bytes
    tbs: bytes
    algorithm: str
    signature: bytes
    produced_at_s: int
    entries: tuple[OcspEntry, ...]
    certificates: tuple[Certificate, ...]


def parse_ocsp(data: bytes) -> OcspAnswer:
    if len(data) > OCSP_BYTES_MAX:
        raise malformed(f"an OCSP answer has {len(data)} bytes", why=f"at most {OCSP_BYTES_MAX} are read")
    outer = der.whole(data).parts()
    if outer.take(der.ENUMERATED).value != b"\x00":
        raise malformed("an OCSP answer does not say successful")
    wrapper = outer.take(0xA0).parts()
    outer.finish()
    holder = wrapper.take(der.SEQUENCE).parts()
    wrapper.finish()
    if holder.take().oid() != _BASIC:
        raise malformed("an OCSP answer is not a basic one")
    basic = der.whole(holder.take(der.OCTET_STRING).value).parts()
    holder.finish()
    tbs, algorithm, signature = basic.take(der.SEQUENCE), basic.take(der.SEQUENCE), basic.take(der.BIT_STRING)
    extra = basic.optional(0xA0)
    basic.finish()
    produced_at_s, entries = _response_data(tbs)
    return OcspAnswer(
        raw=data, tbs=tbs.raw, algorithm=ALGORITHMS.get(algorithm.raw, "unknown"), signature=signature.bits(),
        produced_at_s=produced_at_s, entries=entries, certificates=_certificates(extra) if extra else (),
    )  # fmt: skip


def _certificates(extra: der.Der) -> tuple[Certificate, ...]:
    holder = extra.parts()
    listed = list(holder.take(der.SEQUENCE).children())[:ANSWERS_MAX]
    holder.finish()
    return tuple(parse_certificate(each.raw) for each in listed)


def _response_data(tbs: der.Der) -> tuple[int, tuple[OcspEntry, ...]]:
    fields = tbs.parts()
    fields.optional(0xA0)  # version
    if fields.take().tag not in (0xA1, 0xA2):
        raise malformed("an OCSP answer does not say who answers")
    produced_at_s = fields.take(der.GENERALIZED_TIME).time_s()
    listed = list(fields.take(der.SEQUENCE).children())
    fields.optional(0xA1)  # extensions, such as the nonce of whoever fetched it
    fields.finish()
    if not 0 < len(listed) <= ANSWERS_MAX:
        raise malformed(f"an OCSP answer speaks of {len(listed)} certificates")
    return produced_at_s, tuple(_entry(each) for each in listed)


def _entry(single: der.Der) -> OcspEntry:
    fields = single.parts(der.SEQUENCE)
    about = fields.take(der.SEQUENCE).parts()
    algorithm = about.take(der.SEQUENCE).parts().take().oid()
    name_hash, key_hash = about.take(der.OCTET_STRING).value, about.take(der.OCTET_STRING).value
    serial = about.take().integer()
    about.finish()
    status = _STATUS.get(fields.take().tag)
    this_update_s = fields.take(der.GENERALIZED_TIME).time_s()
    next_update_s = None
    if (wrapper := fields.optional(0xA0)) is not None:
        next_update_s = wrapper.parts().take(der.GENERALIZED_TIME).time_s()
    fields.optional(0xA1)
    fields.finish()
    if status is None or algorithm not in _HASHES:
        raise malformed("an OCSP answer has an unknown status or hash")
    return OcspEntry(
        hash_name=_HASHES[algorithm], issuer_name_hash=name_hash, issuer_key_hash=key_hash, serial=serial,
        status=status, this_update_s=this_update_s, next_update_s=next_update_s,
    )  # fmt: skip


def _key_bits(issuer: Certificate) -> bytes:
    fields = der.whole(issuer.spki).parts()
    fields.take(der.SEQUENCE)
    return fields.take(der.BIT_STRING).bits()
