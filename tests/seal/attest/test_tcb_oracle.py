"""Agreement with another implementation: dcap-qvl, on real quotes and on the levels it gives them."""

from __future__ import annotations

import dcap_qvl
import pytest

from freehold.seal.attest.times import parse_time_s
from tests.seal.attest.conftest import Vectors

REAL = [
    ("tdx/v4_uptodate", "2025-06-25T00:00:00Z", "UpToDate", 0),
    ("sgx/v3", "2025-06-25T00:00:00Z", "ConfigurationAndSWHardeningNeeded", 2),
]
ORDER = (
    "UpToDate",
    "with the platform",
    "SWHardeningNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "OutOfDate",
)


def theirs(vectors: Vectors, folder: str, at: str) -> dcap_qvl.VerifiedReport:
    collateral = dcap_qvl.QuoteCollateralV3.from_json(vectors.bytes(f"{folder}/collateral.json").decode())
    return dcap_qvl.verify(vectors.bytes(f"{folder}/quote.dat"), collateral, parse_time_s(at, "at"))


@pytest.mark.needs_data
@pytest.mark.parametrize(("folder", "at", "status", "advisories"), REAL)
def test_tcb_levels_agree_with_the_other_implementation(
    vectors: Vectors, folder: str, at: str, status: str, advisories: int
) -> None:
    other = theirs(vectors, folder, at)
    part = vectors.judge(at, f"{folder}/quote.dat", f"{folder}/collateral.json").parts[0]
    worst = max((level.status for level in part.levels), key=ORDER.index)
    assert other.status == worst == status
    assert set(other.advisory_ids) == set(part.advisories)
    assert len(part.advisories) == advisories


@pytest.mark.needs_data
@pytest.mark.parametrize("at", ["2025-07-20T00:00:00Z", "2025-06-01T00:00:00Z"])
def test_tcb_collateral_outside_its_window_is_refused_by_both(vectors: Vectors, at: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        theirs(vectors, "tdx/v4_uptodate", at)
    names = ("tdx/v4_uptodate/quote.dat", "tdx/v4_uptodate/collateral.json")
    assert not vectors.judge(at, *names).passed


@pytest.mark.needs_data
def test_tcb_quote_with_a_flipped_byte_is_refused_by_both(vectors: Vectors) -> None:
    quote = bytearray(vectors.bytes("tdx/v4_uptodate/quote.dat"))
    quote[200] ^= 1
    collateral = dcap_qvl.QuoteCollateralV3.from_json(
        vectors.bytes("tdx/v4_uptodate/collateral.json").decode()
    )
    with pytest.raises(ValueError, match=r"."):
        dcap_qvl.verify(bytes(quote), collateral, parse_time_s("2025-06-25T00:00:00Z", "at"))
