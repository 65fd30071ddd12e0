"""The scanner against the labelled set: strict, vendor and line, each project by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from freehold.estate.scan import Report, scan
from tests.estate.scan.labels import HELD_OUT, Project, lay_out, projects

RECALL_GOAL = PRECISION_GOAL = 0.90
HELD_OUT_GOAL = 0.85


def scanned(source: Path, root: Path) -> tuple[Project, Report]:
    return lay_out(source, root), scan(root, processes=1)


def rates(project: Project, report: Report) -> tuple[float, float]:
    wanted = {(label.file, label.line, label.vendor) for label in project.labels}
    found = {(finding.file, finding.line, finding.vendor) for finding in report.findings}
    hits = len(wanted & found)
    return (hits / len(wanted) if wanted else 1.0), (hits / len(found) if found else 1.0)


@pytest.mark.parametrize("source", projects(), ids=lambda path: path.stem)
def test_each_project_is_found_line_by_line(source: Path, tmp_path: Path) -> None:
    recall, precision = rates(*scanned(source, tmp_path))
    assert recall >= RECALL_GOAL
    assert precision >= PRECISION_GOAL


def test_held_out_projects_are_found_too(tmp_path: Path) -> None:
    scores = [rates(*scanned(source, tmp_path / source.stem)) for source in projects(HELD_OUT)]
    recall, precision = (sum(column) / len(scores) for column in zip(*scores, strict=True))
    assert recall >= HELD_OUT_GOAL
    assert precision >= HELD_OUT_GOAL


def test_set_is_large_enough_to_mean_something() -> None:
    marks = "".join(path.read_text() for path in projects())
    assert len(projects()) >= 12
    assert sum(marks.count(f"«{kind} ") for kind in ("use", "conf", "perm", "decl", "off")) >= 300
    assert marks.count("«no»") >= 300


def test_lines_that_only_look_like_use_are_left_alone(tmp_path: Path) -> None:
    wrong: list[str] = []
    for source in projects():
        project, report = scanned(source, tmp_path / source.stem)
        tempting = set(project.tempting) - {(label.file, label.line) for label in project.labels}
        wrong += [
            f"{source.stem}/{one.file}:{one.line}"
            for one in report.findings
            if (one.file, one.line) in tempting
        ]
    assert wrong == []


def test_what_needs_several_hops_is_followed(tmp_path: Path) -> None:
    far = found_far = 0
    for source in projects():
        project, report = scanned(source, tmp_path / source.stem)
        found = {(finding.file, finding.line, finding.vendor) for finding in report.findings}
        wanted = [label for label in project.labels if label.hops > 1]
        far += len(wanted)
        found_far += sum((label.file, label.line, label.vendor) in found for label in wanted)
    assert far >= 10
    assert found_far / far >= RECALL_GOAL


def test_states_are_told_apart(tmp_path: Path) -> None:
    right = total = 0
    for source in projects():
        project, report = scanned(source, tmp_path / source.stem)
        states = {(one.file, one.line, one.vendor): one.state for one in report.findings}
        for label in project.labels:
            state = states.get((label.file, label.line, label.vendor))
            if state is not None and label.state in ("permitted", "declared", "disabled"):
                total += 1
                right += state == label.state
    assert total >= 20
    assert right == total
