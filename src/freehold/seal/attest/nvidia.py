"""NVIDIA GPUs and switches: what a device of the data centre says about its own firmware.

Steps, and the attack each stops:
  1. request, response, blocks, fields by lengths       bytes that two readers read differently
  2. leaf through the device chain to the pinned CA     a report by a key of one's own
  3. dated OCSP answers and the deny list               a device whose certificate is held or revoked
  4. the report is signed by the leaf                   changed measurements
  5. the leaf is the one of this firmware (FWID)        the key of other firmware
  6. measurements equal the signed reference values     changed firmware, developer mode
  7. the sharing mode is one the policy allows          a device in a weaker mode
  8. the request's nonce                                a replay, or the GPU of another machine
"""

from __future__ import annotations

from freehold.seal.attest import der
from freehold.seal.attest.certificate import Certificate, parse_pem
from freehold.seal.attest.chain import Chain, check_chain, check_denied
from freehold.seal.attest.context import Context
from freehold.seal.attest.freshness import device_nonce
from freehold.seal.attest.malformed import malformed
from freehold.seal.attest.ocsp_check import check_ocsp
from freehold.seal.attest.recognise import Piece
from freehold.seal.attest.result import Checks, Claim, Part
from freehold.seal.attest.rim import check_reference
from freehold.seal.attest.spdm import DeviceReport, parse_device_report

DICE_EXTENSIONS = ("2.23.133.5.4.1", "2.23.133.5.4.1.1")
FWIDS_TAG = 0xA6
FWID_BYTES = 48
DISABLED, ENABLED = 0x55, 0xAA
MODES = {0: "single", 1: "multi", 2: "protected-pcie"}
ARCHITECTURES = {"GH": "Hopper", "GB": "Blackwell", "LS": "LS10"}


def verify(piece: Piece, context: Context) -> Part:
    checks = Checks()
    report = parse_device_report(piece.data)  # 1
    checks.ok("format", f"an SPDM report with {len(report.measurements)} measurements")
    if report.trailing:
        checks.notes.append(
            f"{report.trailing} bytes follow the report; they are not signed and were not read"
        )
    if report.unknown_fields:
        checks.notes.append(f"opaque fields {', '.join(map(str, report.unknown_fields))}: meaning not known")
    chain = _check_chain(checks, piece, report, context)  # 2 to 4
    device = device_kind(report, chain)
    if chain is not None:
        _check_fwid(checks, report, chain.leaf)  # 5
    matched = check_reference(checks, report, wanted_references(report, device), context)  # 6
    if device == "gpu":
        _check_mode(checks, report, matched, context)  # 7
    check_nonce_of_device(checks, report, context)  # 8
    return Part(
        kind="nvidia", source=piece.name, tier="attested", claims=_claims(report, chain, device, matched),
        checks=tuple(checks.found), levels=tuple(checks.levels), advisories=(), notes=tuple(checks.notes),
    )  # fmt: skip


def device_kind(report: DeviceReport, chain: Chain | None) -> str:
    """By its certificate; where there is none, by the driver version, which only GPUs report."""
    if chain is not None:
        return "switch" if _chip(chain).startswith("LS") else "gpu"
    return "gpu" if "driver-version" in report.fields else "switch"


def _check_chain(checks: Checks, piece: Piece, report: DeviceReport, context: Context) -> Chain | None:
    """Steps 2 to 4. A chain that came in the same container is the only one looked at."""
    own = tuple(certificate for pem in piece.attached for certificate in parse_pem(pem, context.memo))
    pool = own or context.collateral.certificates
    leaves = [each for each in pool if any(oid in each.extensions for oid in DICE_EXTENSIONS)]
    signers = [
        each
        for each in leaves
        if context.memo.holds_raw(each.spki, "ecdsa-sha384", report.signed, report.signature)
    ]
    if not leaves:
        checks.bad("chain", "no device certificate came with the report")
        return None
    chain = check_chain(checks, signers[0] if signers else leaves[0], pool, "nvidia-device", context)
    if chain is not None and not check_denied(checks, chain.certificates, context):
        check_ocsp(checks, chain, context)
    checks.expect(
        "signature",
        bool(signers),
        "signed by the device's certificate",
        "not signed by the certificate that came with it",
    )
    return chain


def _check_fwid(checks: Checks, report: DeviceReport, leaf: Certificate) -> None:
    """Step 5."""
    said, certified = report.fields.get("fwid"), certified_fwid(leaf)
    if said is None:
        checks.open("leaf", "this driver's report names no firmware id to compare the certificate with")
    else:
        checks.expect(
            "leaf",
            said == certified,
            "the certificate is for this firmware",
            "the certificate is for other firmware",
        )


def certified_fwid(leaf: Certificate) -> bytes:
    """The firmware id in the leaf: the one of the old compound form (Hopper), or the first of TcbInfo
    (Blackwell)."""
    extension = next((leaf.extensions[oid] for oid in DICE_EXTENSIONS if oid in leaf.extensions), None)
    if extension is None:
        raise malformed("the device certificate has no DICE extension")
    listed = list(der.whole(extension.value).children())
    for child in listed:
        if child.tag == FWIDS_TAG:
            return _fwid(next(iter(child.children()), None))
    return _fwid(listed[-1] if listed else None)


def _fwid(element: der.Der | None) -> bytes:
    if element is None:
        raise malformed("the DICE extension holds no firmware id")
    fields = element.parts(der.SEQUENCE)
    fields.take(der.OID)
    value = fields.take(der.OCTET_STRING).value
    if len(value) != FWID_BYTES:
        raise malformed(f"the firmware id has {len(value)} bytes, not {FWID_BYTES}")
    return value


def _check_mode(checks: Checks, report: DeviceReport, matched: bool | None, context: Context) -> None:
    """Step 7. The report says how the GPU is shared; that it is not in developer mode only its firmware
    shows."""
    modes = context.policy.gpu_mode
    mode = sharing_mode(report)
    if mode is not None and mode not in modes:
        checks.bad("cc-mode", f"the GPU is in the mode {mode!r}, the policy allows {', '.join(modes)}")
    elif matched:
        checks.ok(
            "cc-mode",
            f"the firmware is the confidential one; the mode is {mode or 'not said by this driver'}",
        )
    elif matched is None:
        checks.open("cc-mode", "without reference values, developer mode looks like confidential mode")
    else:
        checks.bad("cc-mode", "the firmware is not the reference: the GPU may be in developer mode")


def sharing_mode(report: DeviceReport) -> str | None:
    flag = report.fields.get("feature-flag")
    if flag is None:
        protected = report.fields.get("protected-pcie", b"")
        return "protected-pcie" if protected[:1] == bytes([ENABLED]) else None
    number = int.from_bytes(flag, "little")
    return MODES.get(number, f"unknown {number}")


def check_nonce_of_device(checks: Checks, report: DeviceReport, context: Context) -> None:
    """Step 8: the nonce comes from the signed request, never from the container around it."""
    if context.binding is None:
        expected = device_nonce(context)
        if expected is None:
            checks.open("nonce", "no nonce was given to compare with, so this may be a replay")
        else:
            same = report.nonce == expected
            checks.expect(
                "nonce", same, "the request's nonce is this nonce", "the request's nonce is another nonce"
            )
        checks.open("binding", "no key was given, so this may be the device of another machine")
        return
    same = report.nonce == context.binding.gpu_nonce()
    checks.expect(
        "nonce", same, "the nonce is the hash of this request", "the nonce is not the hash of this request"
    )
    checks.expect(
        "binding",
        same,
        "the nonce names exactly these keys",
        "the device was asked for other keys, or for another machine",
    )


def _chip(chain: Chain | None) -> str:
    """The chip's name as its certificate has it, such as GH100; empty where there is no chain."""
    return chain.leaf.title.split(" ")[0].replace("_", "") if chain is not None else ""


def vbios_version(report: DeviceReport) -> str:
    """As people write it: 96.00.5E.00.01. Switches carry it as text."""
    raw = report.fields.get("vbios-version", b"")
    if len(raw) != 8:
        return raw.decode("ascii", "replace").strip("\x00")
    ordered = raw[3::-1] + raw[4:5]
    return ".".join(f"{byte:02X}" for byte in ordered)


def driver_version(report: DeviceReport) -> str | None:
    raw = report.fields.get("driver-version")
    return None if raw is None else raw.decode("ascii", "replace").strip("\x00")


def wanted_references(report: DeviceReport, device: str) -> dict[str, str | None]:
    """The firmware a report says it runs; a switch has no driver of its own."""
    wanted: dict[str, str | None] = {"VBIOS": vbios_version(report)}
    return wanted if device == "switch" else {"driver": driver_version(report), **wanted}


def _claims(report: DeviceReport, chain: Chain | None, device: str, matched: bool | None) -> dict[str, Claim]:
    chip = _chip(chain)
    claims: dict[str, Claim] = {
        "oemid": "NVIDIA", "hwmodel": chip or "unknown", "x-device": device,
        "x-architecture": ARCHITECTURES.get(chip[:2], "unknown"), "eat_nonce": report.nonce.hex(),
        "ueid": chain.leaf.spki_digest if chain is not None else None,
        "x-vbios-version": vbios_version(report), "x-driver-version": driver_version(report),
        "measres": {True: "success", False: "fail", None: "not-run"}[matched],
        "x-mode": sharing_mode(report),
    }  # fmt: skip
    return claims
