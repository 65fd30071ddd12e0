from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.cli.substitutes.edit import lines_to_add, with_quality, write
from freehold.errors import InputError

PLAIN = """\
# mine
[workloads.chat]  # what people use
homes = ["a"]   # best first

# the next
[workloads.other]
homes = ["b"]
"""
ARRAY = """\
[workloads.chat]
homes = ["a"]
substitutes = [
  { home = "x", uses = ["]", "}"] },  # the first ]
  { home = "y", quality = 0.5, uses = ["drafts"] },
]
[homes.z]
"""
TABLES = """\
[workloads.chat]
homes = ["a"]

[[workloads.chat.substitutes]]
home = "x"
uses = ["drafts"]  # only these

[[workloads.chat.substitutes]]
home = "y"
quality = 0.5  # measured in spring

[homes.z]
"""


def substitutes(text: str) -> list[dict[str, object]]:
    found = tomllib.loads(text)["workloads"]["chat"]["substitutes"]
    assert isinstance(found, list)
    return found


def edited(text: str, home: str, quality: float = 0.75) -> str:
    made = with_quality(text, "chat", home, quality, "a note")
    assert made is not None
    return made


def test_workload_without_substitutes_gets_a_line_of_its_own() -> None:
    made = edited(PLAIN, "x")
    assert substitutes(made) == [{"home": "x", "quality": 0.75}]
    assert made.replace('substitutes = [{ home = "x", quality = 0.75 }]  # a note\n', "") == PLAIN


@pytest.mark.parametrize("text", [ARRAY, TABLES])
@pytest.mark.parametrize("home", ["x", "y", "new"])
def test_one_figure_changes_and_every_comment_stays(text: str, home: str) -> None:
    made = edited(text, home)
    before, after = substitutes(text), substitutes(made)
    (row,) = [one for one in after if one["home"] == home]
    assert row["quality"] == 0.75
    assert [one for one in after if one["home"] != home] == [one for one in before if one["home"] != home]
    kept = [line.partition("#")[2] for line in text.splitlines() if "#" in line and "spring" not in line]
    assert all(comment in made for comment in kept)


def test_second_measurement_replaces_the_first_and_its_note() -> None:
    made = edited(edited(TABLES, "y", 0.6), "y", 0.7)
    assert "0.6" not in made and "spring" not in made
    assert made.count("# a note") == 1


def test_our_own_note_on_the_line_is_replaced_too() -> None:
    note = "agreed on 91% of 45 prompts; the lower bound"
    made = with_quality(PLAIN, "chat", "x", 0.5, note)
    assert made is not None and note in made
    again = edited(made, "x")
    assert "91%" not in again and "# a note" in again


@pytest.mark.parametrize(
    "text",
    [
        'workloads.chat.homes = ["a"]\n',
        'workloads = { chat = { homes = ["a"] } }\n',
        '[workloads]\nchat = { homes = ["a"] }\n',
        '[workloads.other]\nhomes = ["a"]\n',
    ],
)
def test_form_that_cannot_be_edited_is_left_alone(text: str) -> None:
    assert with_quality(text, "chat", "x", 0.5, "a note") is None


def test_header_inside_a_string_is_no_header() -> None:
    text = '[estate]\ndescription = """\n[workloads.chat]\n"""\n[workloads.chat]\nhomes = ["a"]\n'
    made = edited(text, "x")
    assert tomllib.loads(made)["estate"] == tomllib.loads(text)["estate"]


def test_quoted_names_are_found() -> None:
    made = edited('[workloads."chat"]\nhomes = ["a"]', "x")
    assert substitutes(made) == [{"home": "x", "quality": 0.75}]


@given(st.sampled_from([PLAIN, ARRAY, TABLES]), st.floats(0, 1), st.text("abcxyz-", min_size=1, max_size=6))
def test_any_figure_reads_back_and_nothing_else_changes(text: str, quality: float, home: str) -> None:
    made = edited(text, home, quality)
    (row,) = [one for one in substitutes(made) if one["home"] == home]
    assert row["quality"] == quality
    without = [tomllib.loads(one)["workloads"] for one in (text, made)]
    for one in without:
        one["chat"].pop("substitutes", None)
    assert without[0] == without[1]


def test_lines_to_add_are_toml() -> None:
    text = '[workloads.chat]\nhomes = ["a"]\n' + lines_to_add("chat", "x", 0.5, "a note")
    assert substitutes(text) == [{"home": "x", "quality": 0.5}]


def test_file_is_written_whole_with_its_permissions(tmp_path: Path) -> None:
    file = tmp_path / "freehold.toml"
    file.write_text(PLAIN)
    file.chmod(0o640)
    write(file, PLAIN, "new\n")
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("new\n", 0o640)
    assert list(tmp_path.iterdir()) == [file]


def test_file_that_changed_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    file = tmp_path / "freehold.toml"
    file.write_text("theirs")
    with pytest.raises(InputError) as caught:
        write(file, PLAIN, "mine")
    assert (caught.value.code, file.read_text()) == ("cli.file-changed", "theirs")
