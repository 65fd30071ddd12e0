"""The documents and the code say the same: kinds, checks, and what was checked on real evidence."""

from __future__ import annotations

from pathlib import Path

import pytest

from freehold.seal.attest.kinds import KINDS
from freehold.seal.attest.result import CHECKS

ROOT = Path(__file__).resolve().parents[3]
REFERENCE = (ROOT / "docs/reference/attest.md").read_text(encoding="utf-8")
EXPLANATION = (ROOT / "docs/explanation/attestation.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("row", KINDS, ids=lambda row: row.role)
def test_kinds_each_have_a_row_with_title_and_tier(row: object) -> None:
    kind = next(each for each in KINDS if each is row)
    assert any(
        line.startswith(f"| `{kind.role}` | {kind.title} |") and line.endswith(f"`{kind.tier}` |")
        for line in REFERENCE.splitlines()
    )


def test_kinds_have_checks_that_are_all_documented_word_for_word() -> None:
    assert all(f"| `{name}` | {meaning} |" in REFERENCE for name, meaning in CHECKS.items())


@pytest.mark.parametrize("name", ["SEV-SNP", "TDX", "SGX", "Nitro", "Azure", "NVIDIA", "tokens"])
def test_kinds_are_each_marked_as_checked_on_real_evidence_or_on_fakes_only(name: str) -> None:
    table = EXPLANATION.split("## Checked on real evidence")[1].split("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith(f"| {name} |")]
    assert rows
    assert all("real" in row or "our fakes only" in row for row in rows)
