"""How current an Intel platform is, by Intel's own signed tables. Three layers, judged and shown separately.

platform: the first TCB level whose 16 SGX components, PCE and TDX components the platform reaches;
module:   the TDX module, by the identity of its major version where the tables have one;
enclave:  the quoting enclave that signs.
A module that is up to date must not hide a platform that is not: nothing here folds the three into one.
"""

from __future__ import annotations

import msgspec

from freehold.seal.attest import der
from freehold.seal.attest.certificate import Certificate
from freehold.seal.attest.intel_documents import COMPONENTS, EnclaveIdentity, TcbInfo, TcbLevel, TdxModule
from freehold.seal.attest.malformed import malformed
from freehold.seal.attest.quote import EnclaveReport, TdReport
from freehold.seal.attest.result import Level

SGX_EXTENSION = "1.2.840.113741.1.13.1"
NOT_SUPPORTED = "NotSupported"
"""Our word where no level of the table is reached: Intel makes no statement, so there is none to pass on."""


class PckFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What Intel's extension in the PCK certificate says about the platform."""

    ppid: bytes
    components: tuple[int, ...]
    pce_svn: int
    cpu_svn: bytes
    pce_id: bytes
    fmspc: bytes


def pck_facts(certificate: Certificate) -> PckFacts:
    extension = certificate.extensions.get(SGX_EXTENSION)
    if extension is None:
        raise malformed("the PCK certificate has no SGX extension")
    top = _pairs(der.whole(extension.value))
    tcb = _pairs(_need(top, "2").expect(der.SEQUENCE))
    return PckFacts(
        ppid=_octets(top, "1", 16),
        components=tuple(_svn(_need(tcb, str(i))) for i in range(1, COMPONENTS + 1)),
        pce_svn=_svn(_need(tcb, "17")), cpu_svn=_octets(tcb, "18", 16),
        pce_id=_octets(top, "3", 2), fmspc=_octets(top, "4", 6),
    )  # fmt: skip


def _pairs(listed: der.Der) -> dict[str, der.Der]:
    """The OID -> value pairs of one level, by the last arc of the OID."""
    found: dict[str, der.Der] = {}
    for child in listed.children():
        fields = child.parts(der.SEQUENCE)
        oid, value = fields.take().oid(), fields.take()
        fields.finish()
        arc = oid.removeprefix(SGX_EXTENSION + ".").removeprefix("2.")
        if arc in found or not oid.startswith(SGX_EXTENSION + "."):
            raise malformed(f"the SGX extension has {oid} twice or out of place")
        found[arc] = value
    return found


def _need(pairs: dict[str, der.Der], arc: str) -> der.Der:
    if arc not in pairs:
        raise malformed(f"the SGX extension has no field {arc}")
    return pairs[arc]


def _octets(pairs: dict[str, der.Der], arc: str, length: int) -> bytes:
    value = _need(pairs, arc).expect(der.OCTET_STRING).value
    if len(value) != length:
        raise malformed(f"field {arc} of the SGX extension has {len(value)} bytes, not {length}")
    return value


def _svn(element: der.Der) -> int:
    value = element.integer()
    if not 0 <= value <= 0xFFFF:
        raise malformed(f"a security version of {value} is out of range")
    return value


def platform_level(info: TcbInfo, facts: PckFacts, td: TdReport | None) -> Level:
    """The first level the platform reaches; the table is ordered from the newest down."""
    for level in info.tcb_levels:
        if _reached(level, facts, td):
            return _level("platform", level)
    return Level(layer="platform", status=NOT_SUPPORTED)


def _reached(level: TcbLevel, facts: PckFacts, td: TdReport | None) -> bool:
    sgx = all(
        have >= need.svn for have, need in zip(facts.components, level.tcb.sgxtcbcomponents, strict=True)
    )
    if not sgx or facts.pce_svn < level.tcb.pcesvn:
        return False
    if td is None:
        return True
    if len(level.tcb.tdxtcbcomponents) != COMPONENTS:
        return False
    # components 0 and 1 are the module's own, judged by its identity when its major version is not 0
    skipped = 2 if td.tee_tcb_svn[1] > 0 else 0
    pairs = zip(td.tee_tcb_svn[skipped:], level.tcb.tdxtcbcomponents[skipped:], strict=True)
    return all(have >= need.svn for have, need in pairs)


def module_level(info: TcbInfo, td: TdReport) -> tuple[Level, str]:
    """The TDX module's level, and what is wrong with its signer or attributes (empty if nothing)."""
    major, minor = td.tee_tcb_svn[1], td.tee_tcb_svn[0]
    if major == 0:
        problem = module_fault(info.tdx_module, td)
        return Level(layer="module", status="with the platform"), problem
    wanted = f"TDX_{major:02X}"
    for module in info.tdx_module_identities:
        if module.id.upper() == wanted:
            reached = next((level for level in module.tcb_levels if minor >= level.tcb.isvsvn), None)
            level = _level("module", reached) if reached else Level(layer="module", status=NOT_SUPPORTED)
            return level, module_fault(module, td)
    return Level(layer="module", status=NOT_SUPPORTED), f"the tables know no module {wanted}"


def module_fault(module: TdxModule | None, td: TdReport) -> str:
    if module is None:
        return "the tables describe no TDX module"
    if bytes.fromhex(module.mrsigner) != td.mr_signer_seam:
        return "the TDX module is signed by somebody else"
    mask = bytes.fromhex(module.attributes_mask)
    if _masked(td.seam_attributes, mask) != _masked(bytes.fromhex(module.attributes), mask):
        return "the TDX module has attributes it should not have"
    return ""


def enclave_level(identity: EnclaveIdentity, report: EnclaveReport) -> tuple[Level, str]:
    """The quoting enclave's level, and what is wrong with its identity (empty if nothing)."""
    reached = next((level for level in identity.tcb_levels if report.isv_svn >= level.tcb.isvsvn), None)
    level = _level("enclave", reached) if reached else Level(layer="enclave", status=NOT_SUPPORTED)
    mask = bytes.fromhex(identity.attributes_mask)
    # Intel writes MISCSELECT as the bytes of the field, first byte first
    misc_mask, misc = bytes.fromhex(identity.miscselect_mask), report.miscselect.to_bytes(4, "little")
    wrong = [
        name
        for name, holds in (
            ("signer", bytes.fromhex(identity.mrsigner) == report.mrsigner),
            ("product number", identity.isvprodid == report.isv_prod_id),
            (
                "attributes",
                _masked(report.attributes, mask) == _masked(bytes.fromhex(identity.attributes), mask),
            ),
            (
                "MISCSELECT",
                _masked(misc, misc_mask) == _masked(bytes.fromhex(identity.miscselect), misc_mask),
            ),
        )
        if not holds
    ]
    return level, f"the quoting enclave has another {' and '.join(wrong)}" if wrong else ""


def _level(layer: str, level: TcbLevel) -> Level:
    named = {"platform": "platform", "module": "module", "enclave": "enclave"}[layer]
    return Level(layer=named, status=level.tcb_status, since=level.tcb_date, advisories=level.advisory_ids)  # type: ignore[arg-type]  # one of the three layers


def _masked(value: bytes, mask: bytes) -> bytes:
    return bytes(a & b for a, b in zip(value, mask, strict=True))
