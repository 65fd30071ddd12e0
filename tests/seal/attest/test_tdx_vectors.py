"""Real TDX and SGX quotes, with the levels that Intel's own collateral of the time gives them."""

from __future__ import annotations

import pytest

from freehold.seal.attest.certificate import parse_pem
from freehold.seal.attest.intel_documents import parse_tcb_info
from freehold.seal.attest.quote import TdReport, parse_quote
from freehold.seal.attest.result import Level
from freehold.seal.attest.tcb import pck_facts, platform_level
from tests.seal.attest.conftest import Vectors

UP_TO_DATE = ("tdx/v4_uptodate/quote.dat", "tdx/v4_uptodate/collateral.json")
NEWER = tuple(
    f"tdx/collateral_2026_03/{name}"
    for name in (
        "pck_crl_platform.der", "root_ca_crl.der", "tcb_info_50806f000000.json", "tcb_info_90c06f000000.json",
        "tcb_signing_chain.pem", "td_qe_identity.json",
    )
)  # fmt: skip
FRESH_ONLY = ("nonce", "binding", "measurement")


def levels(found: tuple[Level, ...]) -> dict[str, str]:
    return {level.layer: level.status for level in found}


@pytest.mark.needs_data
def test_tdx_vector_up_to_date_passes_with_three_levels(vectors: Vectors) -> None:
    result = vectors.judge("2025-06-25T00:00:00Z", *UP_TO_DATE, waive=FRESH_ONLY)
    assert result.passed, (result.failed, result.unchecked)
    assert levels(result.parts[0].levels) == dict.fromkeys(("platform", "module", "enclave"), "UpToDate")


@pytest.mark.needs_data
def test_tdx_vector_after_its_collateral_ended_is_refused(vectors: Vectors) -> None:
    result = vectors.judge("2025-07-20T00:00:00Z", *UP_TO_DATE, waive=FRESH_ONLY)
    assert "tdx:collateral" in result.failed


@pytest.mark.needs_data
def test_sgx_vector_needs_configuration_and_hardening(vectors: Vectors) -> None:
    result = vectors.judge(
        "2025-06-25T00:00:00Z", "sgx/v3/quote.dat", "sgx/v3/collateral.json", waive=FRESH_ONLY
    )
    assert result.failed == ("sgx:tcb",)
    assert levels(result.parts[0].levels)["platform"] == "ConfigurationAndSWHardeningNeeded"
    assert result.parts[0].advisories == ("INTEL-SA-00289", "INTEL-SA-00615")


@pytest.mark.needs_data
def test_tdx_vector_of_a_debug_domain_is_refused_and_its_platform_outdated(vectors: Vectors) -> None:
    result = vectors.judge("2026-03-20T00:00:00Z", "tdx/v4_debug_td/quote.dat", *NEWER, waive=FRESH_ONLY)
    assert set(result.failed) == {"tdx:debug", "tdx:tcb"}
    assert levels(result.parts[0].levels) == {
        "platform": "OutOfDate", "module": "with the platform", "enclave": "UpToDate",
    }  # fmt: skip
    assert len(result.parts[0].advisories) == 11


@pytest.mark.needs_data
def test_tdx_vector_of_version_5_reaches_no_level_of_its_table(vectors: Vectors) -> None:
    result = vectors.judge(
        "2026-03-20T00:00:00Z", "tdx/v5/quote.dat", *NEWER, waive=FRESH_ONLY, migration=True
    )
    assert result.failed == ("tdx:tcb",)
    assert levels(result.parts[0].levels)["platform"] == "NotSupported"


@pytest.mark.needs_data
def test_tdx_vector_of_an_early_platform_reaches_no_level(vectors: Vectors) -> None:
    quote = parse_quote(vectors.bytes("tdx/v4_spr_e4/quote.dat"))
    info = parse_tcb_info(vectors.bytes("tdx/v4_spr_e4/tcb_info.json")).value
    assert isinstance(quote.body, TdReport)
    assert platform_level(info, pck_facts(parse_pem(quote.chain_pem)[0]), quote.body).status == "NotSupported"
    assert vectors.judge("2023-07-01T00:00:00Z", "tdx/v4_spr_e4/quote.dat").passed  # signatures and chain


@pytest.mark.needs_data
def test_tdx_collateral_by_a_signer_that_is_not_valid_yet_is_refused(vectors: Vectors) -> None:
    names = (
        "tdx/v4_spr_e4/quote.dat",
        "tdx/v4_spr_e4/tcb_info.json",
        "tdx/v4_spr_e4/qe_identity.json",
        NEWER[4],
    )
    result = vectors.judge("2023-07-01T00:00:00Z", *names)
    assert set(result.failed) == {"tdx:collateral"}  # that certificate was issued in 2025, over the same key


@pytest.mark.needs_data
def test_tdx_vector_with_event_log_replays_to_its_registers(vectors: Vectors) -> None:
    folder = "tdx/v4_cos113_ccel"
    names = (f"{folder}/quote.dat", f"{folder}/ccel_data.dat", f"{folder}/ccel_table.dat")
    result = vectors.judge("2025-06-25T00:00:00Z", *names, nonce=vectors.bytes(f"{folder}/nonce.dat"))
    assert result.passed, result.failed
    log = result.parts[0].check("event-log")
    assert log is not None and log.why.startswith("43 events")


@pytest.mark.needs_data
def test_tdx_vector_with_the_event_log_of_another_quote_is_refused(vectors: Vectors) -> None:
    names = ("tdx/v4_uptodate/quote.dat", "tdx/v4_cos113_ccel/ccel_data.dat")
    assert "tdx:event-log" in vectors.judge("2025-06-25T00:00:00Z", *names).failed
