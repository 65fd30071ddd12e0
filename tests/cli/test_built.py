"""The command line says whether the data plane is compiled."""

from __future__ import annotations

from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest
from click.testing import CliRunner

from freehold import __version__
from freehold.cli.built import data_plane
from freehold.cli.main import cli


@pytest.mark.parametrize(("files", "said"), [
    (["call.py"], "interpreted"),
    (["call.py", f"call{EXTENSION_SUFFIXES[0]}"], "compiled"),
    (["call.py", "call.cpython-27-pdp11.so"], "interpreted"),
])  # fmt: skip
def test_data_plane_is_compiled_where_a_library_of_this_interpreter_lies_beside_the_source(
    tmp_path: Path, files: list[str], said: str
) -> None:
    (tmp_path / "gateway").mkdir()
    for name in files:
        (tmp_path / "gateway" / name).touch()
    assert data_plane(tmp_path) == said


def test_version_option_says_what_the_data_plane_is() -> None:
    found = CliRunner().invoke(cli, ["--version"])
    assert found.exit_code == 0
    assert found.stdout == f"freehold {__version__} (data plane: {data_plane()})\n"
