"""Real AWS Nitro documents. Their leaves live three hours, so each is judged at its own time."""

from __future__ import annotations

import pytest

from tests.seal.attest.conftest import Vectors


@pytest.mark.needs_data
def test_nitro_vector_without_debug_passes_at_its_own_time(vectors: Vectors) -> None:
    result = vectors.judge("2022-10-13T08:58:02Z", "nitro/beta_2022.bin")
    assert result.passed, result.failed
    measurements = result.parts[0].claims["measurements"]
    assert isinstance(measurements, dict)
    assert str(measurements["pcr0"]).startswith("f4d48b81a460c991")


@pytest.mark.needs_data
@pytest.mark.parametrize(
    ("at", "name"),
    [("2023-09-18T15:03:30Z", "nitro/ga_debug.b64"), ("2025-12-25T08:20:46Z", "nitro/dstack_2025_debug.bin")],
)
def test_nitro_vector_of_a_debug_enclave_fails_at_debug_alone(vectors: Vectors, at: str, name: str) -> None:
    assert vectors.judge(at, name).failed == ("nitro:debug",)
    assert vectors.judge(at, name, debug=True).passed


@pytest.mark.needs_data
@pytest.mark.parametrize("at", ["2023-09-18T18:04:00Z", "2023-09-18T14:30:00Z"])
def test_nitro_vector_outside_its_three_hours_is_refused(vectors: Vectors, at: str) -> None:
    assert "nitro:validity" in vectors.judge(at, "nitro/ga_debug.b64", debug=True).failed


@pytest.mark.needs_data
def test_nitro_vector_in_another_tools_container_reports_what_follows_it(vectors: Vectors) -> None:
    notes = vectors.judge("2025-12-25T08:20:46Z", "nitro/dstack_2025_debug.bin").parts[0].notes
    assert any("bytes follow the document" in note for note in notes)
