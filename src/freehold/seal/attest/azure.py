"""Azure confidential VMs: a hardware report made at boot, and a virtual TPM's quote that is fresh.

The report cannot carry our nonce: the paravisor asked for it and filled its report data. What it filled in is
the hash of claims that hold the virtual TPM's public key; and that key signs a quote over the nonce and the
PCRs.

Steps, and the attack each stops:
  1. container, blob header, claims by their lengths     bytes that two readers read differently
  2. the hardware report or quote inside, in full        a virtual TPM on a machine of one's own
  3. its report data is the hash of the claims           another VM's genuine report
  4. the claims' key signs the quote                     a quote by a key the hardware does not know
  5. the quote's digest is that of the PCRs              PCR values that were made up
  6. the quote's nonce and keys                          a replay, or a quote made for somebody else
  7. PCRs and VM settings against the policy             a genuine VM that booted something else
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

import msgspec

from freehold.seal.attest import snp, tdx
from freehold.seal.attest.certificate import parse_certificate, parse_pem
from freehold.seal.attest.collateral import Collateral
from freehold.seal.attest.context import Context
from freehold.seal.attest.eventlog import check_event_log
from freehold.seal.attest.jwk import rsa_spki
from freehold.seal.attest.malformed import malformed
from freehold.seal.attest.quote import TdReport, parse_quote
from freehold.seal.attest.reader import Reader, hexadecimal
from freehold.seal.attest.recognise import Piece
from freehold.seal.attest.registers import check_registers
from freehold.seal.attest.result import Checks, Claim, Part
from freehold.seal.attest.snp_report import REPORT_BYTES, parse_report
from freehold.seal.attest.strict_json import load_object
from freehold.seal.attest.tpm import PCRS, TpmQuote, parse_tpm_quote

HCL_VERSIONS = (1, 2)
HCL_HEADER, RUNTIME_AT, RUNTIME_HEADER = 0x20, 0x4C0, 20
HCL_BYTES_MAX = 64 * 1024
SNP_TYPE, TDX_TYPE = 2, 4
SHA256_TYPE = 1
ATTESTATION_KEY = "HCLAkPub"


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    blob: bytes
    quote_message: bytes
    quote_signature: bytes
    pcrs: tuple[bytes, ...]
    leaf: bytes | None
    td_quote: bytes | None


class Blob(msgspec.Struct, frozen=True, kw_only=True):
    """The paravisor's blob: a hardware report, and the claims whose hash the report carries."""

    report_type: int
    report: bytes
    claims: bytes


def parse_evidence(data: bytes) -> Evidence:
    """Step 1, outermost: the JSON that guest tools write."""
    value = load_object(data, "the Azure evidence")
    quote = value.get("tpm_quote")
    if not isinstance(quote, dict):
        raise malformed("tpm_quote is not an object")
    pcrs = quote.get("pcrs")
    if not isinstance(pcrs, list) or len(pcrs) != PCRS:
        raise malformed(f"tpm_quote does not list {PCRS} PCRs")
    leaf, td_quote = value.get("vcek"), value.get("td_quote")
    return Evidence(
        blob=_base64(value.get("hcl_report"), "hcl_report"),
        quote_message=hexadecimal(quote.get("message"), "tpm_quote.message"),
        quote_signature=hexadecimal(quote.get("signature"), "tpm_quote.signature"),
        pcrs=tuple(hexadecimal(pcr, "a PCR", 32) for pcr in pcrs),
        leaf=None if leaf is None else _base64(leaf, "vcek"),
        td_quote=None if td_quote is None else _base64(td_quote, "td_quote"),
    )  # fmt: skip


def parse_blob(data: bytes) -> Blob:
    if len(data) > HCL_BYTES_MAX:
        raise malformed(f"the blob has {len(data)} bytes", why=f"at most {HCL_BYTES_MAX} are read")
    header = Reader(data, "blob")
    if header.take(4, "magic") != b"HCLA" or header.number(4, "version") not in HCL_VERSIONS:
        raise malformed("the blob is not one of version 1 or 2")
    runtime = Reader(data[RUNTIME_AT:], "runtime data")
    size, _version = runtime.number(4, "size"), runtime.number(4, "version")
    report_type, hash_type = runtime.number(4, "report type"), runtime.number(4, "hash type")
    claims_size = runtime.number(4, "claims size")
    if (
        hash_type != SHA256_TYPE
        or report_type not in (SNP_TYPE, TDX_TYPE)
        or size != claims_size + RUNTIME_HEADER
    ):
        raise malformed(f"runtime data of type {report_type}, hash {hash_type} and {size} bytes is not known")
    return Blob(
        report_type=report_type,
        report=data[HCL_HEADER:RUNTIME_AT],
        claims=runtime.take(claims_size, "claims"),
    )


def verify(piece: Piece, context: Context) -> Part:
    checks = Checks()
    if piece.data.startswith(b"HCLA"):
        raise malformed("the blob came without the TPM's quote", fix="collect the quote over your nonce too")
    evidence = parse_evidence(piece.data)  # 1
    blob = parse_blob(evidence.blob)
    claims, report_data = _check_hardware(checks, evidence, blob, context)  # 2
    quote = parse_tpm_quote(evidence.quote_message)
    if _check_claims(checks, blob, report_data):  # 3
        _check_quote(checks, evidence, blob, quote, context)  # 4, 5
    _check_fresh(checks, quote, context)  # 6
    registers = {f"pcr{number}": value.hex() for number, value in enumerate(evidence.pcrs)}
    check_registers(checks, registers, context)  # 7
    measured = claims.get("measurements")
    hardware = {name: str(value) for name, value in measured.items()} if isinstance(measured, dict) else {}
    claims["measurements"] = hardware | registers
    claims |= _vm_claims(blob)
    return Part(
        kind="azure", source=piece.name, tier="attested", claims=claims, checks=tuple(checks.found),
        levels=tuple(checks.levels), advisories=tuple(checks.advisories), notes=tuple(checks.notes),
    )  # fmt: skip


def _check_hardware(
    checks: Checks, evidence: Evidence, blob: Blob, context: Context
) -> tuple[dict[str, Claim], bytes]:
    """Step 2: everything the hardware's own verifier checks, but for freshness."""
    if blob.report_type == SNP_TYPE:
        report = parse_report(blob.report[:REPORT_BYTES])
        return snp.examine(checks, report, _with_leaf(evidence.leaf, context)), report.report_data
    if evidence.td_quote is None:
        raise malformed("td_quote is missing", why="the blob's own TD report is not signed by itself")
    quote = parse_quote(evidence.td_quote)
    if not isinstance(quote.body, TdReport):
        raise malformed("td_quote is not a quote of a trust domain")
    claims = tdx.examine(checks, quote, context)
    check_event_log(checks, quote.body.rtmrs, context)
    return claims, quote.body.report_data


def _with_leaf(leaf: bytes | None, context: Context) -> Context:
    if leaf is None:
        return context
    read = context.memo.read
    found = parse_pem(leaf, context.memo) if leaf.startswith(b"-----") else (read(parse_certificate, leaf),)
    own: Collateral = msgspec.structs.replace(
        context.collateral, certificates=found + context.collateral.certificates
    )
    return msgspec.structs.replace(context, collateral=own)


def _check_claims(checks: Checks, blob: Blob, report_data: bytes) -> bool:
    """Step 3."""
    expected = hashlib.sha256(blob.claims).digest() + bytes(32)
    if report_data == expected:
        return True
    checks.bad("quote", "the hardware report is not bound to these claims: it belongs to another VM")
    return False


def _check_quote(checks: Checks, evidence: Evidence, blob: Blob, quote: TpmQuote, context: Context) -> None:
    """Steps 4 and 5."""
    spki = _attestation_key(blob)
    signature = evidence.quote_signature
    if not context.memo.holds(spki, "rsa-pkcs1-sha256", evidence.quote_message, signature, keep=False):
        checks.bad("quote", "the quote is not signed by the key in the claims")
        return
    selected = b"".join(evidence.pcrs[number] for number in quote.selected)
    same = hmac.compare_digest(hashlib.sha256(selected).digest(), quote.pcr_digest)
    whole = len(quote.selected) == PCRS
    checks.expect(
        "quote", same and whole, f"signed by the bound key, over {len(quote.selected)} PCRs",
        "the quote's digest is not that of the PCRs"
        if whole
        else f"the quote covers only {len(quote.selected)} PCRs",
    )  # fmt: skip


def _attestation_key(blob: Blob) -> bytes:
    keys = load_object(blob.claims, "the claims").get("keys")
    found = (
        [key for key in keys if isinstance(key, dict) and key.get("kid") == ATTESTATION_KEY]
        if isinstance(keys, list)
        else []
    )
    if len(found) != 1:
        raise malformed(f"the claims hold {len(found)} keys named {ATTESTATION_KEY}, not one")
    return rsa_spki(found[0])


def _check_fresh(checks: Checks, quote: TpmQuote, context: Context) -> None:
    """Step 6: the extra data is the nonce, or our hash over nonce and keys in 64 or 32 bytes."""
    if context.binding is None:
        if context.nonce is None:
            checks.open("nonce", "no nonce was given to compare with, so this may be a replay")
        else:
            same = hmac.compare_digest(quote.extra_data, context.nonce)
            checks.expect(
                "nonce",
                same,
                "the quote's extra data is this nonce",
                "the quote's extra data is another nonce",
            )
        checks.open("binding", "no key was given, so this evidence may be relayed from somewhere else")
        return
    expected = (context.binding.report_data(), context.binding.quote_nonce())
    same = any(hmac.compare_digest(quote.extra_data, each) for each in expected)
    bad = "the extra data is not the hash of this nonce and these keys: made for somebody else, or earlier"
    if context.binding.nonce is None:
        checks.open("nonce", "no nonce was asked for, so this may be a replay")
    else:
        checks.expect("nonce", same, "the quote holds this request's nonce", bad)
    checks.expect("binding", same, "the quote names exactly these keys", bad)


def _vm_claims(blob: Blob) -> dict[str, Claim]:
    settings = load_object(blob.claims, "the claims").get("vm-configuration")
    if not isinstance(settings, dict):
        return {}
    return {
        "secboot": bool(settings.get("secure-boot")), "x-vm-id": str(settings.get("vmUniqueId", "")),
        "x-console-enabled": bool(settings.get("console-enabled")),
    }  # fmt: skip


def _base64(value: object, name: str) -> bytes:
    if not isinstance(value, str):
        raise malformed(f"{name} is not text")
    if value.lstrip().startswith("-----BEGIN"):
        return value.strip().encode()
    compact = "".join(value.split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise malformed(f"{name} is not base64") from error
