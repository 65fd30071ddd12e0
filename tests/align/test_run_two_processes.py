# environment: align
"""A trainer here and a sampling home in a process of its own: new weights go over, samples come back."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold.align.checkpoint import weights_digest
from freehold.align.homes import SamplingHome
from freehold.align.run import begin, carry_on
from freehold.watch.runlog import RunLog
from tests.align.test_run import TINY

TOKEN = "a-token-for-tests"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[str]:
    """`freehold pocket serve --engine model`, on a free port."""
    words = [sys.executable, "-m", "freehold", "pocket", "serve", "--engine", "model", "--port", "0"]
    environment = {**os.environ, "FREEHOLD_POCKET_TOKEN": TOKEN}
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path) as process:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None
        yield found[0]
        process.terminate()
        process.wait(timeout=10)


def test_run_samples_from_a_home_that_takes_each_new_weights(home: str, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    text = TINY.replace("[sample]", f'[sample]\nsampler = "{home}"').replace(
        "[prefer]", "[prefer]\nepochs = 1"
    )
    recipe.write_text(
        text.replace('name = "tiny"', 'name = "two"\nstages = ["sample", "revise", "supervise", "feedback"]')
    )
    begin(recipe, tmp_path / "run")
    homes: list[SamplingHome] = []

    def make_remote(url: str) -> SamplingHome:
        homes.append(SamplingHome(url, token=TOKEN))
        return homes[-1]

    carry_on(tmp_path / "run", make_remote=make_remote)
    log = RunLog(tmp_path / "run")
    supervised = weights_digest(tmp_path / "run" / "checkpoints" / "supervise")
    assert {row["sampler"] for row in log.rows("samples")} == {home}
    assert {row["weights"] for row in log.rows("samples")} == {log.header.base}
    assert {row["weights"] for row in log.rows("feedback")} == {supervised}
    assert homes[0].published == supervised
    assert homes[0].stale == 0
