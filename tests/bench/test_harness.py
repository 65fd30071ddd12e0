from __future__ import annotations

import os
import re
import sys
import sysconfig
from pathlib import Path

import msgspec
import pytest

from bench.harness import (
    Contender,
    Environment,
    Report,
    Row,
    build_flags,
    compare,
    cpu_seconds,
    environment,
    measure_once,
    table,
)


@pytest.fixture(scope="module")
def here() -> Environment:
    return environment()


def noop() -> None:
    return None


def test_compare_runs_contenders_in_turns_after_one_unmeasured_round() -> None:
    order: list[str] = []
    contenders = [Contender(name=name, run=lambda name=name: order.append(name)) for name in "ab"]
    compare(contenders, rounds=2)
    assert order == ["a", "b", "a", "b", "a", "b"]


def test_measure_once_divides_by_the_operations_of_one_run() -> None:
    ticks = iter([10.0, 12.0])
    wall_ms, _ = measure_once(
        Contender(name="many", run=noop, operations=1000), wall_seconds=lambda: next(ticks)
    )
    assert wall_ms == 2.0


def test_compare_refuses_to_make_a_figure_of_no_rounds() -> None:
    with pytest.raises(ValueError, match="rounds is 0"):
        compare([Contender(name="a", run=noop)], rounds=0)


def test_compare_counts_the_cpu_of_a_command() -> None:
    busy = (sys.executable, "-c", "sum(range(3_000_000))")
    (row,) = compare([Contender(name="busy", run=busy)], rounds=1)
    assert row.cpu_ms_median > 0


def test_cpu_seconds_counts_the_processes_named() -> None:
    assert cpu_seconds((os.getpid(),)) >= cpu_seconds() > 0


def test_compare_stops_at_a_command_that_fails_and_shows_its_words() -> None:
    broken = (sys.executable, "-c", "import sys; sys.exit('no home answers')")
    with pytest.raises(RuntimeError, match="no home answers"):
        compare([Contender(name="broken", run=broken)], rounds=1)


def test_table_shows_median_and_spread_of_every_row() -> None:
    row = Row(name="x", rounds=3, wall_ms_median=2, wall_ms_min=1, wall_ms_max=9, cpu_ms_median=1.5)
    assert "| x | 3 | 2.000 | 1.000 - 9.000 | 1.500 |" in table([row])


def test_report_holds_one_json_object_with_its_environment(tmp_path: Path, here: Environment) -> None:
    report = Report(question="nothing", environment=here, rows=compare([Contender(name="a", run=noop)]))
    text = report.write(tmp_path).read_text()
    (body,) = re.findall(r"```json\n(.*?)\n```", text, re.DOTALL)
    assert msgspec.json.decode(body, type=Report) == report
    assert report.environment.score_ms > 0


def test_environment_never_names_the_folder_of_the_checkout(here: Environment) -> None:
    text = msgspec.json.encode(here).decode()
    assert str(Path(__file__).resolve().parents[2]) not in text


@pytest.mark.parametrize(("arguments", "said"), [
    ("'--enable-optimizations' '--with-lto'", "PGO yes, LTO yes"),
    ("'--enable-optimizations' '--without-lto'", "PGO yes, LTO no"),
    ("'--enable-shared'", "PGO not said, LTO not said"),
    (None, "PGO not said, LTO not said"),
])  # fmt: skip
def test_build_flags_say_no_only_where_the_interpreter_does(
    monkeypatch: pytest.MonkeyPatch, arguments: str | None, said: str
) -> None:
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: arguments)
    assert build_flags() == said
