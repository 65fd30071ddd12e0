from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.estate.scan import scan
from freehold.estate.scan.ignore import Rules


@pytest.mark.parametrize(
    ("rules", "path", "ignored"),
    [
        ("*.log", "a/b.log", True),
        ("/top", "a/top", False),
        ("/top", "top", True),
        ("a/**/z", "a/b/c/z", True),
        ("build/", "x/build", True),
        ("*.py\n!keep.py", "keep.py", False),
        ("#x", "#x", False),
        ("[ab].py", "a.py", True),
        ("a/*.py", "a/b/c.py", False),
        ("**/x", "deep/er/x", True),
        ("\\#x", "#x", True),
        ("[!a].py", "b.py", True),
    ],
)
def test_rules_mean_what_git_means(rules: str, path: str, ignored: bool) -> None:
    assert Rules(rules, None, "").ignores(path, folder=True) is ignored


def test_rules_of_a_folder_hold_below_it_and_come_last(tmp_path: Path) -> None:
    client = "from openai import OpenAI\nOpenAI()\n"
    for path in ("a/x.py", "a/y.py", "b/x.py"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(client)
    (tmp_path / ".gitignore").write_text("x.py\n")
    (tmp_path / "b" / ".gitignore").write_text("!x.py\n")
    assert {finding.file for finding in scan(tmp_path).findings} == {"a/y.py", "b/x.py"}


@given(st.text(max_size=40), st.text(alphabet="ab/.*", max_size=20))
def test_no_rule_breaks_the_reader(rule: str, path: str) -> None:
    assert Rules(rule, None, "").ignores(path, folder=False) in (True, False)
