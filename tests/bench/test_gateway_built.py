from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench import gateway_built
from bench.gateway_built import Built, built, differing, notes, why_not


def said(monkeypatch: pytest.MonkeyPatch, **planes: str) -> None:
    """These environments, by the name of their Python, whose data planes are so."""
    monkeypatch.setattr(gateway_built, "PYTHON", "compiled")
    monkeypatch.setattr(gateway_built, "INTERPRETED", "own")
    package = gateway_built.SOURCES
    found = {python: Built(plane, package, "Python 3.11") for python, plane in planes.items()}
    monkeypatch.setattr(gateway_built, "built", found.get)


def test_built_is_what_an_interpreter_says_of_its_own_freehold() -> None:
    found = built(sys.executable)
    assert found is not None
    assert found.data_plane in ("compiled", "interpreted")
    assert found.python.startswith("Python 3.")


def test_built_of_no_interpreter_is_not_known() -> None:
    assert built("/no/such/python") is None


def test_why_not_names_a_contender_that_is_not_as_it_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    said(monkeypatch, compiled="interpreted", own="interpreted")
    assert why_not("compiled") == "its data plane is interpreted"
    assert why_not("own") == ""
    assert "no Freehold that says how it was built" in why_not("gone")


def test_why_not_takes_what_there_is_where_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    said(monkeypatch, own="interpreted")
    monkeypatch.setattr(gateway_built, "PYTHON", "own")
    assert why_not("own") == ""


def test_differing_names_the_first_source_that_an_install_has_otherwise(tmp_path: Path) -> None:
    for folder in ("installed", "sources"):
        (tmp_path / folder / "gateway").mkdir(parents=True)
        (tmp_path / folder / "gateway" / "call.py").write_text("same")
    assert differing(tmp_path / "installed", tmp_path / "sources") == ""
    (tmp_path / "sources" / "gateway" / "call.py").write_text("newer")
    assert differing(tmp_path / "installed", tmp_path / "sources") == "gateway/call.py"


def test_notes_say_of_both_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    said(monkeypatch, compiled="compiled", own="interpreted")
    assert notes() == (
        "freehold in all its forms: compiled data plane, Python 3.11",
        "freehold interpreted: interpreted data plane, Python 3.11",
    )
