"""Real Azure evidence: SNP and TDX, each with the virtual TPM's quote over the publisher's nonce."""

from __future__ import annotations

import pytest

from tests.seal.attest.conftest import Vectors

MILAN = "anchors/amd_milan_vcek_chain.pem"
GOOD = [
    ("azure/snp_evidence_v1.json", b"challenge"),
    ("azure/snp_live_evidence.json", b"attestation-test-fixture"),
    ("azure/tdx_live_evidence.json", b"attestation-test-fixture"),
]


@pytest.mark.needs_data
@pytest.mark.parametrize(("name", "nonce"), GOOD)
def test_azure_vector_passes_with_its_nonce(vectors: Vectors, name: str, nonce: bytes) -> None:
    result = vectors.judge("2026-03-01T00:00:00Z", name, MILAN, nonce=nonce)
    assert result.passed, result.failed
    assert "azure:nonce" not in result.unchecked


@pytest.mark.needs_data
@pytest.mark.parametrize(("name", "nonce"), GOOD)
def test_azure_vector_with_another_nonce_is_refused(vectors: Vectors, name: str, nonce: bytes) -> None:
    assert vectors.judge("2026-03-01T00:00:00Z", name, MILAN, nonce=nonce + b"x").failed == ("azure:nonce",)
