"""A key may name a workload that is not there yet; whoever mistyped it is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from freehold.cli.main import cli

FILE = """\
[models.m]
[homes.a]
vendor = "v"
api = "openai-compatible"
model = "m"
url = "http://127.0.0.1:9"
[workloads.chat]
homes = ["a"]
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FREEHOLD_HOME", str(tmp_path / "state"))
    file = tmp_path / "freehold.toml"
    file.write_text(FILE)
    return file


def key(*words: str) -> Result:
    result = CliRunner().invoke(cli, ["key", *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def test_mistyped_workload_is_named_with_what_was_likely_meant(config: Path) -> None:
    result = key("create", "bob", "--workload", "chta", "-c", str(config))
    assert "there is no workload 'chta'" in result.stderr
    assert "did you mean 'chat'?" in result.stderr
    assert result.stdout.startswith("fh_")


def test_nothing_is_said_of_one_that_is_there(config: Path) -> None:
    made = key("create", "bob", "--workload", "chat", "-c", str(config))
    changed = key("change", made.stdout[3:13], "--workload", "chat", "-c", str(config))
    assert "no workload" not in made.stderr + changed.stderr
