"""Fake SEV-SNP: a chain of AMD's shape under a test root, its revocation list, reports of every version."""

from __future__ import annotations

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384

from freehold.seal.attest.fake.keys import curve_key, rsa_key
from freehold.seal.attest.fake.writer import Extra, Issuer, authority_extras, ia5, integer, name
from freehold.seal.attest.snp_report import TCB_ORDER

YEAR_S = 366 * 86400
AMD = "1.3.6.1.4.1.3704.1."
FAMILIES = {"Milan": (0x19, 0x01), "Genoa": (0x19, 0x11), "Turin": (0x1A, 0x02)}
HWID_BYTES = {"Milan": 64, "Genoa": 64, "Turin": 8}
TCB = {"fmc": 1, "bootloader": 4, "tee": 1, "snp": 24, "microcode": 219}
OIDS = {"fmc": "3.9", "bootloader": "3.1", "tee": "3.2", "snp": "3.3", "microcode": "3.8"}
ASK_SERIAL = 0x10001
GUEST_POLICY = 0x30000


class Snp(msgspec.Struct, frozen=True, kw_only=True):
    """What a fake report says. `fields` overwrites bytes at offsets before signing."""

    product: str = "Milan"
    version: int = 3
    key: str = "VCEK"
    report_data: bytes = bytes(64)
    measurement: bytes = b"\x11" * 48
    host_data: bytes = bytes(32)
    policy: int = GUEST_POLICY
    vmpl: int = 0
    platform_info: int = 0x25
    tcb: dict[str, int] = msgspec.field(default_factory=TCB.copy)
    committed: dict[str, int] = msgspec.field(default_factory=TCB.copy)
    chip: bytes = b"\xc4" * 64
    fields: dict[int, bytes] = {}


PLAIN = Snp()


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    leaf: bytes
    authorities: tuple[bytes, ...]
    crl: bytes


def tcb_bytes(product: str, parts: dict[str, int]) -> bytes:
    raw = bytearray(8)
    for part, at in TCB_ORDER[product].items():
        raw[at] = parts[part]
    return bytes(raw)


def chip_id(said: Snp) -> bytes:
    return said.chip[: HWID_BYTES[said.product]].ljust(64, b"\x00")


def report(said: Snp = PLAIN) -> bytes:
    data = bytearray(1184)
    family, model = FAMILIES[said.product]
    tcb, committed = tcb_bytes(said.product, said.tcb), tcb_bytes(said.product, said.committed)
    values: dict[int, bytes] = {
        0x00: said.version.to_bytes(4, "little"), 0x08: said.policy.to_bytes(8, "little"),
        0x30: said.vmpl.to_bytes(4, "little"), 0x34: (1).to_bytes(4, "little"), 0x38: tcb,
        0x40: said.platform_info.to_bytes(8, "little"),
        0x48: (0 if said.key == "VCEK" else 4).to_bytes(4, "little"),
        0x50: said.report_data, 0x90: said.measurement, 0xC0: said.host_data, 0x140: b"\x22" * 32, 0x180: tcb,
        0x188: bytes([family, model, 1]) if said.version >= 3 else bytes(3),
        0x1A0: chip_id(said) if said.key == "VCEK" else bytes(64), 0x1E0: committed, 0x1F0: tcb,
        **said.fields,
    }  # fmt: skip
    for at, value in values.items():
        data[at : at + len(value)] = value
    signature = leaf_key(said.key).sign(bytes(data[:0x2A0]), ec.ECDSA(SHA384()))
    r, s = decode_dss_signature(signature)
    data[0x2A0 : 0x2A0 + 144] = r.to_bytes(72, "little") + s.to_bytes(72, "little")
    return bytes(data)


def leaf_key(kind: str) -> ec.EllipticCurvePrivateKey:
    return curve_key(f"snp {kind}", "secp384r1")


def root(product: str) -> Issuer:
    return Issuer(
        subject=name(f"ARK-{product}"), key=rsa_key(f"ark-{product.lower()}"), algorithm="rsa-pss-sha384-48"
    )


def chain(said: Snp = PLAIN, *, at_s: int, revoked: tuple[int, ...] = ()) -> Chain:
    """Leaf, ASK or ASVK and ARK, with AMD's own names, which must help nobody."""
    product, ark = said.product, root(said.product)
    above = f"SEV-{product}" if said.key == "VCEK" else f"SEV-VLEK-{product}"
    ask = Issuer(subject=name(above), key=rsa_key("ask"), algorithm="rsa-pss-sha384-48")
    window = {"start_s": at_s - YEAR_S, "end_s": at_s + YEAR_S}
    leaf = ask.certificate(
        name(f"SEV-{said.key}"), leaf_key(said.key), serial=0, extras=leaf_extensions(said), **window
    )
    ask_certificate = ark.certificate(
        ask.subject, ask.key, serial=ASK_SERIAL, extras=authority_extras(0), **window
    )
    crl = ark.crl(revoked, this_s=at_s - 3600, next_s=at_s + 30 * 86400)
    return Chain(leaf=leaf, authorities=(ask_certificate, ark.own(**window)), crl=crl)


def leaf_extensions(said: Snp) -> list[Extra]:
    product_name = {"Milan": "Milan-B0"}.get(said.product, said.product)
    extras = [
        Extra(AMD + "1", integer(1 if said.product == "Turin" else 0)),
        Extra(AMD + "2", ia5(product_name)),
    ]
    extras += [Extra(AMD + OIDS[part], integer(said.tcb[part])) for part in TCB_ORDER[said.product]]
    if said.key == "VCEK":
        extras.append(Extra(AMD + "4", chip_id(said)[: HWID_BYTES[said.product]]))
    else:
        extras.append(Extra(AMD + "5", ia5("CN=cc.example.test")))
    return extras
