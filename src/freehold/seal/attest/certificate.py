"""One X.509 certificate, read with our own DER reader and kept as the bytes that were signed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from functools import lru_cache

import msgspec

from freehold.seal.attest import der
from freehold.seal.attest.malformed import malformed
from freehold.seal.attest.signature import ALGORITHMS, Memo

CERTIFICATE_BYTES_MAX = 64 * 1024
CERTIFICATES_MAX = 64
EXTENSIONS_MAX = 64
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----\s*([A-Za-z0-9+/=\s]+?)\s*-----END CERTIFICATE-----")
_NAMES = {
    "2.5.4.3": "CN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
}


class Extension(msgspec.Struct, frozen=True, kw_only=True):
    critical: bool
    value: bytes


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """`issuer` and `subject` are raw DER names: compared as bytes, never trusted as names."""

    raw: bytes
    tbs: bytes
    serial: int
    algorithm: str
    issuer: bytes
    subject: bytes
    not_before_s: int
    not_after_s: int
    spki: bytes
    extensions: dict[str, Extension]
    signature: bytes

    @property
    def spki_digest(self) -> str:
        return hashlib.sha256(self.spki).hexdigest()

    @property
    def title(self) -> str:
        """The common name, for people only."""
        return common_name(self.subject) or f"serial {self.serial:x}"

    @property
    def self_issued(self) -> bool:
        return self.issuer == self.subject


def parse_certificate(data: bytes) -> Certificate:
    if len(data) > CERTIFICATE_BYTES_MAX:
        raise malformed(
            f"a certificate has {len(data)} bytes", why=f"at most {CERTIFICATE_BYTES_MAX} are read"
        )
    outer = der.whole(data).parts()
    tbs, algorithm, signature = outer.take(der.SEQUENCE), outer.take(der.SEQUENCE), outer.take(der.BIT_STRING)
    outer.finish()
    fields = tbs.parts()
    if (version := fields.optional(0xA0)) is None or version.value != b"\x02\x01\x02":
        raise malformed("a certificate is not of version 3")
    serial = fields.take().integer()
    if fields.take(der.SEQUENCE).raw != algorithm.raw:
        raise malformed(
            "a certificate names two signature algorithms", why="the signed one must be the one used"
        )
    issuer = fields.take(der.SEQUENCE).raw
    validity = fields.take(der.SEQUENCE).parts()
    not_before_s, not_after_s = validity.take().time_s(), validity.take().time_s()
    validity.finish()
    subject, spki = fields.take(der.SEQUENCE).raw, fields.take(der.SEQUENCE).raw
    for tag in (0x81, 0x82):  # unique identifiers: skipped, they are inside the signed bytes
        fields.optional(tag)
    wrapper = fields.optional(0xA3)
    fields.finish()
    return Certificate(
        raw=data, tbs=tbs.raw, serial=serial,
        algorithm=ALGORITHMS.get(algorithm.raw, f"unknown {algorithm.raw.hex()[:40]}"),
        issuer=issuer, subject=subject, not_before_s=not_before_s, not_after_s=not_after_s, spki=spki,
        extensions=parse_extensions(wrapper) if wrapper else {}, signature=signature.bits(),
    )  # fmt: skip


def parse_extensions(wrapper: der.Der) -> dict[str, Extension]:
    """The content of an explicitly tagged Extensions; one that comes twice is refused."""
    holder = wrapper.parts()
    listed = holder.take(der.SEQUENCE)
    holder.finish()
    found: dict[str, Extension] = {}
    for child in listed.children():
        parts = child.parts(der.SEQUENCE)
        oid = parts.take().oid()
        critical = flag.boolean() if (flag := parts.optional(der.BOOLEAN)) else False
        value = parts.take(der.OCTET_STRING).value
        parts.finish()
        if oid in found or len(found) >= EXTENSIONS_MAX:
            raise malformed(f"extension {oid} comes twice, or there are too many")
        found[oid] = Extension(critical=critical, value=value)
    return found


@lru_cache(maxsize=256)
def common_name(name: bytes) -> str:
    return name_parts(name).get("CN", "")


def name_parts(name: bytes) -> dict[str, str]:
    """The readable parts of a distinguished name, for messages and claims."""
    parts: dict[str, str] = {}
    for group in der.whole(name).children():
        for pair in group.expect(der.SET).children():
            fields = pair.parts(der.SEQUENCE)
            oid, value = fields.take().oid(), fields.take().value
            parts.setdefault(_NAMES.get(oid, oid), value.decode("utf-8", "replace"))
    return parts


def parse_pem(data: bytes, memo: Memo | None = None) -> tuple[Certificate, ...]:
    """Every certificate in a PEM text, in its order. Text around them is skipped, as every tool does."""
    found: list[Certificate] = []
    memo = memo or Memo()
    for match in _PEM.finditer(data.replace(b"\x00", b"")):
        if len(found) >= CERTIFICATES_MAX:
            raise malformed(f"more than {CERTIFICATES_MAX} certificates in one file")
        text = b"".join(match[1].split())
        try:
            raw = base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise malformed("a PEM certificate is not base64") from error
        if base64.b64encode(raw) != text:
            raise malformed("a PEM certificate is base64 with stray bits")
        found.append(memo.read(parse_certificate, raw))
    if data.count(b"-----BEGIN CERTIFICATE-----") != len(found):
        raise malformed("a PEM certificate has no readable body or no end")
    return tuple(found)
