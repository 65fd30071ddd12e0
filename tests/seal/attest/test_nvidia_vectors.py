"""Real NVIDIA device reports and manifests: two Hoppers, a switch, an evidence file, a detached EAT."""

from __future__ import annotations

import pytest

from freehold.seal.attest.anchors import ANCHORS
from freehold.seal.attest.collateral import NONE
from freehold.seal.attest.context import Context
from freehold.seal.attest.policy import DEFAULT, TrustedIssuer
from freehold.seal.attest.rim import manifest_fault, parse_manifest
from freehold.seal.attest.signature import Memo
from freehold.seal.attest.times import parse_time_s
from tests.seal.attest.conftest import Vectors

AT = "2026-03-01T00:00:00Z"


@pytest.mark.needs_data
@pytest.mark.parametrize("device", ["hopper_535", "hopper_580", "switch_ls10"])
def test_nvidia_vector_has_a_good_signature_and_chain(vectors: Vectors, device: str) -> None:
    result = vectors.judge(AT, f"nvidia/{device}/report.hex", f"nvidia/{device}/chain.pem")
    assert result.passed, result.failed
    assert result.parts[0].claims["x-device"] == ("switch" if "switch" in device else "gpu")


@pytest.mark.needs_data
def test_nvidia_vector_of_a_newer_driver_names_the_firmware_of_its_certificate(vectors: Vectors) -> None:
    part = vectors.judge(AT, "nvidia/hopper_580/report.hex", "nvidia/hopper_580/chain.pem").parts[0]
    leaf = part.check("leaf")
    assert leaf is not None and leaf.outcome == "pass"
    assert part.claims["x-driver-version"] == "580.95.05"


@pytest.mark.needs_data
def test_nvidia_vector_with_a_bad_signature_is_refused(vectors: Vectors) -> None:
    names = ("nvidia/hopper_535/report_invalid_signature.hex", "nvidia/hopper_535/chain.pem")
    assert "nvidia:signature" in vectors.judge(AT, *names).failed


@pytest.mark.needs_data
def test_nvidia_vector_of_one_device_with_the_chain_of_another_is_refused(vectors: Vectors) -> None:
    names = ("nvidia/hopper_535/report.hex", "nvidia/hopper_580/chain.pem")
    assert "nvidia:signature" in vectors.judge(AT, *names).failed


@pytest.mark.needs_data
def test_nvidia_evidence_file_passes_with_the_nonce_of_its_request(vectors: Vectors) -> None:
    nonce = bytes.fromhex(
        vectors.bytes("nvidia/hopper_evidence.json").decode().partition('"nonce": "')[2][:64]
    )
    result = vectors.judge(AT, "nvidia/hopper_evidence.json", nonce=nonce, gpu_mode=("protected-pcie",))
    assert result.passed, result.failed
    assert "nvidia:nonce" not in result.unchecked


@pytest.mark.needs_data
@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("rim_driver_gh100_550.144.03.xml", ""),
        ("rim_driver_incorrect_signature.xml", "it is not signed by its signer"),
    ],
)
def test_nvidia_manifest_is_judged_by_its_signature(vectors: Vectors, name: str, problem: str) -> None:
    manifest = parse_manifest(vectors.bytes(f"nvidia/{name}"))
    at_s = parse_time_s(AT, "at")
    context = Context(collateral=NONE, anchors=ANCHORS, policy=DEFAULT, at_s=at_s, memo=Memo())
    assert manifest_fault(manifest, context)[0] == problem
    assert manifest.version == "550.144.03"


@pytest.mark.needs_data
def test_nvidia_detached_eat_holds_the_digests_of_its_devices_but_needs_a_pinned_key(
    vectors: Vectors,
) -> None:
    issuer = TrustedIssuer(kind="nvidia-nras", issuer="https://nras.attestation.nvidia.com")
    name = "nvidia/hopper_claims_v3_detached_eat.json"
    result = vectors.judge("2025-06-11T00:31:00Z", name, issuers=(issuer,))
    assert result.failed == ("nvidia-eat:issuer",)
    leaf = result.parts[0].check("leaf")
    assert leaf is not None and leaf.outcome == "pass"
