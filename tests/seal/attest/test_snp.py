"""SEV-SNP on fakes: every product, key and version, and every way in which a report must be refused."""

from __future__ import annotations

import msgspec
import pytest

from freehold.seal.attest import AttestPolicy, Result
from freehold.seal.attest.fake import FakeSet, amd, evidence_set
from tests.seal.attest.conftest import AT_S, judge_fake

MADE = evidence_set("snp", at_s=AT_S)


def judge(said: amd.Snp, *, chain: amd.Chain | None = None, **rules: object) -> Result:
    """A report with the chain that belongs to it, or with another one."""
    bound = msgspec.structs.replace(said, report_data=MADE.binding.report_data())
    certificates = chain or amd.chain(bound, at_s=AT_S)
    files = (("report.bin", amd.report(bound)), *chain_files(certificates))
    return judge_fake(FakeSet(kind="snp", files=files, binding=MADE.binding, at_s=AT_S), **rules)


def chain_files(chain: amd.Chain) -> tuple[tuple[str, bytes], ...]:
    authorities = tuple((f"authority-{i}", each) for i, each in enumerate(chain.authorities))
    return (("leaf", chain.leaf), *authorities, ("crl", chain.crl))


def fields(**values: bytes) -> dict[int, bytes]:
    return {int(name.removeprefix("at_"), 16): value for name, value in values.items()}


@pytest.mark.parametrize("product", ["Milan", "Genoa", "Turin"])
@pytest.mark.parametrize("key", ["VCEK", "VLEK"])
@pytest.mark.parametrize("version", [2, 3, 4, 5])
def test_snp_of_every_product_key_and_version_passes(product: str, key: str, version: int) -> None:
    result = judge(amd.Snp(product=product, key=key, version=version))
    assert result.passed, (result.failed, result.unchecked)
    assert result.parts[0].claims["hwmodel"] == product


@pytest.mark.parametrize(
    ("said", "failed"),
    [
        (amd.Snp(policy=0x30000 | 1 << 19), "snp:debug"),
        (amd.Snp(policy=0x30000 | 1 << 18), "snp:migration"),
        (amd.Snp(vmpl=1), "snp:vmpl"),
        (amd.Snp(measurement=b"\x99" * 48), "snp:measurement"),
        (amd.Snp(tcb={**amd.TCB, "snp": 7}), "snp:tcb"),
        (amd.Snp(committed={**amd.TCB, "microcode": 99}), "snp:tcb-committed"),
    ],
)
def test_snp_is_refused_for_exactly_what_is_wrong(said: amd.Snp, failed: str) -> None:
    assert judge(said).failed == (failed,)


@pytest.mark.parametrize(
    "changed",
    [
        fields(at_0=(1).to_bytes(4, "little")),
        fields(at_0=(6).to_bytes(4, "little")),
        fields(at_34=(2).to_bytes(4, "little")),
        fields(at_8=(0).to_bytes(8, "little")),
        fields(at_48=(2 << 2).to_bytes(4, "little")),
    ],
    ids=["version-1", "version-6", "algorithm-2", "policy-bit-17", "signing-key-2"],
)
def test_snp_with_a_field_out_of_range_fails_at_the_format(changed: dict[int, bytes]) -> None:
    assert "snp:format" in judge(amd.Snp(fields=changed)).failed


def test_snp_that_says_it_is_not_signed_is_refused() -> None:
    assert "snp:chain" in judge(amd.Snp(fields=fields(at_48=(7 << 2).to_bytes(4, "little")))).failed


@pytest.mark.parametrize("length", [0x8F, 0xA0])
def test_snp_with_bytes_after_its_signature_fails_at_the_format(length: int) -> None:
    report = bytearray(dict(MADE.files)["report.bin"])
    report[0x2A0 + length + 1] = 1
    assert judge_fake(MADE, files={"report.bin": bytes(report)}).failed


def test_snp_reserved_bits_are_reported_and_refused_only_on_demand() -> None:
    said = amd.Snp(platform_info=0x65, fields=fields(at_2f8=b"\x01"))
    assert judge(said).passed
    assert any("bit 6" in note for note in judge(said).parts[0].notes)
    assert "snp:platform" in judge(said, unknown_bits="refuse").failed


def test_snp_leaf_of_older_firmware_is_refused() -> None:
    older = amd.chain(amd.Snp(tcb={**amd.TCB, "microcode": 218}), at_s=AT_S)
    assert judge(amd.Snp(), chain=older).failed == ("snp:leaf",)


def test_snp_leaf_of_another_chip_is_refused() -> None:
    other = amd.chain(amd.Snp(chip=b"\xc5" * 64), at_s=AT_S)
    assert judge(amd.Snp(), chain=other).failed == ("snp:leaf",)


def test_snp_of_one_product_under_the_root_of_another_is_refused() -> None:
    assert judge(amd.Snp(product="Genoa"), chain=amd.chain(amd.Snp(product="Milan"), at_s=AT_S)).failed


def test_snp_with_a_masked_chip_id_leaves_the_leaf_unchecked() -> None:
    said = amd.Snp(fields=fields(at_48=(2).to_bytes(4, "little"), at_1a0=bytes(64)))
    result = judge(said)
    assert result.failed == ()
    assert result.unchecked == ("snp:leaf",)


def test_snp_under_a_revoked_authority_is_refused() -> None:
    revoked = amd.chain(amd.Snp(), at_s=AT_S, revoked=(amd.ASK_SERIAL,))
    assert judge(amd.Snp(), chain=revoked).failed == ("snp:revocation",)


def test_snp_without_a_revocation_list_is_left_unchecked_and_so_refused() -> None:
    result = judge_fake(MADE, files={"amd.crl": b""})
    assert not result.passed
    assert result.unchecked == ("snp:revocation",)


@pytest.mark.parametrize(("away_s", "why"), [(8 * 86400, "older"), (31 * 86400, "ended"), (-7200, "future")])
def test_snp_with_a_list_that_is_not_fresh_is_left_unchecked(away_s: int, why: str) -> None:
    result = judge_fake(MADE, at_s=AT_S + away_s)
    assert result.unchecked == ("snp:revocation",)
    check = result.parts[0].check("revocation")
    assert check is not None and why in check.why


def test_snp_without_its_authority_is_refused() -> None:
    assert "snp:chain" in judge_fake(MADE, files={"authority-0.der": b""}).failed


def test_snp_floor_that_names_an_unknown_part_is_refused() -> None:
    assert "snp:tcb" in judge(amd.Snp(), tcb_floor={"Milan": {"fmc": 1}}).failed


def test_snp_without_a_floor_is_left_unchecked_and_so_refused() -> None:
    result = judge(amd.Snp(), tcb_floor={})
    assert not result.passed
    assert result.unchecked == ("snp:tcb", "snp:tcb-committed")


@pytest.mark.parametrize(
    ("rules", "failed"),
    [
        ({"platform_demands": ("snp.tsme",)}, ("snp:platform",)),
        ({"platform_bars": ("snp.smt",)}, ("snp:platform",)),
        ({"platform_demands": ("snp.alias-check", "snp.ecc")}, ()),
        ({"host_data": ("ff" * 32,)}, ("snp:host-data",)),
        ({"chips": ("c4" * 64,)}, ()),
        ({"chips": ("c5" * 64,)}, ("snp:chip",)),
        ({"signers": ("aa" * 48,)}, ("snp:signer",)),
        ({"signers": ("00" * 48,)}, ()),
        ({"serials_denied": ("10001",)}, ("snp:revocation",)),
    ],
)
def test_snp_policy_lists_are_held(rules: dict[str, object], failed: tuple[str, ...]) -> None:
    assert judge(amd.Snp(), **rules).failed == failed


def test_snp_debug_is_accepted_only_where_the_policy_says_so() -> None:
    said = amd.Snp(policy=0x30000 | 1 << 19)
    assert judge(said, debug=True).passed
    assert judge(said, debug=True).parts[0].claims["dbgstat"] == "enabled"


def test_snp_of_a_root_with_amds_name_but_another_key_is_refused() -> None:
    policy = AttestPolicy()
    assert policy.test_roots is False
    check = judge(amd.Snp(), test_roots=False).parts[0].check("chain")
    assert check is not None and "ARK-Milan" in check.why and check.outcome == "fail"
