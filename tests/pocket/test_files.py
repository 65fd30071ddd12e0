from pathlib import Path

import pytest

from freehold.errors import ProblemsError
from freehold.pocket import FaultRule
from freehold.pocket.files import read_faults, read_script


def write(folder: Path, text: str) -> Path:
    path = folder / "script.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_faults_are_read_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, '[faults.b]\nfault = "stall"\n[faults.a]\nfault = "cut_fin"\nafter = 5\n')
    assert list(read_faults(path).items()) == [
        ("b", FaultRule(fault="stall")),
        ("a", FaultRule(fault="cut_fin", after=5)),
    ]


def test_faults_report_every_problem_with_its_line(tmp_path: Path) -> None:
    text = """\
[faults.a]
fault = "refuse"
home = "esat"
count = 3
[faults.b]
fault = "cut_rest"
[faults.c]
fualt = "stall"
"""
    with pytest.raises(ProblemsError) as caught:
        read_faults(write(tmp_path, text), ["east", "west"])
    assert sorted((problem.line, problem.code) for problem in caught.value.problems) == [
        (3, "pocket.unknown-home"),
        (4, "pocket.bad-fault"),
        (6, "config.choice"),
        (7, "config.missing-key"),
        (8, "config.unknown-key"),
    ]


def test_script_rows_are_ways_of_answering(tmp_path: Path) -> None:
    path = write(tmp_path, '[answers.long]\nkind = "words"\ntokens = 9\ncontains = "essay"\n')
    (rule,) = read_script(path)
    assert (rule.kind, rule.tokens, rule.contains) == ("words", 9, "essay")


def test_script_with_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProblemsError, match="1 problem"):
        read_script(write(tmp_path, '[answers.a]\nkind = "wrods"\n'))
