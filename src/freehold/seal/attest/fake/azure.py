"""Fake Azure evidence: a fake hardware report bound to claims, whose key signs a fake TPM's quote."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256

from freehold.seal.attest.fake import amd, intel
from freehold.seal.attest.fake.keys import rsa_key

PCRS = tuple(hashlib.sha256(f"freehold test pcr {number}".encode()).digest() for number in range(24))


class AzureVm(msgspec.Struct, frozen=True, kw_only=True):
    """What fake evidence says. `bound` replaces what the hardware report is bound to."""

    hardware: Literal["snp", "tdx"] = "snp"
    nonce: bytes = b"freehold-test-nonce"
    pcrs: tuple[bytes, ...] = PCRS
    selection: bytes = b"\xff\xff\xff"
    secure_boot: bool = True
    bound: bytes | None = None
    snp: amd.Snp = amd.Snp()
    td: intel.Td = intel.Td()


PLAIN = AzureVm()


def claims(said: AzureVm) -> bytes:
    numbers = rsa_key("tpm").public_key().public_numbers()
    key = {"kid": "HCLAkPub", "key_ops": ["sign"], "kty": "RSA", "e": _b64(numbers.e), "n": _b64(numbers.n)}
    settings = {
        "console-enabled": True,
        "secure-boot": said.secure_boot,
        "tpm-enabled": True,
        "vmUniqueId": "TEST",
    }
    return json.dumps(
        {"keys": [key], "vm-configuration": settings, "user-data": ""}, separators=(",", ":")
    ).encode()


def _b64(number: int) -> str:
    data = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def tpm_quote(said: AzureVm) -> bytes:
    selected = [
        value
        for number, value in enumerate(said.pcrs)
        if int.from_bytes(said.selection, "little") >> number & 1
    ]
    digest = hashlib.sha256(b"".join(selected)).digest()
    signer = b"\x00\x0b" + hashlib.sha256(b"freehold test tpm").digest()
    body = bytes.fromhex("ff544347") + (0x8018).to_bytes(2, "big") + _sized(signer) + _sized(said.nonce)
    body += bytes(8) + (2).to_bytes(4, "big") + (0).to_bytes(4, "big") + b"\x01" + bytes(8)
    body += (
        (1).to_bytes(4, "big") + (0x000B).to_bytes(2, "big") + bytes([len(said.selection)]) + said.selection
    )
    return body + _sized(digest)


def _sized(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


def evidence(said: AzureVm = PLAIN, *, at_s: int) -> bytes:
    """The JSON a guest tool writes; the chain above the leaf comes beside it."""
    body = claims(said)
    report_data = (hashlib.sha256(body).digest() if said.bound is None else said.bound).ljust(64, b"\x00")
    message = tpm_quote(said)
    signature = rsa_key("tpm").sign(message, padding.PKCS1v15(), SHA256())
    quote = {"message": message.hex(), "signature": signature.hex(), "pcrs": [pcr.hex() for pcr in said.pcrs]}
    value: dict[str, object] = {"version": 1, "tpm_quote": quote}
    if said.hardware == "snp":
        snp = msgspec.structs.replace(said.snp, report_data=report_data)
        report = amd.report(snp)
        value["vcek"] = base64.b64encode(amd.chain(snp, at_s=at_s).leaf).decode()
    else:
        report = bytes(1184)
        td = msgspec.structs.replace(said.td, report_data=report_data)
        value["td_quote"] = base64.urlsafe_b64encode(intel.quote(td, at_s=at_s)).decode()
    value["hcl_report"] = base64.urlsafe_b64encode(blob(report, body, said.hardware)).decode()
    return json.dumps(value).encode()


def blob(report: bytes, body: bytes, hardware: Literal["snp", "tdx"]) -> bytes:
    header = b"HCLA" + (1).to_bytes(4, "little") + bytes(24)
    numbers = (len(body) + 20, 1, 2 if hardware == "snp" else 4, 1, len(body))
    runtime = b"".join(number.to_bytes(4, "little") for number in numbers)
    return header + report + runtime + body + bytes(64)
