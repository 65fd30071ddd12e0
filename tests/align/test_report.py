import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from freehold.align.aligned import account
from freehold.align.folder import RunFolder
from freehold.align.report import render, summary, words_changed, write_report
from freehold.errors import UnavailableError
from freehold.types.names import Digest
from freehold.watch.runlog import Answered, Cost, Evaluation, Happened, Header, Rate

DIGEST = Digest("sha256:" + "0" * 64)
NASTY = "<script>alert(1)</script>"


def header(**more: Any) -> Header:
    return Header(
        run="R", name=NASTY, created_ns=1, recipe=DIGEST, constitution=DIGEST, base=DIGEST, seed=1, threads=1,
        parameters=10, **more,
    )  # fmt: skip


def a_run(folder: Path, *, price: float | None = 3600.0, seen: Rate | None = None) -> RunFolder:
    """A run of one stage, made by hand."""
    head = header(usd_per_hour=price, peak_flops_per_s=1e9)
    made = RunFolder.create(folder / "run", head, b"[run]", b"[x]")
    cost = {
        "policy": Cost(flops=10**12, seconds=8.0, tokens=100),
        "oversight": Cost(flops=10**11, seconds=2.0),
    }
    loss = {"loss": 0.5}
    made.append(Happened(kind="progress", time_ns=1, stage="supervise", step=1, values=loss, cost=cost))
    rate = Rate(rate=0.5, low=0.25, high=0.75, n=10)
    found = Evaluation(
        checkpoint="supervise", stage="supervise", step=1, weights=DIGEST, constitution=DIGEST,
        rates={"greedy/harmful_comply": rate}, principles={"greedy/privacy": rate},
        critic={"t1/holds_corrected": seen} if seen else {}, values={"kl_to_start": None},
    )  # fmt: skip
    answers = [
        Answered(prompt="p", mode="greedy", classed="harmful", asked=NASTY, answer=NASTY, outcome="comply",
                 passes={"privacy": True})
    ]  # fmt: skip
    made.evaluation(found, answers)
    made.append(Happened(kind="evaluation", time_ns=2, stage="supervise", step=1, text="supervise"))
    rounds = [{"principle": "privacy", "critique": NASTY, "revision": "No."}]
    made.append_lines(
        "rows/revisions.jsonl", [{"asked": "a", "answer": "b", "classed": "harmful", "rounds": rounds}]
    )
    return made


def test_report_loads_nothing_from_elsewhere_and_runs_nothing(tmp_path: Path) -> None:
    page = render(a_run(tmp_path).log())
    assert re.findall(r"""(?:src|href)\s*=|url\(|@import|<script|<iframe|<link""", page) == []
    assert "default-src 'none'" in page


def test_report_shows_what_a_model_said_as_text_and_folded(tmp_path: Path) -> None:
    page = render(a_run(tmp_path).log())
    assert NASTY not in page
    unfolded = re.sub(r"<details>.*?</details>", "", page, flags=re.DOTALL)
    summaries = re.findall(r"<summary>(.*?)</summary>", page, flags=re.DOTALL)
    escaped = "&lt;script&gt;"
    assert page.count(escaped) > 3
    assert unfolded.count(escaped) == 2  # the title and the heading: the run's own name
    assert len(summaries) == 2 and not any(escaped in text for text in summaries)


def test_report_of_a_run_that_just_began_can_be_written(tmp_path: Path) -> None:
    made = RunFolder.create(tmp_path / "run", header(), b"", b"")
    page = render(made.log())
    assert "Nothing was measured yet" in page


def test_report_says_unknown_where_no_price_was_given(tmp_path: Path) -> None:
    assert "unknown a dollar" in render(a_run(tmp_path, price=None).log())


def test_report_marks_what_changed_between_answers() -> None:
    assert words_changed("take the red rope", "take the oak plank now") == [
        ("same", "take the"),
        ("gone", "red rope"),
        ("new", "oak plank now"),
    ]


def test_report_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    log = a_run(tmp_path).log()
    with pytest.raises(UnavailableError):
        write_report(log, tmp_path / "nowhere" / "report.html")


def test_summary_is_the_page_for_programs(tmp_path: Path) -> None:
    found = msgspec.json.decode(msgspec.json.encode(summary(a_run(tmp_path).log())))
    assert found["costs"]["policy"]["flops"] == 10**12
    assert found["evaluations"][0]["rates"]["greedy/harmful_comply"]["n"] == 10


def test_account_counts_useful_compute_by_its_lower_bound(tmp_path: Path) -> None:
    found = account(a_run(tmp_path, seen=Rate(rate=0.9, low=0.8, high=0.95, n=100)).log())
    assert found.aligned_flops == pytest.approx(0.8e12)
    assert found.usd == pytest.approx(10.0)
    assert found.aligned_flops_per_usd == pytest.approx(0.8e11)
    assert found.usd_per_accepted_answer == pytest.approx(10.0)


def test_account_of_a_stage_nobody_looked_at_is_zero(tmp_path: Path) -> None:
    assert account(a_run(tmp_path).log()).aligned_flops == 0.0


def test_account_without_a_price_is_unknown_and_not_zero(tmp_path: Path) -> None:
    found = account(a_run(tmp_path, price=None).log())
    assert (found.usd, found.aligned_flops_per_usd) == (None, None)
