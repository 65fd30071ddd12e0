"""Certificate revocation lists: read, their signature checked, their window compared with the given time."""

from __future__ import annotations

import msgspec

from freehold.seal.attest import der
from freehold.seal.attest.certificate import parse_extensions
from freehold.seal.attest.malformed import malformed
from freehold.seal.attest.signature import ALGORITHMS

CRL_BYTES_MAX = 4 * 1024 * 1024
KNOWN_CRITICAL = {"2.5.29.20", "2.5.29.35"}
"""CRL number and authority key id; a critical issuing distribution point would narrow the list, so it is
refused."""


class Crl(msgspec.Struct, frozen=True, kw_only=True):
    raw: bytes
    tbs: bytes
    algorithm: str
    signature: bytes
    issuer: bytes
    this_update_s: int
    next_update_s: int | None
    number: int | None
    revoked: frozenset[int]


def parse_crl(data: bytes) -> Crl:
    if len(data) > CRL_BYTES_MAX:
        raise malformed(f"a CRL has {len(data)} bytes", why=f"at most {CRL_BYTES_MAX} are read")
    outer = der.whole(data).parts()
    tbs, algorithm, signature = outer.take(der.SEQUENCE), outer.take(der.SEQUENCE), outer.take(der.BIT_STRING)
    outer.finish()
    fields = tbs.parts()
    version = fields.optional(der.INTEGER)
    if version is None or version.integer() != 1:
        raise malformed("a CRL is not of version 2")
    if fields.take(der.SEQUENCE).raw != algorithm.raw:
        raise malformed("a CRL names two signature algorithms")
    issuer = fields.take(der.SEQUENCE).raw
    this_update_s = fields.take().time_s()
    next_update_s = fields.take().time_s() if fields.peek() in (der.UTC_TIME, der.GENERALIZED_TIME) else None
    listed = fields.optional(der.SEQUENCE)
    wrapper = fields.optional(0xA0)
    fields.finish()
    extensions = parse_extensions(wrapper) if wrapper else {}
    if strange := [oid for oid, found in extensions.items() if found.critical and oid not in KNOWN_CRITICAL]:
        raise malformed(
            f"a CRL has the critical extension {strange[0]}", why="it could narrow what the list covers"
        )
    number = extensions.get("2.5.29.20")
    return Crl(
        raw=data, tbs=tbs.raw, algorithm=ALGORITHMS.get(algorithm.raw, "unknown"), signature=signature.bits(),
        issuer=issuer, this_update_s=this_update_s, next_update_s=next_update_s,
        number=der.whole(number.value, der.INTEGER).integer() if number else None,
        revoked=frozenset(_serials(listed)) if listed else frozenset(),
    )  # fmt: skip


def _serials(listed: der.Der) -> list[int]:
    """Of every entry; when and why is not read: revoked is revoked. Lists are long, so this is lean."""
    serials, data = [], listed.data
    for entry in listed.children():
        serial = der.Der(data, entry.expect(der.SEQUENCE).body, entry.end)
        serials.append(serial.integer())
        when = der.Der(data, serial.end, entry.end)
        if when.tag not in (der.UTC_TIME, der.GENERALIZED_TIME):
            raise malformed("an entry of a CRL has no date")
        if when.end != entry.end and der.Der(data, when.end, entry.end).expect(der.SEQUENCE).end != entry.end:
            raise malformed("an entry of a CRL holds more than it may")
    return serials
