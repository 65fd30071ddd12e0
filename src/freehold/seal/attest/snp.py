"""SEV-SNP: what AMD's secure processor says about one confidential VM.

Steps, and the attack each stops:
  1. lengths, version, algorithm, zero tail           bytes that two readers read differently
  2. leaf (VCEK or VLEK) up to a pinned ARK            a report by a key of one's own
  3. AMD's list does not revoke the ASK                a signing key that leaked
  4. the report is signed by the leaf                  a changed measurement
  5. product, TCB and chip of leaf and report agree    a leaf of older firmware, or of another chip
  6. reported and committed TCB at the policy's floor  firmware with known holes, or a way back to it
  7. debug, migration agent, privilege level           a genuine guest the host can read, copy or speak for
  8. measurement, keys, host data, platform settings   genuine hardware that runs something else
  9. report data against nonce and binding             a replay, or a report made for somebody else
"""

from __future__ import annotations

import msgspec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from freehold.seal.attest import der
from freehold.seal.attest.certificate import Certificate
from freehold.seal.attest.chain import Chain, check_chain, check_revocation
from freehold.seal.attest.context import Context
from freehold.seal.attest.freshness import check_binding
from freehold.seal.attest.recognise import Piece
from freehold.seal.attest.registers import check_bits, check_named_bits
from freehold.seal.attest.result import Checks, Claim, Level, Part
from freehold.seal.attest.snp_report import (
    PLATFORM_BITS,
    POLICY_BITS,
    TCB_ORDER,
    Report,
    parse_report,
    tcb_parts,
)

AMD = "1.3.6.1.4.1.3704.1."
TCB_OIDS = {"fmc": "3.9", "bootloader": "3.1", "tee": "3.2", "snp": "3.3", "microcode": "3.8"}
HWID_BYTES = {"Milan": 64, "Genoa": 64, "Turin": 8}
DEBUG, MIGRATE_MA = 1 << 19, 1 << 18


class LeafFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What AMD's extensions in a VCEK or VLEK say. A VLEK names a cloud provider instead of a chip."""

    product_name: str
    tcb: dict[str, int]
    hwid: bytes | None
    csp: str | None

    @property
    def kind(self) -> str:
        return "VLEK" if self.hwid is None else "VCEK"


def leaf_facts(certificate: Certificate) -> LeafFacts | None:
    """None where the certificate is no leaf of AMD's."""
    values = {
        oid.removeprefix(AMD): found.value
        for oid, found in certificate.extensions.items()
        if oid.startswith(AMD)
    }
    if "1" not in values or "2" not in values:
        return None
    tcb = {}
    for name, oid in TCB_OIDS.items():
        if oid in values:
            tcb[name] = der.whole(values[oid], der.INTEGER).integer()
    csp = der.whole(values["5"], der.IA5).value.decode("ascii", "replace") if "5" in values else None
    name = der.whole(values["2"], der.IA5).value.decode("ascii", "replace")
    return LeafFacts(product_name=name, tcb=tcb, hwid=values.get("4"), csp=csp)


def verify(piece: Piece, context: Context) -> Part:
    checks = Checks()
    report = parse_report(piece.data)  # 1
    claims = examine(checks, report, context)
    check_binding(checks, report.report_data, context)  # 9
    return Part(
        kind="snp", source=piece.name, tier="attested", claims=claims, checks=tuple(checks.found),
        levels=tuple(checks.levels), advisories=tuple(checks.advisories), notes=tuple(checks.notes),
    )  # fmt: skip


def examine(checks: Checks, report: Report, context: Context) -> dict[str, Claim]:
    """Steps 1 to 8: everything but freshness, which another layer may carry."""
    checks.ok("format", f"an SNP report of version {report.version}")
    for area in report.reserved_set:
        checks.notes.append(f"reserved {area} is not zero; meaning not known")
    if report.reserved_set and context.policy.unknown_bits == "refuse":
        checks.bad("platform", f"reserved fields are set: {', '.join(report.reserved_set)}")
    chain, facts = _check_leaf_chain(checks, report, context)  # 2, 3
    product = report.product
    if chain is not None and facts is not None:
        rs = encode_dss_signature(*report.signature_rs)
        holds = context.memo.holds(chain.leaf.spki, "ecdsa-sha384", report.signed, rs, keep=False)  # 4
        checks.expect("signature", holds, f"signed by the {facts.kind}", f"not signed by this {facts.kind}")
        product = _check_leaf(checks, report, facts, chain)  # 5
    if product is not None:
        _check_tcb(checks, report, product, context)  # 6
    _check_guest(checks, report, context)  # 7, 8
    return _claims(report, product, facts)


def _check_leaf_chain(
    checks: Checks, report: Report, context: Context
) -> tuple[Chain | None, LeafFacts | None]:
    """Steps 2 and 3."""
    if report.signing_key == "none":
        checks.bad("chain", "the report says that it is not signed")
        return None, None
    certificates = context.collateral.certificates
    leaves = [
        (each, facts)
        for each in certificates
        if (facts := leaf_facts(each)) and facts.kind == report.signing_key
    ]
    if not leaves:
        checks.bad("chain", f"no {report.signing_key} certificate came with the evidence or the collateral")
        return None, None
    leaf, facts = max(leaves, key=lambda pair: _fit(pair[1], report))
    chain = check_chain(checks, leaf, certificates, "amd", context)
    if chain is not None:
        # AMD publishes one list for each product, by the ARK, over its ASK and ASVK; leaves are on no list
        check_revocation(checks, chain, context, leaf_listed=False)
    return chain, facts


def _fit(facts: LeafFacts, report: Report) -> int:
    """How well a leaf fits the report, to choose among several; the checks still look at every part."""
    layout = "Turin" if facts.product_name.startswith("Turin") else "Genoa"
    same_tcb = facts.tcb == tcb_parts(report.tcbs["reported"], layout)
    return 2 * (facts.hwid is not None and report.chip_id.startswith(facts.hwid)) + same_tcb


def _check_leaf(checks: Checks, report: Report, facts: LeafFacts, chain: Chain) -> str | None:
    """Step 5. Returns the product all sides agree on."""
    anchor = chain.anchor
    product = anchor.product if anchor else ""
    problems = []
    if not facts.product_name.startswith(product):
        problems.append(f"the leaf is for {facts.product_name}, its root for {product}")
    if report.version >= 3 and report.product != product:
        problems.append(f"the report's CPU is {report.product or 'not known'}, the root is for {product}")
    reported = tcb_parts(report.tcbs["reported"], product)
    if facts.tcb != reported:
        problems.append(f"the leaf is for TCB {facts.tcb}, the report says {reported}")
    if facts.hwid is not None and not report.chip_masked:
        length = HWID_BYTES[product]
        if len(facts.hwid) != length or report.chip_id != facts.hwid.ljust(64, b"\x00"):
            problems.append("the leaf is for another chip")
    if problems:
        checks.bad("leaf", "; ".join(problems))
        return None
    if facts.hwid is not None and report.chip_masked:
        checks.open("leaf", "the host masks the chip id, so the leaf cannot be compared with it")
    else:
        checks.ok(
            "leaf",
            f"the {facts.kind} is for this {'TCB' if facts.hwid is None else 'chip and TCB'} "
            f"({facts.product_name})",
        )
    return product


def _check_tcb(checks: Checks, report: Report, product: str, context: Context) -> None:
    """Step 6. AMD publishes no table of levels: the floor is the policy's."""
    floor = context.policy.tcb_floor.get(product)
    for name, kind in (("tcb", "reported"), ("tcb-committed", "committed")):
        have = tcb_parts(report.tcbs[kind], product)
        shown = " ".join(f"{part} {value}" for part, value in have.items())
        if not floor:
            checks.open(name, f"{kind} TCB is {shown}; the policy has no floor for {product}")
            continue
        if unknown := set(floor) - set(TCB_ORDER[product]):
            checks.bad(
                name,
                f"the policy's floor for {product} names {', '.join(sorted(unknown))}, which it does "
                "not have",
            )
            continue
        low = [f"{part} {have[part]} < {least}" for part, least in floor.items() if have[part] < least]
        checks.expect(
            name,
            not low,
            f"{kind} TCB {shown} is at or above the floor",
            f"{kind} TCB is under the floor: {', '.join(low)}",
        )
    status = {"pass": "at or above the floor", "fail": "under the floor"}.get(
        checks.found[-2].outcome, "no floor given"
    )
    checks.levels.append(Level(layer="platform", status=status))


def _check_guest(checks: Checks, report: Report, context: Context) -> None:
    """Steps 7 and 8."""
    policy = context.policy
    debug, movable = bool(report.policy & DEBUG), bool(report.policy & MIGRATE_MA)
    checks.expect(
        "debug",
        policy.debug or not debug,
        "debug is allowed" if debug else "debug is off",
        "the guest policy allows debug: the host can read the guest",
    )
    checks.expect(
        "migration", policy.migration or not movable,
        "a migration agent is allowed by the policy" if movable else "no migration agent",
        "a migration agent may move the guest",
    )  # fmt: skip
    levels = ", ".join(map(str, policy.vmpl)) or "none"
    checks.expect(
        "vmpl",
        report.vmpl in policy.vmpl,
        f"asked for from VMPL {report.vmpl}",
        f"asked for from VMPL {report.vmpl}, allowed: {levels}",
    )
    check_bits(checks, report.policy, POLICY_BITS, "guest policy", context)
    check_bits(checks, report.platform_info, PLATFORM_BITS, "platform info", context)
    names = {PLATFORM_BITS[bit] for bit in PLATFORM_BITS if report.platform_info >> bit & 1}
    names |= {POLICY_BITS[bit] for bit in range(16, 26) if report.policy >> bit & 1}
    check_named_bits(checks, "snp", names, context)
    checks.listed("measurement", report.measurement.hex(), policy.measurements, "MEASUREMENT")
    if policy.signers:
        keys = (report.id_key_digest.hex(), report.author_key_digest.hex())
        known = any(key in {entry.lower() for entry in policy.signers} for key in keys)
        checks.expect(
            "signer",
            known,
            "the ID or author key is on the list",
            "neither the ID key nor the author key is on the list",
        )
    if policy.host_data:
        checks.listed("host-data", report.host_data.hex(), policy.host_data, "HOST_DATA")
    if policy.chips:
        checks.listed("chip", report.chip_id.hex(), policy.chips, "CHIP_ID")


def _claims(report: Report, product: str | None, facts: LeafFacts | None) -> dict[str, Claim]:
    claims: dict[str, Claim] = {
        "oemid": "AMD", "hwmodel": product or "unknown", "hwversion": f"report v{report.version}",
        "dbgstat": "enabled" if report.policy & DEBUG else "disabled-since-boot",
        "ueid": report.chip_id.hex(), "measurements": {"launch": report.measurement.hex()},
        "x-vmpl": report.vmpl, "x-guest-svn": report.guest_svn, "x-guest-policy": f"{report.policy:#x}",
        "x-platform-info": f"{report.platform_info:#x}", "x-host-data": report.host_data.hex(),
        "x-id-key-digest": report.id_key_digest.hex(), "x-author-key-digest": report.author_key_digest.hex(),
        "x-signing-key": report.signing_key, "x-report-data": report.report_data.hex(),
    }  # fmt: skip
    if product is not None:
        claims |= {f"x-tcb-{name}": tcb_parts(raw, product) for name, raw in report.tcbs.items()}
    if report.mitigations is not None:
        claims |= {
            "x-mitigations-launch": f"{report.mitigations[0]:#x}",
            "x-mitigations-current": f"{report.mitigations[1]:#x}",
        }
    if facts is not None and facts.csp is not None:
        claims["x-csp"] = facts.csp
    return claims
