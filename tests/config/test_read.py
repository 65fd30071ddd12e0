"""Files that are absent, empty, binary, enormous or otherwise wrong: what, why, fix and exit code 3."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from freehold.config import MAX_CONFIG_BYTES, load
from freehold.errors import EXIT_INPUT, FreeholdError, ProblemsError


def refused(path: Path | str | None, sections: dict[str, Any]) -> FreeholdError:
    with pytest.raises(FreeholdError) as caught:
        load(path, sections)
    error = caught.value
    assert error.exit_code == EXIT_INPUT and error.what and error.why and error.fix
    return error


CONTENT = [
    (b"", "config.empty"),
    (b"# nothing\n\n", "config.empty"),
    (b"a = \x00", "config.binary"),
    (b"\x7fELF\x00\x01", "config.binary"),
    (b"ok = 1\na = '\xff'\n", "config.not-utf8"),
    (b"\xef\xbb\xbf[every]\n", "config.not-utf8"),
    ("[every]".encode("utf-16"), "config.binary"),
    (b"a = \n", "config.syntax"),
    (b"a\n", "config.syntax"),
    (b"[every\n", "config.syntax"),
    (b"a = 'x", "config.syntax"),
    (b"a = 1" + b"0" * 5000, "config.syntax"),
    (b"a = 1\na = 2\n", "config.duplicate-key"),
    (b"[a]\n[a]\n", "config.duplicate-key"),
    (b"a = {b = 1, b = 2}\n", "config.duplicate-key"),
    (b"[a.b]\n[a]\nb = 1\n", "config.duplicate-key"),
    (b"a = " + b"[" * 100_000, "config.too-deep"),
    (b"a" + b".a" * 100_000 + b" = 1", "config.too-deep"),
    (b"a = 1\n" * 800_000, "config.too-large"),
]


@pytest.mark.parametrize(
    ("content", "code"), CONTENT, ids=[f"{code}-{i}" for i, (_, code) in enumerate(CONTENT)]
)
def test_read_refuses_content(tmp_path: Path, sections: dict[str, Any], content: bytes, code: str) -> None:
    path = tmp_path / "freehold.toml"
    path.write_bytes(content)
    assert refused(path, sections).code == code
    assert path.read_bytes() == content


def test_read_names_the_byte_that_is_not_utf8(tmp_path: Path, sections: dict[str, Any]) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(b"a = 1\nb = '\xfe'\n")
    assert "byte 11 (line 2)" in refused(path, sections).why


def test_read_names_line_and_column_of_a_syntax_error(tmp_path: Path, sections: dict[str, Any]) -> None:
    path = tmp_path / "x.toml"
    path.write_text("[every]\nword = yes\n")
    error = refused(path, sections)
    assert isinstance(error, ProblemsError)
    assert f"{path}:2: not valid TOML" in error.render() and "column 8" in error.render()


def test_read_never_repeats_the_text_of_a_syntax_error(tmp_path: Path, sections: dict[str, Any]) -> None:
    path = tmp_path / "x.toml"
    path.write_text("[every]\nkey = sk-ant-api03-AAAABBBBCCCCDDDDEEEE\n")
    assert "AAAABBBB" not in refused(path, sections).render()


def test_read_takes_a_file_of_the_largest_size(tmp_path: Path, sections: dict[str, Any]) -> None:
    path = tmp_path / "x.toml"
    head = b"[every]\n#"
    path.write_bytes(head + b"x" * (MAX_CONFIG_BYTES - len(head)))
    assert load(path, sections).sections["every"].word == "word"


def test_read_refuses_an_absent_file_that_was_named(tmp_path: Path, sections: dict[str, Any]) -> None:
    assert refused(tmp_path / "absent.toml", sections).code == "config.not-found"


def test_read_refuses_an_absent_default_file(
    tmp_path: Path, sections: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "freehold init" in refused(None, sections).fix


def test_read_gives_defaults_for_an_absent_default_file_where_asked(
    tmp_path: Path, sections: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = load(None, sections, absent_ok=True)
    assert loaded.source is None and loaded.sections["every"].share == 0.5 and loaded.sections["named"] == {}


def test_read_refuses_a_named_absent_file_even_where_defaults_would_do(
    tmp_path: Path, sections: dict[str, Any]
) -> None:
    with pytest.raises(FreeholdError, match="does not exist"):
        load(tmp_path / "absent.toml", sections, absent_ok=True)


def test_read_refuses_a_directory(tmp_path: Path, sections: dict[str, Any]) -> None:
    error = refused(tmp_path, sections)
    assert error.code == "config.not-a-file" and "directory" in error.what


def test_read_refuses_a_pipe_without_opening_it(tmp_path: Path, sections: dict[str, Any]) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert refused(tmp_path / "pipe", sections).code == "config.not-a-file"


def test_read_refuses_devices_and_sockets(tmp_path: Path, sections: dict[str, Any], monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        assert refused("s", sections).code == "config.not-a-file"
    assert refused("/dev/zero", sections).code == "config.not-a-file"


def test_read_refuses_a_loop_of_links(tmp_path: Path, sections: dict[str, Any]) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert refused(tmp_path / "loop", sections).code == "config.unreadable"


@pytest.mark.parametrize("name", ["a\x00b", "x" * 5000])
def test_read_refuses_names_that_no_file_has(sections: dict[str, Any], name: str) -> None:
    assert refused(name, sections).code == "config.unreadable"


def test_read_refuses_a_file_used_as_a_folder(tmp_path: Path, sections: dict[str, Any]) -> None:
    (tmp_path / "file").write_text("x")
    assert refused(tmp_path / "file" / "freehold.toml", sections).code == "config.unreadable"


@pytest.fixture
def as_nobody() -> Iterator[None]:
    """Root reads everything, so root becomes nobody for a moment."""
    nobody, before = 65534, os.geteuid()
    if before == 0:
        os.seteuid(nobody)
    yield
    os.seteuid(before)


def test_read_refuses_a_file_without_permission(
    tmp_path: Path, sections: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    path = tmp_path / "x.toml"
    path.write_text("[every]\n")
    path.chmod(0)
    request.getfixturevalue("as_nobody")
    assert refused(path, sections).code == "config.unreadable"
