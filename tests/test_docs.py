"""The documents do what they say: their commands run and print what is written, their links lead somewhere.

A ```sh block that starts with `$ ` is executed, block after block in one shell per document, in an empty
folder. What follows a command is its expected output; `...` stands for anything, on a line of its own for any
number of lines. `$ make demo` runs the command that the Makefile runs. Other blocks are for reading only.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXECUTED = [ROOT / "README.md", *sorted((ROOT / "docs/tutorial").glob("*.md"))]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(ROOT.glob("examples/**/*.md")),
]
DOCUMENT_SECONDS_MAX = 120
MARK = "__end_of_step__"


class Step(NamedTuple):
    line: int
    command: str
    expected: str


def steps(text: str) -> list[Step]:
    """The commands of a document with the output it promises."""
    found: list[Step] = []
    for block in re.finditer(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        if not block[1].startswith("$ "):
            continue
        first = text.count("\n", 0, block.start(1)) + 1
        for number, line in enumerate(block[1].splitlines(), first):
            if line.startswith("$ "):
                found.append(Step(number, line[2:], ""))
            elif found[-1].command.endswith("\\") and line.startswith("> "):
                found[-1] = found[-1]._replace(command=f"{found[-1].command}\n{line[2:]}")
            else:
                found[-1] = found[-1]._replace(expected=f"{found[-1].expected}{line}\n")
    return found


def pattern(expected: str) -> str:
    """A regular expression of the promised output, where `...` is anything."""
    parts = []
    for line in expected.splitlines():
        if line.strip() == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(r".*?".join(re.escape(piece) for piece in line.rstrip().split("...")) + r" *\n")
    return "".join(parts)


def run_all(found: list[Step], folder: Path) -> list[str]:
    """What each step printed. Whatever a document started is ended with it."""
    script = (
        'make() { case $1 in demo) freehold demo ;; *) echo "not run here: make $1"; return 1 ;; esac; }\n'
    )
    for step in found:
        script += f"{step.command}\nprintf '{MARK}%s\\n' $?\n"
    home = {
        "HOME": str(folder),
        "FREEHOLD_HOME": str(folder / ".freehold"),
        "NO_COLOR": "1",
        "COLUMNS": "110",
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    shell = subprocess.Popen(
        ["bash", "-c", script], cwd=folder, env={**os.environ, **home, "PATH": path}, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        printed, _ = shell.communicate(timeout=DOCUMENT_SECONDS_MAX)
    finally:
        with contextlib.suppress(ProcessLookupError):  # everything it started has ended
            os.killpg(shell.pid, signal.SIGKILL)
    return re.split(rf"(?<={MARK}\d)\n|(?<={MARK}\d\d)\n|(?<={MARK}\d\d\d)\n", printed)


@pytest.mark.parametrize("document", EXECUTED, ids=lambda path: path.name)
def test_document_prints_what_it_promises(document: Path, tmp_path: Path) -> None:
    found = steps(document.read_text(encoding="utf-8"))
    for step, printed in zip(found, run_all(found, tmp_path), strict=False):
        output, _, status = printed.partition(MARK)
        place = f"{document.name}:{step.line}: $ {step.command}"
        assert status == "0" or step.expected.startswith("error["), f"{place}\n{printed}"
        assert re.fullmatch(pattern(step.expected), output), f"{place} printed\n{output}"


def test_documents_that_are_executed_hold_commands() -> None:
    assert all(steps(document.read_text(encoding="utf-8")) for document in EXECUTED)


def test_steps_reads_commands_with_the_output_that_follows() -> None:
    text = "# t\n```sh\n$ echo a\na\n$ echo b\n```\n```sh\nnot run\n```\n"
    assert steps(text) == [Step(3, "echo a", "a\n"), Step(5, "echo b", "")]


def test_pattern_lets_dots_stand_for_anything_and_nothing_else() -> None:
    assert re.fullmatch(pattern("id ...\n...\nend\n"), "id 7\nx\ny\nend\n")
    assert not re.fullmatch(pattern("id ...\nend\n"), "id 7\nx\nend\n")


def test_run_all_splits_the_output_by_step(tmp_path: Path) -> None:
    printed = run_all([Step(1, "echo a", ""), Step(2, "false", "")], tmp_path)
    assert printed[:2] == [f"a\n{MARK}0", f"{MARK}1"]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_page_links_lead_to_files_that_exist(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = [link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link and ":" not in link]
    assert [link for link in targets if not (page.parent / link).exists()] == []


def test_readme_shows_its_first_command_by_line_twenty() -> None:
    head = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:20]
    assert any("make demo" in line for line in head)
