"""Fake TDX and SGX: quotes of versions 3, 4 and 5, and Intel's whole collateral, under a test root."""

from __future__ import annotations

import base64
import hashlib
import json
import textwrap
from typing import Literal

import msgspec

from freehold.seal.attest.fake.keys import curve_key
from freehold.seal.attest.fake.writer import (
    Extra,
    Issuer,
    authority_extras,
    integer,
    leaf_extras,
    name,
    octets,
    oid,
    public_point,
    raw_signature,
    sequence,
)
from freehold.seal.attest.quote import INTEL_QE_VENDOR
from freehold.seal.attest.times import show_time

YEAR_S = 366 * 86400
SGX = "1.2.840.113741.1.13.1"
FMSPC, PCE_ID, PPID = bytes.fromhex("00906ed50000"), bytes(2), b"\x5a" * 16
QE_SIGNER = hashlib.sha256(b"freehold test quoting enclave").digest()
PCK_SERIAL, CA_SERIAL, SIGNER_SERIAL = 0x7001, 0x7002, 0x7003


class Td(msgspec.Struct, frozen=True, kw_only=True):
    """What a fake quote says, of a trust domain or of an enclave."""

    version: Literal[3, 4, 5] = 4
    tee: Literal["tdx", "sgx"] = "tdx"
    report_data: bytes = bytes(64)
    measurement: bytes = b"\x33" * 48
    attributes: int = 1 << 28
    rtmrs: tuple[bytes, ...] = (bytes(48),) * 4
    tee_tcb_svn: bytes = bytes([3, 1, 5]) + bytes(13)
    body_15: bool = False
    service_td: bytes = bytes(48)
    qe_svn: int = 8
    components: tuple[int, ...] = (5,) * 16
    pce_svn: int = 13
    trailing: bytes = b""


PLAIN = Td()


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a fake TCB table."""

    svn: int = 5
    pce_svn: int = 13
    status: str = "UpToDate"
    advisories: tuple[str, ...] = ()


class Tables(msgspec.Struct, frozen=True, kw_only=True):
    """Fake collateral: levels for each layer, window, and what is revoked."""

    platform: tuple[Level, ...] = (Level(),)
    module: tuple[Level, ...] = (Level(svn=3),)
    enclave: tuple[Level, ...] = (Level(svn=8),)
    issued_s: int | None = None
    next_s: int | None = None
    evaluation: int = 18
    revoked_pck: tuple[int, ...] = ()
    revoked_ca: tuple[int, ...] = ()


CURRENT = Tables()


def root() -> Issuer:
    return Issuer(
        subject=name("Intel SGX Root CA"), key=curve_key("intel root", "secp256r1"), algorithm="ecdsa-sha256"
    )


def platform_ca() -> Issuer:
    key = curve_key("intel platform", "secp256r1")
    return Issuer(subject=name("Intel SGX PCK Platform CA"), key=key, algorithm="ecdsa-sha256")


def pck_chain(said: Td, *, at_s: int) -> bytes:
    """PCK, platform CA and root as PEM, with the NUL that real quotes end it with."""
    window = {"start_s": at_s - YEAR_S, "end_s": at_s + YEAR_S}
    extras = (*leaf_extras(), Extra(SGX, _sgx_extension(said)))
    pck = platform_ca().certificate(
        name("Intel SGX PCK Certificate"),
        curve_key("intel pck", "secp256r1"),
        serial=PCK_SERIAL,
        extras=extras,
        **window,
    )
    return b"".join(pem(each) for each in (pck, _ca_certificate(at_s), root().own(**window))) + b"\x00"


def _ca_certificate(at_s: int) -> bytes:
    ca = platform_ca()
    return root().certificate(
        ca.subject,
        ca.key,
        serial=CA_SERIAL,
        start_s=at_s - YEAR_S,
        end_s=at_s + YEAR_S,
        extras=authority_extras(0),
    )


def _sgx_extension(said: Td) -> bytes:
    def pair(arc: str, value: bytes) -> bytes:
        return sequence(oid(f"{SGX}.{arc}"), value)

    parts = [pair(f"2.{i}", integer(svn)) for i, svn in enumerate(said.components, start=1)]
    parts += [pair("2.17", integer(said.pce_svn)), pair("2.18", octets(bytes(said.components)))]
    return sequence(
        pair("1", octets(PPID)),
        pair("2", sequence(*parts)),
        pair("3", octets(PCE_ID)),
        pair("4", octets(FMSPC)),
    )


def quote(said: Td = PLAIN, *, at_s: int) -> bytes:
    header = said.version.to_bytes(2, "little") + (2).to_bytes(2, "little")
    header += (
        (0x81 if said.tee == "tdx" else 0).to_bytes(4, "little") + bytes(4) + INTEL_QE_VENDOR + bytes(20)
    )
    body = (
        _td_body(said)
        if said.tee == "tdx"
        else _enclave(said.measurement[:32], b"\x44" * 32, 1, 1, said.report_data, said.attributes)
    )
    if said.version == 5:
        kind = 1 if said.tee == "sgx" else 3 if said.body_15 else 2
        header += kind.to_bytes(2, "little") + len(body).to_bytes(4, "little")
    signed = header + body
    key = curve_key("intel attestation", "secp256r1")
    authentication = b"freehold test authentication data"
    bound = hashlib.sha256(public_point(key) + authentication).digest() + bytes(32)
    qe = _enclave(b"\x66" * 32, QE_SIGNER, 2, said.qe_svn, bound, 0x11)
    chain = pck_chain(said, at_s=at_s)
    inner = qe + raw_signature(curve_key("intel pck", "secp256r1"), qe) + _sized(authentication, 2)
    inner += (5).to_bytes(2, "little") + _sized(chain, 4)
    wrapped = inner if said.version == 3 else (6).to_bytes(2, "little") + _sized(inner, 4)
    section = raw_signature(key, signed) + public_point(key) + wrapped
    return signed + _sized(section, 4) + said.trailing


def _sized(data: bytes, width: int) -> bytes:
    return len(data).to_bytes(width, "little") + data


def _td_body(said: Td) -> bytes:
    body = said.tee_tcb_svn + bytes(48) + bytes(48) + bytes(8) + said.attributes.to_bytes(8, "little")
    body += (
        (0x42E7).to_bytes(8, "little")
        + said.measurement
        + bytes(48 * 3)
        + b"".join(said.rtmrs)
        + said.report_data
    )
    return body + said.tee_tcb_svn + said.service_td if said.body_15 else body


def _enclave(
    mrenclave: bytes, mrsigner: bytes, product: int, svn: int, report_data: bytes, attributes: int
) -> bytes:
    body = bytes(48) + attributes.to_bytes(16, "little") + mrenclave + bytes(32) + mrsigner + bytes(96)
    return body + product.to_bytes(2, "little") + svn.to_bytes(2, "little") + bytes(60) + report_data


def collateral(
    tables: Tables = CURRENT, *, at_s: int, tee: Literal["tdx", "sgx"] = "tdx"
) -> dict[str, bytes]:
    """Every file of collateral, by name."""
    info, identity = tcb_info(tables, at_s=at_s, tee=tee), qe_identity(tables, at_s=at_s, tee=tee)
    window = {"start_s": at_s - YEAR_S, "end_s": at_s + YEAR_S}
    signer = root().certificate(
        name("Intel SGX TCB Signing"), curve_key("intel tcb signing", "secp256r1"), serial=SIGNER_SERIAL,
        extras=leaf_extras(), **window,
    )  # fmt: skip
    lists = {"this_s": at_s - 3600, "next_s": at_s + 30 * 86400}
    return {
        "tcb_info.json": info, "qe_identity.json": identity,
        "tcb_signing_chain.pem": pem(signer) + pem(root().own(**window)),
        "pck_crl.der": platform_ca().crl(tables.revoked_pck, **lists),
        "root_ca_crl.der": root().crl(tables.revoked_ca, **lists),
    }  # fmt: skip


def tcb_info(tables: Tables, *, at_s: int, tee: Literal["tdx", "sgx"] = "tdx") -> bytes:
    module = {"mrsigner": "00" * 48, "attributes": "00" * 8, "attributesMask": "FF" * 8}
    extra: dict[str, object] = {}
    if tee == "tdx":
        levels = [_row(level, {"isvsvn": level.svn}) for level in tables.module]
        extra = {
            "tdxModule": module,
            "tdxModuleIdentities": [{"id": "TDX_01", **module, "tcbLevels": levels}],
        }
    rows = []
    for level in tables.platform:
        components = [{"svn": level.svn}] * 16
        tcb: dict[str, object] = {"sgxtcbcomponents": components, "pcesvn": level.pce_svn}
        if tee == "tdx":
            tcb["tdxtcbcomponents"] = [{"svn": 3}, {"svn": 0}, {"svn": 5}] + [{"svn": 0}] * 13
        rows.append(_row(level, tcb))
    body = {
        "id": tee.upper(), "version": 3, **_dates(tables, at_s), "fmspc": FMSPC.hex(), "pceId": PCE_ID.hex(),
        "tcbType": 0, "tcbEvaluationDataNumber": tables.evaluation, **extra, "tcbLevels": rows,
    }  # fmt: skip
    return _signed("tcbInfo", body)


def qe_identity(tables: Tables, *, at_s: int, tee: Literal["tdx", "sgx"] = "tdx") -> bytes:
    body: dict[str, object] = {
        "id": "TD_QE" if tee == "tdx" else "QE", "version": 2, **_dates(tables, at_s),
        "tcbEvaluationDataNumber": tables.evaluation, "miscselect": "00000000", "miscselectMask": "FFFFFFFF",
        "attributes": "11" + "00" * 15, "attributesMask": "FB" + "FF" * 7 + "00" * 8,
        "mrsigner": QE_SIGNER.hex().upper(), "isvprodid": 2,
        "tcbLevels": [_row(level, {"isvsvn": level.svn}) for level in tables.enclave],
    }  # fmt: skip
    return _signed("enclaveIdentity", body)


def _dates(tables: Tables, at_s: int) -> dict[str, str]:
    issued_s = at_s - 86400 if tables.issued_s is None else tables.issued_s
    next_s = issued_s + 30 * 86400 if tables.next_s is None else tables.next_s
    return {"issueDate": show_time(issued_s), "nextUpdate": show_time(next_s)}


def _row(level: Level, tcb: dict[str, object]) -> dict[str, object]:
    row: dict[str, object] = {"tcb": tcb, "tcbDate": "2024-03-13T00:00:00Z", "tcbStatus": level.status}
    return row | ({"advisoryIDs": list(level.advisories)} if level.advisories else {})


def _signed(member: str, body: dict[str, object]) -> bytes:
    inner = json.dumps(body, separators=(",", ":")).encode()
    signature = raw_signature(curve_key("intel tcb signing", "secp256r1"), inner).hex().encode()
    return b'{"%s":%s,"signature":"%s"}' % (member.encode(), inner, signature)


def pem(der: bytes) -> bytes:
    body = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
    return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n".encode()
