"""Trees that nobody wishes to meet: the scan ends, says what it passed over and why, and prints no secret."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.errors import InputError
from freehold.estate.scan import Report, scan
from freehold.estate.scan.scan import parse
from freehold.estate.scan.walk import FILE_BYTES_MAX, FOLDER_DEPTH_MAX

CLIENT = "from openai import OpenAI\nclient = OpenAI()\n"


def why(report: Report, path: str) -> str:
    return next(skip.why for skip in report.skipped if skip.path == path)


def test_links_are_not_followed_even_in_a_loop(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    (tmp_path / "out.py").symlink_to("/etc/passwd")
    report = scan(tmp_path)
    assert "not followed" in why(report, "a/again")
    assert "not followed" in why(report, "out.py")


def test_pipes_and_sockets_are_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket.py"))
        report = scan(tmp_path)
    assert why(report, "pipe.py") == why(report, "socket.py") == "not a regular file"


def test_enormous_file_is_passed_over_without_reading(tmp_path: Path) -> None:
    with (tmp_path / "big.py").open("wb") as file:
        file.truncate(1 << 30)
    assert str(FILE_BYTES_MAX // 2**20) in why(scan(tmp_path), "big.py")


def test_binary_and_minified_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "blob.py").write_bytes(b"PK\x03\x04\0\0openai")
    (tmp_path / "app.js").write_text("var a=new OpenAI({});" * 5000)
    report = scan(tmp_path)
    assert (why(report, "blob.py"), why(report, "app.js")) == ("binary", "minified")


def test_folders_nested_without_end_are_cut(tmp_path: Path) -> None:
    deepest = tmp_path.joinpath(*["d"] * (FOLDER_DEPTH_MAX + 3))
    deepest.mkdir(parents=True)
    (deepest / "x.py").write_text(CLIENT)
    report = scan(tmp_path)
    assert report.findings == ()
    assert any("nested" in skip.why for skip in report.skipped)


@pytest.mark.parametrize("text", ["[" * 50_000, '{"openai":' * 50_000, "x = openai(" * 20_000])
@pytest.mark.parametrize("name", ["x.json", "x.py", "x.yaml", "x.tf", "x.ts"])
def test_values_nested_without_end_are_cut(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text("openai\n" + text)
    assert scan(tmp_path).files_seen == 1


def test_name_that_is_not_utf8_is_shown_escaped(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/caf\xe9.py"
    with open(name, "w") as file:
        file.write(CLIENT)
    (finding,) = scan(tmp_path).findings
    assert finding.file == "caf\\xe9.py"


def test_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "shut").mkdir()
    (tmp_path / "shut").chmod(0)
    before = os.geteuid()
    if before == 0:
        tmp_path.chmod(0o755)
        os.seteuid(65534)
    try:
        report = scan(tmp_path) if os.access(tmp_path, os.R_OK, effective_ids=True) else None
    finally:
        os.seteuid(before)
    assert report is None or "cannot be read" in why(report, "shut")


def test_file_that_goes_away_is_named(tmp_path: Path) -> None:
    from freehold.estate.scan.scan import read_file
    from freehold.estate.scan.walk import File

    (skip,) = read_file(File("gone.py", str(tmp_path / "gone.py"), "python")).skipped
    assert "cannot be opened" in skip.why


@pytest.mark.parametrize(
    "key", ["sk-ant-api03-" + "A" * 40, "sk-proj-" + "b" * 48, "AKIA" + "Z" * 16, "gsk_" + "q" * 40]
)
def test_live_key_is_reported_and_never_shown(tmp_path: Path, key: str) -> None:
    (tmp_path / ".env").write_text(f"OPENAI_API_KEY={key}\n")
    (tmp_path / "x.py").write_text(f"{CLIENT}c = OpenAI(base_url='https://api.groq.com/{key}')\n")
    report = scan(tmp_path)
    assert len(report.credentials) == 2
    assert key not in repr(report)


def test_folder_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        scan(tmp_path / "nowhere")
    assert caught.value.code == "scan.not-a-folder"


KINDS = [
    "python",
    "javascript",
    "notebook",
    "manifest",
    "json",
    "yaml",
    "template",
    "toml",
    "hcl",
    "dotenv",
    "shell",
    "sql",
    "make",
    "docker",
]
PIECES = [
    "openai",
    "OpenAI(",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    ":",
    "=",
    '"',
    "'",
    "\n",
    "  ",
    "- ",
    "#",
    "<<EOF\n",
    "${",
    "{{",
    "}}",
    "import ",
    "resource",
    "\\",
    "`",
    "/*",
    "//",
    "model",
    "gpt-4o",
    ",",
    "=>",
    "new ",
    "\t",
    "é",
    "\0",
]


@given(st.sampled_from(KINDS), st.lists(st.sampled_from(PIECES), max_size=60))
@settings(max_examples=400, deadline=None)
def test_no_text_breaks_a_reader(kind: str, pieces: list[str]) -> None:
    parsed = parse(kind, "x", "".join(pieces).encode())
    assert parsed.read


@given(st.sampled_from(KINDS), st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_no_bytes_break_a_reader(kind: str, data: bytes) -> None:
    assert parse(kind, "x", data).path == "x"
