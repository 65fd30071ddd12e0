"""Azure on fakes: the hardware report, the claims it is bound to, the quote their key signs, and the PCRs."""

from __future__ import annotations

import json

import msgspec
import pytest

from freehold.seal.attest import Result
from freehold.seal.attest.fake import FakeSet, amd, azure, evidence_set, intel
from tests.seal.attest.conftest import AT_S, judge_fake

MADE = evidence_set("azure", at_s=AT_S)
SAID = azure.AzureVm(nonce=MADE.binding.quote_nonce())


def judge(said: azure.AzureVm, **rules: object) -> Result:
    return judge_fake(MADE, files={"evidence.json": azure.evidence(said, at_s=AT_S)}, **rules)


def changed(**members: object) -> bytes:
    """The evidence with members of its JSON replaced; `quote_` ones are of its quote."""
    value = json.loads(azure.evidence(SAID, at_s=AT_S))
    for name, member in members.items():
        target = value["tpm_quote"] if name.startswith("quote_") else value
        target[name.removeprefix("quote_")] = member
    return json.dumps(value).encode()


def test_azure_over_tdx_passes() -> None:
    said = msgspec.structs.replace(SAID, hardware="tdx")
    files = {"evidence.json": azure.evidence(said, at_s=AT_S), **intel.collateral(at_s=AT_S)}
    made = FakeSet(kind="azure", files=tuple(files.items()), binding=MADE.binding, at_s=AT_S)
    result = judge_fake(made)
    assert result.passed, (result.failed, result.unchecked)


def test_azure_with_the_report_of_another_vm_is_refused() -> None:
    assert "azure:quote" in judge(msgspec.structs.replace(SAID, bound=b"\x01" * 32)).failed


def test_azure_with_pcrs_that_were_made_up_is_refused() -> None:
    pcrs = [pcr.hex() for pcr in (b"\x00" * 32, *azure.PCRS[1:])]
    assert judge_fake(MADE, files={"evidence.json": changed(quote_pcrs=pcrs)}).failed == ("azure:quote",)


def test_azure_quote_over_some_pcrs_only_is_refused() -> None:
    assert judge(msgspec.structs.replace(SAID, selection=b"\x0f\x00\x00")).failed == ("azure:quote",)


def test_azure_quote_with_another_signature_is_refused() -> None:
    assert judge_fake(MADE, files={"evidence.json": changed(quote_signature="00" * 256)}).failed == (
        "azure:quote",
    )


def test_azure_debug_guest_is_refused_whatever_its_quote_says() -> None:
    said = msgspec.structs.replace(SAID, snp=amd.Snp(policy=0x30000 | 1 << 19))
    assert "azure:debug" in judge(said).failed


def test_azure_pcr_of_the_policy_is_held() -> None:
    assert judge(SAID, registers={"pcr4": (azure.PCRS[4].hex(),)}).passed
    assert judge(SAID, registers={"pcr4": ("00" * 32,)}).failed == ("azure:registers",)


@pytest.mark.parametrize(
    "members",
    [
        {"hcl_report": "AAAA"},
        {"hcl_report": 7},
        {"hcl_report": "!"},
        {"tpm_quote": []},
        {"quote_pcrs": []},
        {"quote_pcrs": ["00" * 31] * 24},
        {"quote_message": "ff544347"},
        {"quote_message": "zz"},
        {"vcek": "!"},
    ],
)
def test_azure_with_a_member_out_of_range_fails_at_the_format(members: dict[str, object]) -> None:
    assert "azure:format" in judge_fake(MADE, files={"evidence.json": changed(**members)}).failed


def test_azure_blob_alone_is_refused_with_advice() -> None:
    blob = azure.blob(amd.report(), azure.claims(SAID), "snp")
    check = judge_fake(MADE, files={"evidence.json": blob}).parts[0].check("format")
    assert check is not None and "quote" in check.why
