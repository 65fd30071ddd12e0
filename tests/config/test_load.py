"""Sections together: defaults, unknown ones, ones that are not installed, checks across them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from freehold.config import Loaded, MissingRoom, load
from freehold.errors import Problem, ProblemsError

Check = Callable[[str], Loaded]
Problems = Callable[[str], list[Problem]]


def test_load_gives_defaults_for_sections_left_out(check: Check) -> None:
    loaded = check("[named.a]\nneed = 1\n")
    assert loaded.sections["every"].word == "word" and loaded.sections["named"]["a"].need == 1


def test_load_digests_the_bytes_of_the_file(check: Check) -> None:
    text = "[every]\n"
    assert check(text).digest == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def test_load_knows_lines_and_falls_back_to_what_is_around(check: Check) -> None:
    loaded = check("\n[named.a]\nneed = 1\n")
    assert (loaded.line("named", "a", "need"), loaded.line("named", "a", "x"), loaded.line("q")) == (
        3,
        2,
        None,
    )


def test_load_suggests_the_nearest_section(problems: Problems) -> None:
    (problem,) = problems("[evry]\nx = 1\n")
    assert problem.code == "config.unknown-key" and problem.fix == "write every instead"


@pytest.mark.parametrize("text", ["every = 1\n", "[[every]]\n", "named = 1\n", "[named]\na = 1\n"])
def test_load_refuses_a_section_that_is_not_a_table(problems: Problems, text: str) -> None:
    (problem,) = problems(text)
    assert problem.code == "config.type" and "table" in problem.why


def test_load_names_the_extra_of_a_section_that_is_not_installed(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("[monitors.a]\n")
    with pytest.raises(ProblemsError) as caught:
        load(path, {"monitors": MissingRoom(extra="align")})
    assert caught.value.problems[0].fix == "pip install 'freehold[align]'"


def test_load_leaves_out_a_missing_room_that_the_file_does_not_name(
    tmp_path: Path, sections: dict[str, Any]
) -> None:
    path = tmp_path / "x.toml"
    path.write_text("[every]\n")
    assert "monitors" not in load(path, {**sections, "monitors": MissingRoom(extra="align")}).sections


def test_load_runs_checks_with_names_of_wrong_tables_kept(tmp_path: Path, sections: dict[str, Any]) -> None:
    def cross(loaded: Loaded) -> Iterable[Problem]:
        yield Problem(code="x.seen", what=",".join(loaded.sections["named"]), line=loaded.line("named", "b"))

    path = tmp_path / "x.toml"
    path.write_text("[named.a]\nneed = 'x'\n[named.b]\nneed = 1\n")
    with pytest.raises(ProblemsError) as caught:
        load(path, sections, checks=(cross,))
    assert [(one.code, one.what) for one in caught.value.problems][1] == ("x.seen", "a,b")


def test_section_is_typed(check: Check) -> None:
    loaded = check("[every]\n")
    assert loaded.section("named", dict[str, Any]) == {}
    with pytest.raises(TypeError, match="named"):
        loaded.section("named", Path)
