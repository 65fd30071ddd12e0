"""Coverage-guided fuzzing of every parser: minutes, so it is slow; only our own errors may come out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from freehold.seal.attest.fake import evidence_set
from freehold.seal.attest.fake.sets import MAKERS
from tests.seal.attest.conftest import AT_S

ROOT = Path(__file__).resolve().parents[3]
SECONDS = int(os.environ.get("FREEHOLD_FUZZ_SECONDS", "20"))
INPUT_BYTES_MAX = 20_000
MEMORY_MIB_MAX = 1024
ONE_INPUT_SECONDS_MAX = 5
TARGETS = (
    "any",
    "certificate",
    "crl",
    "ocsp",
    "cbor",
    "quote",
    "snp",
    "spdm",
    "xml",
    "token",
    "event-log",
    "tpm",
)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_recognise_and_every_parser_survive_coverage_guided_fuzzing(target: str, tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="coverage-guided fuzzing needs atheris")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for kind in MAKERS:
        for number, (_, data) in enumerate(evidence_set(kind, at_s=AT_S).files):
            (corpus / f"{kind}-{number}").write_bytes(data[:INPUT_BYTES_MAX])
    limits = (
        f"-max_total_time={SECONDS}", f"-max_len={INPUT_BYTES_MAX}", f"-rss_limit_mb={MEMORY_MIB_MAX}",
        f"-timeout={ONE_INPUT_SECONDS_MAX}", f"-artifact_prefix={tmp_path}/",
    )  # fmt: skip
    script = ROOT / "tests" / "seal" / "attest" / "fuzz_target.py"
    words = [sys.executable, str(script), target, *limits, str(corpus)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, timeout=SECONDS + 120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
