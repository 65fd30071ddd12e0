"""Evidence for these tests: real vectors where they are at hand, fakes of our own everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from freehold.seal.attest import AttestPolicy, Evidence, Result, verify
from freehold.seal.attest.times import parse_time_s

CRYPTO_ONLY = (
    "nonce", "binding", "revocation", "tcb", "tcb-committed", "measurement", "collateral", "leaf",
    "reference", "cc-mode", "devices",
)  # fmt: skip
"""Waived where a real vector comes without collateral and without anybody's request behind it."""


class Vectors(NamedTuple):
    folder: Path

    def read(self, *names: str) -> Evidence:
        return Evidence.read([(name, (self.folder / name).read_bytes()) for name in names])

    def bytes(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def judge(
        self,
        at: str,
        *names: str,
        nonce: bytes | None = None,
        waive: tuple[str, ...] = CRYPTO_ONLY,
        **rules: object,
    ) -> Result:
        policy = msgspec.structs.replace(AttestPolicy(waive=waive), **rules)
        return verify(self.read(*names), policy=policy, at_s=parse_time_s(at, "at"), nonce=nonce)


@pytest.fixture(scope="session")
def vectors(shared_data: Path) -> Vectors:
    folder = shared_data / "attestation"
    if not folder.is_dir():
        pytest.skip(f"needs the real attestation vectors in {folder}")
    return Vectors(folder)
