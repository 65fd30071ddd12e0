"""Intel's quotes, versions 3 (SGX), 4 and 5 (TDX and SGX), taken apart. All integers are little endian."""

from __future__ import annotations

from typing import Literal

import msgspec

from freehold.seal.attest.malformed import malformed
from freehold.seal.attest.reader import Reader

HEADER_BYTES, SGX_BODY_BYTES, TD10_BODY_BYTES, TD15_BODY_BYTES = 48, 384, 584, 648
ECDSA_P256 = 2
SGX_TEE, TDX_TEE = 0x00, 0x81
CERTIFICATION_CHAIN, CERTIFICATION_QE_REPORT = 5, 6
CERTIFICATION_BYTES_MAX = 64 * 1024
INTEL_QE_VENDOR = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")


class EnclaveReport(msgspec.Struct, frozen=True, kw_only=True):
    """The 384 bytes that describe one SGX enclave."""

    cpu_svn: bytes
    miscselect: int
    attributes: bytes
    mrenclave: bytes
    mrsigner: bytes
    isv_prod_id: int
    isv_svn: int
    report_data: bytes


class TdReport(msgspec.Struct, frozen=True, kw_only=True):
    """The body that describes one trust domain."""

    tee_tcb_svn: bytes
    mr_seam: bytes
    mr_signer_seam: bytes
    seam_attributes: bytes
    td_attributes: int
    xfam: bytes
    mr_td: bytes
    mr_config_id: bytes
    mr_owner: bytes
    mr_owner_config: bytes
    rtmrs: tuple[bytes, bytes, bytes, bytes]
    report_data: bytes
    tee_tcb_svn2: bytes = b""
    mr_service_td: bytes = b""


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    tee: Literal["sgx", "tdx"]
    signed: bytes
    body: EnclaveReport | TdReport
    qe_vendor: bytes
    signature: bytes
    attestation_key: bytes
    qe_report_bytes: bytes
    qe_report: EnclaveReport
    qe_signature: bytes
    qe_authentication: bytes
    chain_pem: bytes
    trailing: bytes


def parse_quote(data: bytes) -> Quote:
    reader = Reader(data, "quote")
    version, key_type = reader.number(2, "version"), reader.number(2, "attestation key type")
    tee_number = reader.number(4, "TEE type")
    tee: Literal["sgx", "tdx"] = "tdx" if tee_number == TDX_TEE else "sgx"
    if version not in (3, 4, 5) or tee_number not in (SGX_TEE, TDX_TEE) or (version == 3 and tee == "tdx"):
        raise malformed(f"a quote of version {version} for TEE {tee_number:#x} is not known")
    if key_type != ECDSA_P256:
        raise malformed(f"the quote's key type is {key_type}", why="only ECDSA on P-256 (2) is in use")
    reader.take(4, "reserved")
    qe_vendor = reader.take(16, "QE vendor")
    reader.take(20, "user data")
    body = _body(reader, version, tee)
    signed = data[: reader.at]
    section = Reader(
        reader.take(reader.number(4, "signature length"), "the signature section"), "signature section"
    )
    signature, key = section.take(64, "signature"), section.take(64, "attestation key")
    inner = section if version == 3 else _wrapped(section)
    qe_bytes, qe_signature = inner.take(SGX_BODY_BYTES, "QE report"), inner.take(64, "QE signature")
    authentication = inner.take(inner.number(2, "authentication length"), "authentication data")
    if (kind := inner.number(2, "certification type")) != CERTIFICATION_CHAIN:
        raise malformed(f"the certification data is of type {kind}", why="only a PEM chain (5) is read")
    chain = inner.take(inner.number(4, "certification length"), "certificate chain")
    inner.finish()
    section.finish()
    if len(chain) > CERTIFICATION_BYTES_MAX:
        raise malformed(f"the certificate chain has {len(chain)} bytes")
    return Quote(
        version=version, tee=tee, signed=signed, body=body, qe_vendor=qe_vendor, signature=signature,
        attestation_key=key, qe_report_bytes=qe_bytes, qe_report=parse_enclave_report(qe_bytes),
        qe_signature=qe_signature, qe_authentication=authentication, chain_pem=chain, trailing=reader.rest(),
    )  # fmt: skip


def _wrapped(section: Reader) -> Reader:
    if (kind := section.number(2, "certification type")) != CERTIFICATION_QE_REPORT:
        raise malformed(f"the certification data is of type {kind}, not a QE report (6)")
    return Reader(
        section.take(section.number(4, "certification length"), "certification data"), "certification data"
    )


def _body(reader: Reader, version: int, tee: Literal["sgx", "tdx"]) -> EnclaveReport | TdReport:
    size = SGX_BODY_BYTES if tee == "sgx" else TD10_BODY_BYTES
    if version == 5:
        kind, said = reader.number(2, "body type"), reader.number(4, "body size")
        known = {1: ("sgx", SGX_BODY_BYTES), 2: ("tdx", TD10_BODY_BYTES), 3: ("tdx", TD15_BODY_BYTES)}
        if known.get(kind) != (tee, said):
            raise malformed(f"a quote body of type {kind} with {said} bytes is not known for {tee}")
        size = said
    body = reader.take(size, "the body")
    return parse_enclave_report(body) if tee == "sgx" else parse_td_report(body)


def parse_enclave_report(data: bytes) -> EnclaveReport:
    reader = Reader(data, "enclave report")
    cpu_svn, misc = reader.take(16, "CPUSVN"), reader.number(4, "MISCSELECT")
    reader.take(28, "reserved")
    attributes, mrenclave = reader.take(16, "attributes"), reader.take(32, "MRENCLAVE")
    reader.take(32, "reserved")
    mrsigner = reader.take(32, "MRSIGNER")
    reader.take(96, "reserved")
    prod_id, svn = reader.number(2, "ISVPRODID"), reader.number(2, "ISVSVN")
    reader.take(60, "reserved")
    report_data = reader.take(64, "report data")
    reader.finish()
    return EnclaveReport(
        cpu_svn=cpu_svn, miscselect=misc, attributes=attributes, mrenclave=mrenclave, mrsigner=mrsigner,
        isv_prod_id=prod_id, isv_svn=svn, report_data=report_data,
    )  # fmt: skip


def parse_td_report(data: bytes) -> TdReport:
    reader = Reader(data, "TD report")
    report = TdReport(
        tee_tcb_svn=reader.take(16, "TEE_TCB_SVN"), mr_seam=reader.take(48, "MRSEAM"),
        mr_signer_seam=reader.take(48, "MRSIGNERSEAM"), seam_attributes=reader.take(8, "SEAMATTRIBUTES"),
        td_attributes=reader.number(8, "TDATTRIBUTES"), xfam=reader.take(8, "XFAM"),
        mr_td=reader.take(48, "MRTD"),
        mr_config_id=reader.take(48, "MRCONFIGID"), mr_owner=reader.take(48, "MROWNER"),
        mr_owner_config=reader.take(48, "MROWNERCONFIG"),
        rtmrs=(
            reader.take(48, "RTMR0"), reader.take(48, "RTMR1"),
            reader.take(48, "RTMR2"), reader.take(48, "RTMR3"),
        ),
        report_data=reader.take(64, "REPORTDATA"),
        tee_tcb_svn2=reader.take(16, "TEE_TCB_SVN_2") if len(data) == TD15_BODY_BYTES else b"",
        mr_service_td=reader.take(48, "MRSERVICETD") if len(data) == TD15_BODY_BYTES else b"",
    )  # fmt: skip
    reader.finish()
    return report
