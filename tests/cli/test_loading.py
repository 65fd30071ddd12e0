"""The keys of homes, read where a command acts; every one that cannot be read is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from freehold.cli.loading import load_credentials
from freehold.cli.settings import SECTIONS, Section, section_type
from freehold.config import MissingRoom
from freehold.errors import ProblemsError

HOME = '[homes.{name}]\nvendor = "v"\nchips = 1\n{credential}\n'


def write(tmp_path: Path, **credentials: str) -> str:
    file = tmp_path / "freehold.toml"
    file.write_text("".join(HOME.format(name=name, credential=words) for name, words in credentials.items()))
    file.chmod(0o600)
    return str(file)


def test_credentials_are_read_by_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FREEHOLD_TEST_KEY", "abc")
    (tmp_path / "key").write_text("def\n")
    path = write(
        tmp_path,
        a='credential = "env:FREEHOLD_TEST_KEY"',
        b='credential = "file:key"',
        c='credential = "cmd:echo ghi"',
        d="",
    )
    assert load_credentials(path) == {"a": "abc", "b": "def", "c": "ghi"}


def test_credentials_that_cannot_be_read_are_named_together(tmp_path: Path) -> None:
    path = write(tmp_path, a='credential = "env:FREEHOLD_ABSENT"', b='credential = "file:absent"')
    with pytest.raises(ProblemsError) as caught:
        load_credentials(path)
    found = [(one.code, one.path, one.line) for one in caught.value.problems]
    assert found == [
        ("config.secret-unavailable", "homes.a.credential", 4),
        ("config.secret-unavailable", "homes.b.credential", 8),
    ]


def test_section_of_a_room_that_is_not_there_names_its_extra() -> None:
    row = Section("freehold.absent.settings:AbsentSettings", extra="align")
    assert section_type(row) == MissingRoom(extra="align")


@pytest.mark.parametrize("name", list(SECTIONS))
def test_section_names_a_struct_of_its_room(name: str) -> None:
    module, _, struct = SECTIONS[name].target.partition(":")
    assert module.endswith(".settings") and struct.endswith("Settings")
