"""Evidence for these tests: real vectors where they are at hand, fakes of our own everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import settings

from freehold.seal.attest import AttestPolicy, Evidence, Memo, Result, verify
from freehold.seal.attest.fake import FakeSet
from freehold.seal.attest.times import parse_time_s

settings.register_profile("no clock", deadline=None)  # how long an example takes depends on the machine
settings.load_profile("no clock")

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

    def judge_bytes(self, at: str, changed: tuple[str, bytes], *names: str, memo: Memo) -> Result:
        """The same with one file given as bytes."""
        evidence = Evidence.read([changed, *((name, self.bytes(name)) for name in names)])
        policy = AttestPolicy(waive=CRYPTO_ONLY)
        return verify(evidence, policy=policy, at_s=parse_time_s(at, "at"), memo=memo)


@pytest.fixture(scope="session")
def vectors(shared_data: Path) -> Vectors:
    folder = shared_data / "attestation"
    if not folder.is_dir():
        pytest.skip(f"needs the real attestation vectors in {folder}")
    return Vectors(folder)


AT_S = 1_760_000_000
"""When the fakes of these tests are made and judged."""


def judge_fake(
    made: FakeSet,
    *,
    files: dict[str, bytes] | None = None,
    at_s: int | None = None,
    memo: Memo | None = None,
    **rules: object,
) -> Result:
    """A fake set under its own policy; `files` replaces some, or drops them if empty."""
    content = {**dict(made.files), **(files or {})}
    policy = msgspec.structs.replace(made.policy, **rules)
    evidence = Evidence.read([(name, data) for name, data in content.items() if data])
    moment_s = made.at_s if at_s is None else at_s
    return verify(evidence, policy=policy, at_s=moment_s, binding=made.binding, memo=memo)
