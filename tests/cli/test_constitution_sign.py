"""constitution check, diff, import, sign: what a person types, one after the other."""

import base64
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from freehold.cli.main import main
from freehold.errors import EXIT_FINDING, EXIT_INPUT, EXIT_OK, EXIT_REFUSED
from freehold.ledger import FileSigner

Run = Callable[..., tuple[int, str, str]]
WHOLE = """
[constitution]
name = "mine"
version = "1"
[principles.one]
text = "Be fair."
critique = "Say where it is unfair."
revision = "Make it fair."
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FREEHOLD_HOME", raising=False)

    def once(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["freehold", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return once


def test_check_prints_the_digest_of_a_whole_constitution(run: Run) -> None:
    Path("c.toml").write_text(WHOLE)
    status, out, _ = run("constitution", "check", "c.toml")
    assert status == EXIT_OK
    assert "1 principles, no holes" in out and "sha256:" in out


def test_check_lists_holes_and_their_lines(run: Run) -> None:
    Path("c.toml").write_text(WHOLE.replace('text = "Be fair."', 'text = ""'))
    status, _, err = run("constitution", "check", "c.toml")
    assert status == EXIT_INPUT
    assert "c.toml:5: principles.one has no text" in err


def test_diff_exits_with_a_finding_where_something_changed(run: Run) -> None:
    Path("a.toml").write_text(WHOLE)
    Path("b.toml").write_text(WHOLE.replace("Be fair.", "Be just."))
    status, out, _ = run("constitution", "diff", "a.toml", "b.toml")
    assert status == EXIT_FINDING
    assert "- Be fair." in out and "+ Be just." in out
    assert run("constitution", "diff", "a.toml", "a.toml")[:2] == (EXIT_OK, "they say the same\n")


def test_import_writes_a_constitution_that_passes_the_check(run: Run) -> None:
    one = {
        "p": {
            "prompt": ["CritiqueRequest: Say how.\n\nCritique:"],
            "edit_request": "RevisionRequest: Do.\n\nRevision:",
        }
    }
    Path("p.json").write_text(json.dumps(one))
    assert run("constitution", "import", "p.json", "--out", "c.toml")[0] == EXIT_OK
    assert run("constitution", "check", "c.toml")[0] == EXIT_OK
    assert run("constitution", "import", "p.json", "--out", "c.toml")[0] == EXIT_REFUSED


def test_sign_leaves_a_signature_and_a_record_that_says_who_and_why(run: Run) -> None:
    key = base64.b64encode(FileSigner.create("ada", Path("ada.pem")).public_key).decode()
    Path("c.toml").write_text(f'{WHOLE}[signers]\nthreshold = 1\n[signers.keys]\nada = "{key}"\n')
    words = ("constitution", "sign", "c.toml", "--key", "ada.pem", "--as", "ada", "--why", "agreed in May")
    status, out, _ = run(*words)
    assert status == EXIT_OK and "1 of 1 wanted (ada)" in out
    assert "signed by 1 of 1 wanted: ada" in run("constitution", "check", "c.toml")[1]
    stored = b"".join(path.read_bytes() for path in Path(".freehold/ledger").rglob("*") if path.is_file())
    for part in (b'"actor":"ada"', b'"why":"agreed in May"', b'"action":"constitution.sign"'):
        assert part in stored
