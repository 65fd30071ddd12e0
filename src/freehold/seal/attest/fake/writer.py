"""DER and X.509, written by hand: the library refuses the serial number 0 that AMD's leaves have."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

from freehold.seal.attest.fake.keys import PrivateKey, spki_of
from freehold.seal.attest.signature import ALGORITHMS

_IDENTIFIERS = {name: raw for raw, name in reversed(ALGORITHMS.items())}
_NAME_OIDS = (("CN", "2.5.4.3"), ("O", "2.5.4.10"))
GENERALIZED_FROM_YEAR = 2050


def tlv(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def sequence(*parts: bytes) -> bytes:
    return tlv(0x30, *parts)


def integer(value: int) -> bytes:
    size = (value if value >= 0 else ~value).bit_length() // 8 + 1  # -128 needs one byte, 128 needs two
    return tlv(0x02, value.to_bytes(size, "big", signed=True))


def oid(text: str) -> bytes:
    first, second, *rest = (int(arc) for arc in text.split("."))
    body = b""
    for arc in (first * 40 + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(arc & 0x7F | 0x80)
        body += bytes(reversed(groups))
    return tlv(0x06, body)


def octets(data: bytes) -> bytes:
    return tlv(0x04, data)


def bits(data: bytes, unused: int = 0) -> bytes:
    return tlv(0x03, bytes([unused]), data)


def ia5(text: str) -> bytes:
    return tlv(0x16, text.encode("ascii"))


def time(at_s: int) -> bytes:
    """The short form up to 2049, as X.509 wants it, and the long one after."""
    at = datetime.fromtimestamp(at_s, UTC)
    if at.year < GENERALIZED_FROM_YEAR:
        return tlv(0x17, at.strftime("%y%m%d%H%M%SZ").encode())
    return generalized_time(at_s)


def generalized_time(at_s: int) -> bytes:
    return tlv(0x18, datetime.fromtimestamp(at_s, UTC).strftime("%Y%m%d%H%M%SZ").encode())


def name(common: str, organization: str = "Freehold test") -> bytes:
    values = {"CN": common, "O": organization}
    return sequence(
        *(tlv(0x31, sequence(oid(code), tlv(0x0C, values[key].encode()))) for key, code in _NAME_OIDS)
    )


class Extra(msgspec.Struct, frozen=True):
    """One certificate extension."""

    oid: str
    value: bytes
    critical: bool = False

    def encoded(self) -> bytes:
        flag = tlv(0x01, b"\xff") if self.critical else b""
        return sequence(oid(self.oid), flag, octets(self.value))


def authority_extras(path_length: int | None = None) -> tuple[Extra, ...]:
    limit = b"" if path_length is None else integer(path_length)
    usage = bits(bytes([0x06]), 1)  # certificate and CRL signing
    return Extra("2.5.29.19", sequence(tlv(0x01, b"\xff"), limit), True), Extra("2.5.29.15", usage, True)


def leaf_extras() -> tuple[Extra, ...]:
    return (Extra("2.5.29.15", bits(bytes([0x80]), 7), True),)


def sign(key: PrivateKey, algorithm: str, message: bytes) -> bytes:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(message, ec.ECDSA(SHA256() if algorithm.endswith("256") else SHA384()))
    if isinstance(key, rsa.RSAPrivateKey) and algorithm == "rsa-pss-sha384-48":
        return key.sign(message, padding.PSS(padding.MGF1(SHA384()), 48), SHA384())
    return key.sign(message, padding.PKCS1v15(), SHA256())


class Issuer(msgspec.Struct, frozen=True, kw_only=True):
    """A name and a key that sign certificates, lists and answers."""

    subject: bytes
    key: PrivateKey
    algorithm: str

    def certificate(
        self,
        subject: bytes,
        key: PrivateKey,
        *,
        serial: int,
        start_s: int,
        end_s: int,
        extras: Sequence[Extra],
    ) -> bytes:
        identifier = _IDENTIFIERS[self.algorithm]
        listed = sequence(*(extra.encoded() for extra in extras))
        tbs = sequence(
            tlv(0xA0, integer(2)), integer(serial), identifier, self.subject,
            sequence(time(start_s), time(end_s)), subject, spki_of(key), tlv(0xA3, listed),
        )  # fmt: skip
        return sequence(tbs, identifier, bits(sign(self.key, self.algorithm, tbs)))

    def own(self, *, start_s: int, end_s: int, serial: int = 1) -> bytes:
        """Its self-signed certificate."""
        return self.certificate(
            self.subject, self.key, serial=serial, start_s=start_s, end_s=end_s, extras=authority_extras()
        )

    def crl(self, revoked: Sequence[int], *, this_s: int, next_s: int, number: int = 1) -> bytes:
        identifier = _IDENTIFIERS[self.algorithm]
        listed = (
            sequence(*(sequence(integer(serial), time(this_s)) for serial in revoked)) if revoked else b""
        )
        extras = tlv(0xA0, sequence(Extra("2.5.29.20", integer(number)).encoded()))
        tbs = sequence(integer(1), identifier, self.subject, time(this_s), time(next_s), listed, extras)
        return sequence(tbs, identifier, bits(sign(self.key, self.algorithm, tbs)))

    def ocsp(self, statuses: dict[int, str], *, this_s: int, next_s: int) -> bytes:
        """A successful answer of the issuer itself about certificates it issued, by serial number."""
        identifier = _IDENTIFIERS[self.algorithm]
        point = spki_of(self.key)[-97:]
        hashes = octets(hashlib.sha384(self.subject).digest()), octets(hashlib.sha384(point).digest())
        sha384 = sequence(oid("2.16.840.1.101.3.4.2.2"))
        said = {"good": tlv(0x80), "revoked": tlv(0xA1, generalized_time(this_s)), "unknown": tlv(0x82)}
        window = generalized_time(this_s), tlv(0xA0, generalized_time(next_s))
        single = [
            sequence(sequence(sha384, *hashes, integer(serial)), said[status], *window)
            for serial, status in statuses.items()
        ]
        tbs = sequence(tlv(0xA1, self.subject), generalized_time(this_s), sequence(*single))
        basic = sequence(tbs, identifier, bits(sign(self.key, self.algorithm, tbs)))
        return sequence(tlv(0x0A, b"\x00"), tlv(0xA0, sequence(oid("1.3.6.1.5.5.7.48.1.1"), octets(basic))))


def raw_signature(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """r || s, big endian, with the hash that goes with the curve."""
    size = (key.curve.key_size + 7) // 8
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(SHA256() if size == 32 else SHA384())))
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def public_point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """x || y."""
    size = (key.curve.key_size + 7) // 8
    return spki_of(key)[-2 * size :]
