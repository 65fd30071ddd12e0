"""Secrets are references; what they point at is read on request, bounded, and never shown."""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from freehold.config import Loaded, Secret, SecretValue, load, resolve_secret
from freehold.config.secrets import MAX_SECRET_BYTES
from freehold.errors import FreeholdError, InputError, ProblemsError, RefusedError, UnavailableError

VALUE = "correct-horse-battery"


def python(code: str) -> str:
    return f"cmd:{sys.executable} -c '{code}'"


@pytest.mark.parametrize("reference", ["env:TOKEN", "file:/run/secrets/x y", "cmd:op read 'op://a/b'"])
def test_secret_accepts_references(reference: str) -> None:
    assert Secret(reference).reference == reference


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "env:",
        "env:a-b",
        "env:1A",
        "ENV:A",
        "file:",
        "cmd: ",
        "file:a\nb",
        "http://x",
        "vault:x",
        "sk-ant-api03-AAAABBBBCCCCDDDD",
        "env:sk_live_AAAABBBBCCCCDDDDEEEE",
        "cmd:echo ghp_abcdefghijklmnopqrstuv",
        "file:" + "x" * 5000,
    ],
)
def test_secret_refuses_anything_else_without_repeating_it(text: str) -> None:
    with pytest.raises(InputError) as caught:
        Secret(text)
    shown = caught.value.render()
    assert caught.value.code == "config.secret-literal"
    assert len(text) < 8 or (text not in shown and text.partition(":")[2] not in shown.split())


def test_secret_shows_a_command_without_its_arguments() -> None:
    assert repr(Secret("cmd:op read --token abc")) == "Secret('cmd:op ...')"


def test_value_is_masked_everywhere_but_reveal() -> None:
    value = SecretValue(VALUE)
    assert value.reveal() == VALUE
    for shown in (repr(value), str(value), f"{value}", repr([value]), repr({"a": value})):
        assert VALUE not in shown
    with pytest.raises(TypeError):
        json.dumps(value)
    with pytest.raises(TypeError):
        pickle.dumps(value)


def test_resolve_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FREEHOLD_TEST_TOKEN", VALUE)
    assert resolve_secret("env:FREEHOLD_TEST_TOKEN").reveal() == VALUE


@pytest.mark.parametrize("value", [None, "", "  ", "a\nb", "x" * (MAX_SECRET_BYTES + 1)])
def test_resolve_refuses_an_environment_without_a_secret(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("FREEHOLD_TEST_TOKEN", raising=False)
    if value is not None:
        monkeypatch.setenv("FREEHOLD_TEST_TOKEN", value)
    with pytest.raises(UnavailableError, match="env:FREEHOLD_TEST_TOKEN") as caught:
        resolve_secret("env:FREEHOLD_TEST_TOKEN")
    assert not value or len(value) < 3 or value not in caught.value.render()


def test_resolve_reads_a_file_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{VALUE}\n")
    assert resolve_secret("file:key", source=tmp_path / "freehold.toml").reveal() == VALUE


def test_resolve_keeps_the_lines_of_a_private_key(tmp_path: Path) -> None:
    text = "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----"
    (tmp_path / "key").write_text(text)
    assert resolve_secret(f"file:{tmp_path / 'key'}").reveal() == text


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe" + VALUE.encode(), b"x" * (MAX_SECRET_BYTES + 1), b"a\x00b"]
)
def test_resolve_refuses_a_file_without_a_secret(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(UnavailableError) as caught:
        resolve_secret(f"file:{tmp_path / 'key'}")
    assert VALUE not in caught.value.render() and caught.value.__cause__ is None


@pytest.mark.parametrize("target", ["absent", "."])
def test_resolve_refuses_what_is_not_a_file(tmp_path: Path, target: str) -> None:
    with pytest.raises(UnavailableError, match="file:"):
        resolve_secret(f"file:{target}", source=tmp_path / "freehold.toml")


def test_resolve_runs_a_command_only_where_allowed() -> None:
    reference = python(f'print("{VALUE}")')
    with pytest.raises(RefusedError):
        resolve_secret(reference)
    assert resolve_secret(reference, allow_commands=True).reveal() == VALUE


@pytest.mark.parametrize(
    "code",
    [
        "raise SystemExit(3)",
        'print("x" * 100000)',
        'print("")',
        'print("a\\nb")',
        'import os; os.write(1, b"\\xff")',
    ],
)
def test_resolve_refuses_a_command_without_a_secret(code: str) -> None:
    with pytest.raises(UnavailableError) as caught:
        resolve_secret(python(code), allow_commands=True)
    assert code not in caught.value.render()


@pytest.mark.parametrize("command", ["cmd:/does/not/exist", "cmd:'unclosed"])
def test_resolve_refuses_a_command_that_cannot_start(command: str) -> None:
    with pytest.raises(UnavailableError, match="cannot be read"):
        resolve_secret(command, allow_commands=True)


def test_resolve_ends_a_command_that_takes_too_long_with_what_it_started() -> None:
    with pytest.raises(UnavailableError) as caught:
        resolve_secret("cmd:sh -c 'sleep 600 & sleep 600'", allow_commands=True, timeout_s=0.05)
    assert "longer than 0.05 s" in caught.value.why


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_resolve_runs_no_command_of_a_file_that_others_can_write(tmp_path: Path, mode: int) -> None:
    source = tmp_path / "freehold.toml"
    source.write_text("")
    source.chmod(mode)
    with pytest.raises(FreeholdError) as caught:
        resolve_secret("cmd:touch ran", allow_commands=True, source=source)
    assert caught.value.code == "config.secret-writable"


def test_load_refuses_commands_in_a_file_that_others_can_write(
    tmp_path: Path, sections: dict[str, object]
) -> None:
    path = tmp_path / "freehold.toml"
    path.write_text('[every]\nkey = "cmd:op read x"\n')
    path.chmod(0o666)
    with pytest.raises(ProblemsError) as caught:
        load(path, sections)
    assert [(one.code, one.line) for one in caught.value.problems] == [("config.secret-writable", 2)]


def test_load_allows_other_references_in_a_file_that_others_can_write(
    tmp_path: Path, sections: dict[str, object]
) -> None:
    path = tmp_path / "freehold.toml"
    path.write_text('[every]\nkey = "env:A"\n')
    path.chmod(0o666)
    assert load(path, sections).sections["every"].key == Secret("env:A")


def test_load_never_runs_a_command(check: Callable[[str], Loaded], tmp_path: Path) -> None:
    check(f'[every]\nkey = "cmd:touch {tmp_path / "ran"}"\n')
    assert not (tmp_path / "ran").exists()
