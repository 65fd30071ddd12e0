"""TDX and SGX quotes: what Intel's hardware says about one trust domain or one enclave.

Steps, and the attack each stops:
  1. take the quote apart by its own lengths              bytes that two readers read differently
  2. PCK certificate up to the pinned Intel root          a quote by a key of one's own
  3. Intel's lists do not revoke the platform             a platform whose keys leaked
  4. the quoting enclave's report is signed by the PCK    an attestation key that no enclave of Intel holds
  5. that report names the attestation key                another genuine enclave's report
  6. the quote is signed by the attestation key           a changed measurement
  7. TCB tables: signed, in their window, fresh           an old table that calls a broken platform current
  8. platform, module and enclave, each at its level      a current module that hides an outdated platform
  9. attributes: no debug, no migration                   a genuine domain the host can read
 10. measurement, signer, registers against the policy    genuine hardware that runs something else
 11. report data against nonce and binding                a replay, or a quote made for somebody else
 12. the event log replays to the registers               a log that tells another story
"""

from __future__ import annotations

import hashlib
from typing import TypeVar

from freehold.seal.attest.certificate import parse_pem
from freehold.seal.attest.chain import Chain, build, check_chain, check_revocation, check_test_roots, fault
from freehold.seal.attest.context import Context
from freehold.seal.attest.eventlog import check_event_log
from freehold.seal.attest.freshness import check_binding
from freehold.seal.attest.intel_documents import EnclaveIdentity, Signed, TcbInfo
from freehold.seal.attest.quote import INTEL_QE_VENDOR, EnclaveReport, Quote, TdReport, parse_quote
from freehold.seal.attest.recognise import Piece
from freehold.seal.attest.registers import check_bits, check_named_bits, check_registers
from freehold.seal.attest.result import Checks, Claim, Level, Part
from freehold.seal.attest.signature import point_spki
from freehold.seal.attest.tcb import PckFacts, enclave_level, module_level, pck_facts, platform_level
from freehold.seal.attest.times import show_time

TD_DEBUG, TD_MIGRATABLE = 1 << 0, 1 << 29
TD_BITS = {
    0: "debug",
    27: "lass",
    28: "sept-ve-disable",
    29: "migratable",
    30: "pks",
    31: "kl",
    63: "perfmon",
}
SGX_DEBUG = 1 << 1
SGX_BITS = {
    0: "init", 1: "debug", 2: "mode64", 4: "provision-key", 5: "einittoken-key", 6: "cet", 7: "kss",
    10: "aex-notify",
}  # fmt: skip
TCB_SIGNER = "Intel SGX TCB Signing"
"""Under the pinned root only this certificate signs tables; a platform's own may not."""
D = TypeVar("D", TcbInfo, EnclaveIdentity)


def verify(piece: Piece, context: Context) -> Part:
    """One quote. Raises InputError where the bytes are not a quote; the caller makes it a failed check."""
    checks = Checks()
    quote = parse_quote(piece.data)  # 1
    claims = examine(checks, quote, context)  # 2 to 10
    check_binding(checks, quote.body.report_data, context)  # 11
    if isinstance(quote.body, TdReport):
        check_event_log(checks, quote.body.rtmrs, context)  # 12
    return Part(
        kind=quote.tee, source=piece.name, tier="attested", claims=claims, checks=tuple(checks.found),
        levels=tuple(checks.levels), advisories=tuple(checks.advisories), notes=tuple(checks.notes),
    )  # fmt: skip


def examine(checks: Checks, quote: Quote, context: Context) -> dict[str, Claim]:
    """Steps 2 to 10: everything but freshness, which another layer may carry."""
    checks.ok("format", f"a quote of version {quote.version} for {quote.tee}")
    if quote.trailing:
        checks.notes.append(
            f"{len(quote.trailing)} bytes follow the quote; they are not signed and were not read"
        )
    if quote.qe_vendor != INTEL_QE_VENDOR:
        checks.notes.append(
            f"the quoting enclave's vendor id {quote.qe_vendor.hex()} is not Intel's usual one"
        )
    facts = _check_signatures(checks, quote, context)  # 2 to 6
    if facts is not None:
        _check_tcb(checks, quote, facts, context)  # 7, 8
    if isinstance(quote.body, TdReport):
        _check_td(checks, quote.body, context)  # 9, 10
    else:
        _check_enclave(checks, quote.body, context)
    return _claims(quote, facts)


def _check_signatures(checks: Checks, quote: Quote, context: Context) -> PckFacts | None:
    """Steps 2 to 6; the platform's facts where its chain holds."""
    pem = parse_pem(quote.chain_pem, context.memo)
    if not pem:
        checks.bad("chain", "the quote carries no certificate")
        return None
    chain = check_chain(checks, pem[0], pem, "intel", context)  # 2
    if chain is None:
        return None
    facts = pck_facts(chain.leaf)
    check_revocation(checks, chain, context)  # 3
    holds = context.memo.holds_raw(chain.leaf.spki, "ecdsa-sha256", quote.qe_report_bytes, quote.qe_signature)
    if not checks.expect(
        "leaf",
        holds,
        "the PCK signs the quoting enclave's report",
        "the quoting enclave's report is not signed by the PCK",
    ):  # 4
        return facts
    expected = hashlib.sha256(quote.attestation_key + quote.qe_authentication).digest() + bytes(32)
    if quote.qe_report.report_data != expected:  # 5
        checks.bad("signature", "the quoting enclave's report names another attestation key")
        return facts
    key = point_spki("secp256r1", quote.attestation_key)
    holds = context.memo.holds_raw(key, "ecdsa-sha256", quote.signed, quote.signature)  # 6
    checks.expect(
        "signature",
        holds,
        "the attestation key signs header and body",
        "the quote is not signed by its attestation key",
    )
    return facts


def _check_tcb(checks: Checks, quote: Quote, facts: PckFacts, context: Context) -> None:
    """Steps 7 and 8."""
    tdx = quote.tee == "tdx"
    fmspc = facts.fmspc.hex()
    wanted = (quote.tee.upper(), fmspc, facts.pce_id.hex())
    infos = [
        each for each in context.collateral.tcb_infos
        if (each.value.id, each.value.fmspc.lower(), each.value.pce_id.lower()) == wanted
    ]  # fmt: skip
    identities = [
        each for each in context.collateral.identities if each.value.id == ("TD_QE" if tdx else "QE")
    ]
    info = _usable(checks, infos, f"TCB information for FMSPC {fmspc}", 3, context)
    identity = _usable(checks, identities, "the identity of the quoting enclave", 2, context)
    if info is None or identity is None:
        checks.open("tcb", "without fresh signed collateral the platform's level is not known")
        return
    checks.ok(
        "collateral",
        f"signed and current; TCB information of {info.issue_date}, evaluation "
        f"{info.tcb_evaluation_data_number}",
    )
    td = quote.body if isinstance(quote.body, TdReport) else None
    levels = [platform_level(info, facts, td)]
    problems = []
    if td is not None:
        module, problem = module_level(info, td)
        levels.append(module)
        problems.append(problem)
    enclave, problem = enclave_level(identity, quote.qe_report)
    levels.append(enclave)
    checks.levels.extend(levels)
    _judge_levels(checks, levels, [each for each in (*problems, problem) if each], context)


def _judge_levels(checks: Checks, levels: list[Level], problems: list[str], context: Context) -> None:
    """Every layer must have an allowed status: the worst decides, and each is said."""
    policy = context.policy
    advisories = sorted({name for level in levels for name in level.advisories})
    checks.advisories.extend(advisories)
    allowed = {*policy.tcb_status, "with the platform"}
    problems += [f"{level.layer} is {level.status}" for level in levels if level.status not in allowed]
    problems += [f"advisory {name} applies" for name in advisories if name in policy.advisories_barred]
    good = "; ".join(f"{level.layer} {level.status}" for level in levels)
    bad = "; ".join(problems) + (f" ({', '.join(advisories)})" if advisories else "")
    checks.expect("tcb", not problems, good, bad)


def _usable(
    checks: Checks, documents: list[Signed[D]], noun: str, version_min: int, context: Context
) -> D | None:
    """The newest document that is signed by Intel, in its window, and young enough; else say why there is
    none."""
    if not documents:
        checks.open("collateral", f"{noun} is not at hand")
        return None
    newest = max(documents, key=lambda each: (each.value.tcb_evaluation_data_number, each.value.issued_s))
    value, policy, at_s = newest.value, context.policy, context.at_s
    if problem := _signer_fault(checks, newest, context):
        checks.bad("collateral", f"{noun}: {problem}")
    elif value.version < version_min:
        checks.bad("collateral", f"{noun} is of version {value.version}, at least {version_min} is needed")
    elif not value.issued_s <= at_s + policy.clock_skew_max_s:
        checks.bad("collateral", f"{noun} is from the future: issued {value.issue_date}")
    elif at_s > value.ends_s:
        checks.bad("collateral", f"{noun} ended {value.next_update}")
    elif at_s - value.issued_s > policy.collateral_age_max_s:
        checks.bad(
            "collateral",
            f"{noun} was issued {value.issue_date}, older than the policy's {policy.collateral_age_max}",
        )
    elif value.tcb_evaluation_data_number < policy.tcb_evaluation_min:
        checks.bad(
            "collateral",
            f"{noun} is evaluation {value.tcb_evaluation_data_number}, the policy wants "
            f"{policy.tcb_evaluation_min}",
        )
    else:
        return value
    return None


def _signer_fault(checks: Checks, document: Signed[D], context: Context) -> str:
    """Some TCB signing certificate under the pinned root must have signed exactly these bytes."""
    why = "no TCB signing certificate is at hand"
    for certificate in context.collateral.certificates:
        if certificate.title != TCB_SIGNER or not context.memo.holds_raw(
            certificate.spki, "ecdsa-sha256", document.body, document.signature, keep=True
        ):
            continue
        chain = build(certificate, context.collateral.certificates, "intel", context)
        why = chain.why or fault(chain, "intel") or _signer_chain_fault(chain, context)
        if not why:
            if chain.anchor is not None:
                check_test_roots(checks, chain.anchor)
            return ""
    return f"it is not signed by Intel ({why})" if why.startswith("no ") else why


def _signer_chain_fault(chain: Chain, context: Context) -> str:
    for certificate in chain.certificates:
        if not certificate.not_before_s <= context.at_s <= certificate.not_after_s:
            return f"its signer {certificate.title!r} is not valid at {show_time(context.at_s)}"
    root_crls = [crl for crl in context.collateral.crls if crl.issuer == chain.certificates[-1].subject]
    if any(chain.leaf.serial in crl.revoked for crl in root_crls):
        return "its signer is revoked"
    return ""


def _check_td(checks: Checks, body: TdReport, context: Context) -> None:
    """Steps 9 and 10 for a trust domain."""
    policy = context.policy
    debug = bool(body.td_attributes & TD_DEBUG)
    checks.expect(
        "debug",
        policy.debug or not debug,
        "debug is allowed" if debug else "debug is off",
        "DEBUG is on: the host can read the domain",
    )
    movable = bool(body.td_attributes & TD_MIGRATABLE) or any(body.mr_service_td)
    checks.expect(
        "migration", policy.migration or not movable,
        "migration is allowed by the policy" if movable else "the domain cannot be migrated",
        "the domain can be migrated by a service domain",
    )  # fmt: skip
    check_bits(checks, body.td_attributes, TD_BITS, "TD attributes", context)
    names = {name for bit, name in TD_BITS.items() if body.td_attributes >> bit & 1}
    check_named_bits(checks, "tdx", names, context)
    checks.listed("measurement", body.mr_td.hex(), policy.measurements, "MRTD")
    if policy.signers:
        checks.listed("signer", body.mr_owner.hex(), policy.signers, "MROWNER")
    if policy.host_data:
        checks.listed("host-data", body.mr_config_id.hex(), policy.host_data, "MRCONFIGID")
    check_registers(checks, {f"rtmr{i}": value.hex() for i, value in enumerate(body.rtmrs)}, context)


def _check_enclave(checks: Checks, body: EnclaveReport, context: Context) -> None:
    """Steps 9 and 10 for an enclave."""
    policy = context.policy
    flags = int.from_bytes(body.attributes[:8], "little")
    debug = bool(flags & SGX_DEBUG)
    checks.expect(
        "debug",
        policy.debug or not debug,
        "debug is allowed" if debug else "debug is off",
        "DEBUG is on: the host can read the enclave",
    )
    check_bits(checks, flags, SGX_BITS, "enclave attributes", context)
    check_named_bits(checks, "sgx", {name for bit, name in SGX_BITS.items() if flags >> bit & 1}, context)
    checks.listed("measurement", body.mrenclave.hex(), policy.measurements, "MRENCLAVE")
    if policy.signers:
        checks.listed("signer", body.mrsigner.hex(), policy.signers, "MRSIGNER")


def _claims(quote: Quote, facts: PckFacts | None) -> dict[str, Claim]:
    body = quote.body
    claims: dict[str, Claim] = {
        "oemid": "Intel",
        "hwmodel": quote.tee,
        "hwversion": f"quote v{quote.version}",
    }
    if facts is not None:
        claims |= {"ueid": facts.ppid.hex(), "x-fmspc": facts.fmspc.hex(), "x-pce-svn": facts.pce_svn}
    if isinstance(body, TdReport):
        claims |= {
            "dbgstat": "enabled" if body.td_attributes & TD_DEBUG else "disabled-since-boot",
            "measurements": {
                "mrtd": body.mr_td.hex(), "mrseam": body.mr_seam.hex(),
                **{f"rtmr{i}": value.hex() for i, value in enumerate(body.rtmrs)},
            },
            "x-tee-tcb-svn": body.tee_tcb_svn.hex(), "x-mrconfigid": body.mr_config_id.hex(),
        }  # fmt: skip
    else:
        debug = int.from_bytes(body.attributes[:8], "little") & SGX_DEBUG
        claims |= {
            "dbgstat": "enabled" if debug else "disabled-since-boot",
            "measurements": {"mrenclave": body.mrenclave.hex(), "mrsigner": body.mrsigner.hex()},
            "x-isv-prod-id": body.isv_prod_id, "x-isv-svn": body.isv_svn,
        }  # fmt: skip
    claims["x-report-data"] = body.report_data.hex()
    return claims
