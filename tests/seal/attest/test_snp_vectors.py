"""Real SEV-SNP reports that nobody of this project made, with the results their publishers state."""

from __future__ import annotations

import pytest

from tests.seal.attest.conftest import Vectors

MILAN, GENOA = "anchors/amd_milan_vcek_chain.pem", "anchors/amd_genoa_vcek_chain.pem"
GOOD = [
    ("2025-06-01T00:00:00Z", ("snp/milan_v2/report.bin", "snp/milan_v2/vcek.der", MILAN)),
    ("2026-03-01T00:00:00Z", ("snp/genoa_v3/report.bin", "snp/genoa_v3/vcek.pem", GENOA)),
    ("2026-03-01T00:00:00Z", ("snp/genoa_v5/report.bin", "snp/genoa_v5/vcek.der", GENOA)),
]


@pytest.mark.needs_data
@pytest.mark.parametrize(("at", "files"), GOOD, ids=["milan-v2", "genoa-v3", "genoa-v5"])
def test_snp_vectors_of_good_reports_pass(vectors: Vectors, at: str, files: tuple[str, ...]) -> None:
    result = vectors.judge(at, *files)
    assert result.passed, result.failed


@pytest.mark.needs_data
def test_snp_vector_of_a_debug_guest_fails_at_debug_alone(vectors: Vectors) -> None:
    files = ("snp/milan_v2_debug/report.bin", "snp/milan_v2_debug/vcek.pem", MILAN)
    assert vectors.judge("2025-06-01T00:00:00Z", *files).failed == ("snp:debug",)


@pytest.mark.needs_data
def test_snp_vector_with_a_badly_signed_leaf_fails_at_the_chain(vectors: Vectors) -> None:
    files = ("snp/milan_v2/report.bin", "snp/milan_v2/vcek_invalid_legacy.der", MILAN)
    assert vectors.judge("2025-06-01T00:00:00Z", *files).failed == ("snp:chain",)


@pytest.mark.needs_data
@pytest.mark.parametrize(
    ("at", "failed"),
    [
        ("2025-06-01T00:00:00Z", ()),
        ("2024-12-01T00:00:00Z", ("snp:validity",)),
        ("2025-12-11T00:00:00Z", ("snp:validity",)),
    ],
)
def test_snp_vector_with_a_vlek_passes_only_in_its_one_year(
    vectors: Vectors, at: str, failed: tuple[str, ...]
) -> None:
    files = ("snp/milan_v3_vlek/report.bin", "snp/milan_v3_vlek/vlek.der", "anchors/amd_milan_vlek_chain.pem")
    result = vectors.judge(at, *files, vmpl=(1,))
    assert result.failed == failed
    assert result.parts[0].claims["x-csp"] == "CN=cc-us-east-2.amazonaws.com"


@pytest.mark.needs_data
def test_snp_vector_from_another_privilege_level_is_refused_by_default(vectors: Vectors) -> None:
    files = ("snp/milan_v3_vlek/report.bin", "snp/milan_v3_vlek/vlek.der", "anchors/amd_milan_vlek_chain.pem")
    assert vectors.judge("2025-06-01T00:00:00Z", *files).failed == ("snp:vmpl",)


@pytest.mark.needs_data
def test_snp_vector_under_the_default_policy_is_refused_for_what_was_not_checked(vectors: Vectors) -> None:
    result = vectors.judge("2025-06-01T00:00:00Z", *GOOD[0][1], waive=())
    assert not result.passed
    assert result.failed == ()
    assert "snp:nonce" in result.unchecked
