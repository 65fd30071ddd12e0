import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.align.constitution import read_constitution
from freehold.align.published import _quoted, as_toml, read_published
from freehold.errors import InputError

ONE = {
    "harmful0": {
        "prompt": ["\n\nCritiqueRequest: Say where it is harmful.\n\nCritique:"],
        "edit_request": "\n\nRevisionRequest: Remove it.\n\nRevision:",
    }
}


def test_published_principles_lose_their_marks(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(json.dumps(ONE))
    (tmp_path / "q.json").write_text(json.dumps(["\nWhich is better? Options:"]))
    found = read_published(tmp_path / "c.json", tmp_path / "q.json", "p").principles["harmful0"]
    assert (found.critique, found.revision) == ("Say where it is harmful.", "Remove it.")
    assert found.comparison == "Which is better?"


def test_published_principles_are_a_constitution_without_holes(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(json.dumps(ONE))
    made = read_published(tmp_path / "c.json", None, "p")
    (tmp_path / "c.toml").write_text(as_toml(made))
    assert read_constitution(tmp_path / "c.toml") == made


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"a": {"prompt": "x"}}'])
def test_published_file_of_another_layout_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(InputError) as caught:
        read_published(tmp_path / "c.json", None, "p")
    assert caught.value.code == "align.published"


@given(st.text(max_size=80))
def test_published_words_survive_toml(text: str) -> None:
    import tomllib

    assert tomllib.loads(f"a = {_quoted(text)}") == {"a": text}


@pytest.mark.needs_data
def test_published_sixteen_principles_are_all_read(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "alignment" / "constitutional_harmlessness_paper" / "prompts"
    made = read_published(
        folder / "CritiqueRevisionInstructions.json", folder / "RLMadisonInstructions.json", "paper"
    )
    (tmp_path / "c.toml").write_text(as_toml(made))
    assert len(read_constitution(tmp_path / "c.toml").principles) == 16
