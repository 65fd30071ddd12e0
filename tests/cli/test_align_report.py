import json
import sys
from pathlib import Path

import pytest

from freehold.cli.main import main
from freehold.errors import EXIT_INPUT
from tests.align.test_report import a_run


def once(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["freehold", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_report_writes_a_page_into_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = a_run(tmp_path)
    assert once(monkeypatch, "align", "report", str(made.path), "--json") == 0
    data = json.loads(capsys.readouterr().out)["data"]
    assert Path(data["report"]).read_text().startswith("<!doctype html>")
    assert data["run"]["seed"] == 1


def test_report_of_no_run_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert once(monkeypatch, "align", "report", str(tmp_path)) == EXIT_INPUT
