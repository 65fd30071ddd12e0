"""TDX and SGX on fakes: every version, and every way in which a quote or its collateral must be refused."""

from __future__ import annotations

import msgspec
import pytest

from freehold.config.values import Duration
from freehold.errors import FreeholdError
from freehold.seal.attest import Result
from freehold.seal.attest.fake import FakeSet, eventlog, evidence_set, intel
from freehold.seal.attest.fake.keys import curve_key
from freehold.seal.attest.fake.writer import raw_signature
from tests.seal.attest.conftest import AT_S, judge_fake

MADE = evidence_set("tdx", at_s=AT_S)
DAY_S = 86400


def judge(said: intel.Td = intel.PLAIN, tables: intel.Tables = intel.CURRENT, **rules: object) -> Result:
    bound = msgspec.structs.replace(said, report_data=MADE.binding.report_data())
    files = {"quote.bin": intel.quote(bound, at_s=AT_S), **intel.collateral(tables, at_s=AT_S, tee=said.tee)}
    made = FakeSet(kind=said.tee, files=tuple(files.items()), binding=MADE.binding, at_s=AT_S)
    return judge_fake(made, **rules)


@pytest.mark.parametrize(
    "said",
    [
        intel.Td(version=4),
        intel.Td(version=5),
        intel.Td(version=5, body_15=True),
        intel.Td(version=3, tee="sgx", attributes=5, measurement=b"\x33" * 32),
        intel.Td(version=4, tee="sgx", attributes=5, measurement=b"\x33" * 32),
        intel.Td(version=5, tee="sgx", attributes=5, measurement=b"\x33" * 32),
    ],
    ids=["tdx-4", "tdx-5", "tdx-5-15", "sgx-3", "sgx-4", "sgx-5"],
)
def test_tdx_and_sgx_of_every_version_pass(said: intel.Td) -> None:
    result = judge(said)
    assert result.passed, (result.failed, result.unchecked)


@pytest.mark.parametrize(
    ("said", "failed"),
    [
        (intel.Td(attributes=1), "tdx:debug"),
        (intel.Td(attributes=1 << 29), "tdx:migration"),
        (intel.Td(version=5, body_15=True, service_td=b"\x01" * 48), "tdx:migration"),
        (intel.Td(measurement=b"\x99" * 48), "tdx:measurement"),
        (intel.Td(components=(4,) * 16), "tdx:tcb"),
        (intel.Td(pce_svn=12), "tdx:tcb"),
        (intel.Td(tee_tcb_svn=bytes([2, 1, 5]) + bytes(13)), "tdx:tcb"),
        (intel.Td(tee_tcb_svn=bytes([3, 2, 5]) + bytes(13)), "tdx:tcb"),
        (intel.Td(tee_tcb_svn=bytes([3, 1, 4]) + bytes(13)), "tdx:tcb"),
        (intel.Td(qe_svn=7), "tdx:tcb"),
        (intel.Td(tee="sgx", attributes=7, measurement=b"\x33" * 32), "sgx:debug"),
    ],
)
def test_tdx_is_refused_for_exactly_what_is_wrong(said: intel.Td, failed: str) -> None:
    assert judge(said).failed == (failed,)


@pytest.mark.parametrize("layer", ["platform", "module", "enclave"])
def test_tdx_layer_that_is_outdated_is_never_hidden_by_the_others(layer: str) -> None:
    old = intel.Level(
        svn={"platform": 5, "module": 3, "enclave": 8}[layer], status="OutOfDate", advisories=("SA-1",)
    )
    tables = msgspec.structs.replace(intel.CURRENT, **{layer: (old,)})
    result = judge(tables=tables)
    assert result.failed == ("tdx:tcb",)
    statuses = {level.layer: level.status for level in result.parts[0].levels}
    assert statuses == {**dict.fromkeys(("platform", "module", "enclave"), "UpToDate"), layer: "OutOfDate"}
    assert result.parts[0].advisories == ("SA-1",)


@pytest.mark.parametrize("status", ["SWHardeningNeeded", "ConfigurationNeeded", "Revoked"])
def test_tdx_status_counts_only_where_the_policy_lists_it(status: str) -> None:
    tables = intel.Tables(platform=(intel.Level(status=status),))
    assert not judge(tables=tables).passed
    assert judge(tables=tables, tcb_status=("UpToDate", status)).passed


def test_tdx_advisory_barred_by_the_policy_is_refused() -> None:
    tables = intel.Tables(platform=(intel.Level(advisories=("INTEL-SA-00001",)),))
    assert judge(tables=tables).passed
    assert judge(tables=tables, advisories_barred=("INTEL-SA-00001",)).failed == ("tdx:tcb",)


@pytest.mark.parametrize(
    ("tables", "rules"),
    [
        (intel.Tables(issued_s=AT_S - 8 * DAY_S), {}),
        (intel.Tables(issued_s=AT_S - 40 * DAY_S), {"collateral_age_max": Duration("90d")}),
        (intel.Tables(issued_s=AT_S + DAY_S), {}),
        (intel.Tables(evaluation=17), {"tcb_evaluation_min": 18}),
    ],
    ids=["older-than-the-policy", "ended", "future", "rolled-back"],
)
def test_tdx_collateral_that_is_stale_future_or_rolled_back_is_refused(
    tables: intel.Tables, rules: dict[str, object]
) -> None:
    assert "tdx:collateral" in judge(tables=tables, **rules).failed


@pytest.mark.parametrize(
    "revoked", [{"revoked_pck": (intel.PCK_SERIAL,)}, {"revoked_ca": (intel.CA_SERIAL,)}]
)
def test_tdx_of_a_revoked_platform_is_refused(revoked: dict[str, tuple[int, ...]]) -> None:
    assert "tdx:revocation" in judge(tables=intel.Tables(**revoked)).failed


def test_tdx_collateral_of_a_revoked_signer_is_refused() -> None:
    assert "tdx:collateral" in judge(tables=intel.Tables(revoked_ca=(intel.SIGNER_SERIAL,))).failed


@pytest.mark.parametrize(
    "name", ["tcb_info.json", "qe_identity.json", "tcb_signing_chain.pem", "pck_crl.der"]
)
def test_tdx_without_a_piece_of_collateral_is_refused(name: str) -> None:
    result = judge_fake(MADE, files={name: b""})
    assert not result.passed
    assert set(result.unchecked + result.failed) & {"tdx:collateral", "tdx:revocation"}


def test_tdx_tables_signed_by_the_platform_key_are_refused() -> None:
    files = intel.collateral(at_s=AT_S)
    body = files["tcb_info.json"][len(b'{"tcbInfo":') : files["tcb_info.json"].rindex(b',"signature"')]
    forged = raw_signature(curve_key("intel pck", "secp256r1"), body).hex().encode()
    changed = b'{"tcbInfo":%s,"signature":"%s"}' % (body, forged)
    assert "tdx:collateral" in judge_fake(MADE, files={"tcb_info.json": changed}).failed


def test_tdx_older_table_beside_a_newer_one_is_not_used() -> None:
    older = intel.tcb_info(intel.Tables(evaluation=17), at_s=AT_S)
    newer = intel.tcb_info(intel.Tables(evaluation=19, platform=(intel.Level(status="Revoked"),)), at_s=AT_S)
    assert "tdx:tcb" in judge_fake(MADE, files={"older.json": older, "newer.json": newer}).failed


def test_tdx_table_of_another_platform_is_not_used() -> None:
    body = intel.tcb_info(intel.CURRENT, at_s=AT_S).replace(intel.FMSPC.hex().encode(), b"ffffffffffff")
    result = judge_fake(MADE, files={"tcb_info.json": body})
    assert "tdx:collateral" in result.unchecked


def test_tdx_with_the_quoting_enclave_of_another_signer_is_refused() -> None:
    body = intel.qe_identity(intel.CURRENT, at_s=AT_S)
    other = body.replace(intel.QE_SIGNER.hex().upper().encode(), b"00" * 32)
    assert "tdx:collateral" in judge_fake(MADE, files={"qe_identity.json": other}).failed


def test_tdx_registers_of_the_policy_are_held() -> None:
    rtmr = eventlog.registers(dict(MADE.files)["ccel.bin"])[1].hex()
    assert judge_fake(MADE, registers={"rtmr1": (rtmr,)}).passed
    assert "tdx:registers" in judge_fake(MADE, registers={"rtmr1": ("00" * 48,)}).failed


def test_tdx_register_that_nothing_holds_is_left_unchecked() -> None:
    result = judge_fake(MADE, registers={"rtmr9": ("00" * 48,)})
    assert not result.passed
    assert result.unchecked == ("set:registers",)


def test_tdx_bytes_after_the_quote_are_noted_and_not_read() -> None:
    result = judge(intel.Td(trailing=bytes(39)))
    assert result.passed
    assert any("39 bytes follow" in note for note in result.parts[0].notes)


@pytest.mark.parametrize("at", [0, 2, 4, 8])
def test_tdx_header_out_of_range_is_refused(at: int) -> None:
    quote = bytearray(dict(MADE.files)["quote.bin"])
    quote[at] = 0xEE
    try:
        assert not judge_fake(MADE, files={"quote.bin": bytes(quote)}).passed
    except FreeholdError:
        return
