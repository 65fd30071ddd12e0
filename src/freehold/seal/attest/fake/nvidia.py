"""Fake NVIDIA devices: chains of five, reports of GPUs and switches, signed manifests, OCSP answers."""

from __future__ import annotations

import base64
import hashlib
import json
from itertools import pairwise

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from freehold.seal.attest.c14n import canonical, parse_xml
from freehold.seal.attest.fake.intel import pem
from freehold.seal.attest.fake.keys import curve_key, spki_of
from freehold.seal.attest.fake.writer import (
    Extra,
    Issuer,
    authority_extras,
    integer,
    leaf_extras,
    name,
    octets,
    oid,
    raw_signature,
    sequence,
    tlv,
)

YEAR_S = 366 * 86400
FWID = hashlib.sha384(b"freehold test firmware").digest()
SHA384_OID = "2.16.840.1.101.3.4.2.2"
DICE = "2.23.133.5.4.1"
TITLES = {
    kind: (
        f"{chip} FMC LF",
        f"{chip} BROM",
        f"NVIDIA {chip[:5]} Provisioner ICA 1",
        f"NVIDIA {chip[:5]} Identity",
    )
    for kind, chip in (("gpu", "GH100 A01 GSP"), ("blackwell", "GB100 A01 GSP"), ("switch", "LS_10 A01 FSP"))
}
DRIVER, VBIOS, SWITCH_BIOS = "999.01.02", "96.00.5E.00.01", "96.10.55.00.01"
NVDEC_DISABLED, NVDEC_ENABLED = 0x55, 0xAA


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """What a fake device says. `number` tells devices of one machine apart."""

    kind: str = "gpu"
    number: int = 0
    nonce: bytes = bytes(32)
    mode: int | None = 0
    fwid: bytes | None = FWID
    certified_fwid: bytes = FWID
    nvdec: int = NVDEC_ENABLED
    changed: dict[int, bytes] = {}
    trailing: bytes = b""


PLAIN = Device()


def measurements(said: Device) -> dict[int, bytes]:
    """Index -> value, as the manifests name them: one less than the block's index."""
    count = 31 if said.kind == "switch" else 64
    values = {i: hashlib.sha384(f"freehold test measurement {i}".encode()).digest() for i in range(count)}
    return values | said.changed


def _issuers(kind: str) -> tuple[Issuer, ...]:
    """From the device's own authority up to the root."""
    titles = (*TITLES[kind][1:], "NVIDIA Device Identity CA")
    keys = [
        curve_key("nvidia root" if "Device Identity" in title else f"nvidia {title}", "secp384r1")
        for title in titles
    ]
    return tuple(
        Issuer(subject=name(title), key=key, algorithm="ecdsa-sha384")
        for title, key in zip(titles, keys, strict=True)
    )


def device_root() -> Issuer:
    return _issuers("gpu")[-1]


def leaf_key(said: Device) -> ec.EllipticCurvePrivateKey:
    return curve_key(f"nvidia leaf {said.kind} {said.number}", "secp384r1")


def chain(said: Device = PLAIN, *, at_s: int) -> bytes:
    """Leaf to root as PEM."""
    window = {"start_s": at_s - YEAR_S, "end_s": at_s + YEAR_S}
    issuers = _issuers(said.kind)
    extras = (*leaf_extras(), Extra(DICE, _dice(said)))
    leaf = issuers[0].certificate(
        name(TITLES[said.kind][0]), leaf_key(said), serial=100 + said.number, extras=extras, **window
    )
    listed = [leaf]
    for depth, (below, above) in enumerate(pairwise(issuers)):
        listed.append(
            above.certificate(
                below.subject, below.key, serial=10 + depth, extras=authority_extras(), **window
            )
        )
    listed.append(issuers[-1].own(**window))
    return b"".join(pem(each) for each in listed)


def _dice(said: Device) -> bytes:
    """The compound form of Hopper and the switch, or Blackwell's TcbInfo with several firmware ids."""
    fwid = sequence(oid(SHA384_OID), octets(said.certified_fwid))
    if said.kind != "blackwell":
        return sequence(integer(1), spki_of(leaf_key(said)), fwid)
    other = sequence(oid(SHA384_OID), octets(bytes(48)))
    return sequence(tlv(0x80, b"NVIDIA"), tlv(0x83, b"\x01"), tlv(0xA6, fwid, other))


def answers(
    said: Device = PLAIN, *, at_s: int, revoked: tuple[int, ...] = (), age_s: int = 3600
) -> list[bytes]:
    """An OCSP answer of each authority about the certificate below it, the device's leaf left out."""
    issuers = _issuers(said.kind)
    return [
        above.ocsp(
            {10 + depth: "revoked" if 10 + depth in revoked else "good"},
            this_s=at_s - age_s,
            next_s=at_s + 7 * 86400,
        )
        for depth, above in enumerate(issuers[1:])
    ]


def report(said: Device = PLAIN) -> bytes:
    blocks = b""
    values = measurements(said)
    for index, value in values.items():
        block = b"\x01" + len(value).to_bytes(2, "little") + value
        blocks += bytes([index + 1, 1]) + len(block).to_bytes(2, "little") + block
    request = b"\x11\xe0\x01\xff" + said.nonce + b"\x00"
    response = b"\x11\x60\x00\x00" + bytes([len(values)]) + len(blocks).to_bytes(3, "little") + blocks
    opaque = _opaque(said)
    body = request + response + bytes(32) + len(opaque).to_bytes(2, "little") + opaque
    return body + raw_signature(leaf_key(said), body) + said.trailing


def _opaque(said: Device) -> bytes:
    fields: list[tuple[int, bytes]] = []
    if said.kind == "switch":
        fields += [(6, SWITCH_BIOS.encode()), (22, bytes([said.number + 1]) * 8)]
    else:
        fields += [
            (6, bytes.fromhex("005e009601000000")),
            (3, DRIVER.encode() + b"\x00"),
            (11, bytes([said.nvdec])),
        ]
        fields += [] if said.mode is None else [(36, said.mode.to_bytes(2, "little"))]
    fields += [] if said.fwid is None else [(20, said.fwid)]
    return b"".join(
        number.to_bytes(2, "little") + len(value).to_bytes(2, "little") + value for number, value in fields
    )


def evidence_file(devices: list[Device], *, at_s: int) -> bytes:
    """NVIDIA's own file format: one entry for each device."""
    return json.dumps([
        {
            "arch": "HOPPER", "nonce": said.nonce.hex(),
            "evidence": base64.b64encode(report(said)).decode(),
            "certificate": base64.b64encode(chain(said, at_s=at_s)).decode(),
        }
        for said in devices
    ]).encode()  # fmt: skip


def manifests(said: Device = PLAIN, *, at_s: int) -> dict[str, bytes]:
    """The signed reference values of a device's firmware, by file name."""
    values = measurements(msgspec.structs.replace(said, changed={}))
    if said.kind == "switch":
        return {"rim_bios.xml": manifest(SWITCH_BIOS, values, at_s=at_s)}
    driver = {index: value for index, value in values.items() if index % 2}
    return {
        "rim_driver.xml": manifest(DRIVER, driver, at_s=at_s),
        "rim_vbios.xml": manifest(VBIOS, {i: v for i, v in values.items() if i not in driver}, at_s=at_s),
    }


def rim_issuers() -> tuple[Issuer, Issuer]:
    """The root, and the authority that issues the signer's certificate."""
    root = Issuer(
        subject=name("NVIDIA CoRIM signing Root CA"),
        key=curve_key("nvidia rim root", "secp384r1"),
        algorithm="ecdsa-sha384",
    )
    middle = Issuer(
        subject=name("NVIDIA Reference Value CA"),
        key=curve_key("nvidia rim ca", "secp384r1"),
        algorithm="ecdsa-sha384",
    )
    return root, middle


def manifest(version: str, values: dict[int, bytes], *, at_s: int) -> bytes:
    """A SWID tag with an enveloped signature, as NVIDIA publishes them."""
    resources = "".join(
        f'<ns0:Resource type="Measurement" index="{index}" active="True" alternatives="1" '
        f'ns2:Hash0="{value.hex()}" name="Measurement_{index}" size="48"/>\n'
        for index, value in values.items()
    )
    head = (
        '<SoftwareIdentity xmlns="http://standards.iso.org/iso/19770/-2/2015/schema.xsd" '
        'xmlns:ns0="http://standards.iso.org/iso/19770/-2/2015/schema.xsd" '
        'xmlns:ns2="http://www.w3.org/2001/04/xmlenc#sha384" name="TEST">\n'
        f'<ns0:Meta colloquialVersion="{version}" product="GH100"/>\n'
        f"<ns0:Payload>\n{resources}</ns0:Payload>\n"
    )
    digest = base64.b64encode(hashlib.sha384(canonical(parse_xml((head + END).encode()))).digest()).decode()
    unsigned = head + _signature(digest, "", _certificates(at_s)) + END
    root = parse_xml(unsigned.encode())
    info = root.elements(DS, "Signature")[0].elements(DS, "SignedInfo")[0]
    signature = raw_signature(curve_key("nvidia rim signer", "secp384r1"), canonical(info))
    return (
        head + _signature(digest, base64.b64encode(signature).decode(), _certificates(at_s)) + END
    ).encode()


END = "</SoftwareIdentity>\n"
DS = "http://www.w3.org/2000/09/xmldsig#"


def _certificates(at_s: int) -> str:
    root, middle = rim_issuers()
    window = {"start_s": at_s - YEAR_S, "end_s": at_s + YEAR_S}
    signer = middle.certificate(
        name("HCC RIM L4 Signer"),
        curve_key("nvidia rim signer", "secp384r1"),
        serial=21,
        extras=leaf_extras(),
        **window,
    )
    above = root.certificate(middle.subject, middle.key, serial=20, extras=authority_extras(), **window)
    listed = (signer, above, root.own(**window))
    return "".join(
        f"<ds:X509Certificate>{base64.b64encode(each).decode()}</ds:X509Certificate>" for each in listed
    )


def _signature(digest: str, signature: str, certificates: str) -> str:
    return (
        f'<ds:Signature xmlns:ds="{DS}"><ds:SignedInfo>'
        '<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2006/12/xml-c14n11"/>'
        '<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"/>'
        f'<ds:Reference URI=""><ds:Transforms><ds:Transform Algorithm="{DS}enveloped-signature"/>'
        '<ds:Transform Algorithm="http://www.w3.org/2006/12/xml-c14n11"/></ds:Transforms>'
        '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#sha384"/>'
        f"<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
        f"<ds:SignatureValue>{signature}</ds:SignatureValue>"
        f"<ds:KeyInfo><ds:X509Data>{certificates}</ds:X509Data></ds:KeyInfo></ds:Signature>"
    )
