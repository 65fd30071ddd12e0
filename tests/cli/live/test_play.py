"""A live drill with real processes, as short as it can be and still be one."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from freehold.cli.live.play import Wanted, phases_of, play_live
from freehold.cli.loading import load_standing
from freehold.clock import SystemClock
from freehold.errors import RefusedError
from freehold.estate.drill import Stage
from freehold.estate.graph import graph_of
from freehold.estate.scenario import Scenario, of_class
from freehold.types.names import WorkloadId

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
FILE = """
[models.m]
[policies.resilient]
on_cut = "continue"
[pools.shared]
requests_per_min = 600
[homes.east]
vendor = "aws"
region = "us-east-1"
api = "bedrock-converse"
model = "m"
[homes.west]
vendor = "google"
region = "us-east5"
api = "vertex-claude"
model = "m"
pool = "shared"
[homes.far]
vendor = "google"
region = "europe-west4"
api = "vertex-claude"
model = "m"
pool = "shared"
[workloads.chat]
homes = ["east", "west", "far"]
policy = "resilient"
requests_per_min = 100
[workloads.alone]
homes = ["east"]
policy = "resilient"
requests_per_min = 100
[workloads.tuning]
kind = "train"
homes = ["east"]
"""


def drill(folder: Path, name: str, place: str, text: str = FILE) -> tuple[Stage, Scenario]:
    file = folder / "freehold.toml"
    file.write_text(text)
    estate, catalog = load_standing(str(file))
    graph = graph_of(estate)
    found = of_class(catalog.classes[name], estate, graph, catalog)
    return Stage(estate, graph), next(one for one in found if one.what == place)


def test_phases_follow_the_paper_and_none_is_too_short(tmp_path: Path) -> None:
    stage, scenario = drill(tmp_path, "recovery-herd", "aws.us-east-1")
    phases = phases_of(stage, stage.play(scenario), Wanted(rest_s=1.0, incident_s=10.0))
    assert phases[0].moment is None and phases[-1].calm
    assert all(a.to_s == b.from_s for a, b in itertools.pairwise(phases))
    assert min(one.to_s - one.from_s for one in phases[1:-1]) >= 2.0
    herd = phases[-2].moment
    assert herd is not None and herd.demand_times[WorkloadId("alone")] > 1


def test_speed_is_the_same_for_every_stretch(tmp_path: Path) -> None:
    stage, scenario = drill(tmp_path, "region-death", "aws.us-east-1")
    (_, only, _) = phases_of(stage, stage.play(scenario), Wanted(speed=3600.0))
    assert only.to_s - only.from_s == pytest.approx(only.moment.to_min / 60)  # type: ignore[union-attr]


def test_estate_without_a_home_to_call_is_refused(tmp_path: Path) -> None:
    text = FILE.replace('policy = "resilient"\nrequests_per_min', 'kind = "train"\nrequests_per_min')
    stage, scenario = drill(tmp_path, "region-death", "aws.us-east-1", text)
    with pytest.raises(RefusedError) as caught:
        play_live(stage, stage.play(scenario), Wanted(), SystemClock(), lambda words: None)
    assert caught.value.code == "cli.nothing-to-drill"


def test_home_is_killed_for_real_and_each_workload_fares_as_predicted(tmp_path: Path) -> None:
    stage, scenario = drill(tmp_path, "region-death", "aws.us-east-1")
    said: list[str] = []
    wanted = Wanted(rest_s=1.0, incident_s=4.0, calls_per_s=30.0, workloads=("chat", "alone"))
    played = play_live(stage, stage.play(scenario), wanted, SystemClock(), said.append)
    during = {one.workload: one for one in played.rows if one.phase == "the start to +8 h"}
    chat, alone = during[WorkloadId("chat")], during[WorkloadId("alone")]
    assert chat.paper.share == 1.0 and chat.live.share is not None and chat.live.share > 0.9
    assert set(chat.live.homes) <= {"west", "far"}
    assert alone.paper.share == 0.0 and alone.live.share is not None and alone.live.share < 0.2
    assert any("east killed" in words for words in said) and any("east back" in words for words in said)
    assert played.not_played == {"tuning": "another one was named"}


@pytest.mark.slow
def test_ctrl_c_ends_every_process_and_says_so(tmp_path: Path) -> None:
    file = EXAMPLES / "startup" / "freehold.toml"
    process = subprocess.Popen(
        [sys.executable, "-m", "freehold", "drill", "-c", str(file), "aws-2025-10-20", "--live"],
        stderr=subprocess.PIPE, text=True, cwd=tmp_path, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background shell ignores it
    )  # fmt: skip
    assert process.stderr is not None
    while "all is well" not in process.stderr.readline():
        assert process.poll() is None
    children = _children(process.pid)
    assert len(children) == 4
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert "interrupted" in process.stderr.read()
    process.stderr.close()
    assert not any(Path(f"/proc/{child}/stat").exists() for child in children)


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


@pytest.mark.slow
def test_recorded_outage_is_played_beside_its_prediction_and_recorded(tmp_path: Path) -> None:
    file = EXAMPLES / "startup" / "freehold.toml"
    found = subprocess.run(
        [sys.executable, "-m", "freehold", "drill", "-c", str(file), "aws-2025-10-20", "--live", "--json"],
        capture_output=True, text=True, cwd=tmp_path,
        env={**os.environ, "FREEHOLD_HOME": str(tmp_path / "s")},
    )  # fmt: skip
    told = msgspec.json.decode(found.stdout)["data"]
    assert found.returncode in (0, 1), found.stderr
    assert (told["drill"], len(told["rows"])) == ("aws-2025-10-20", 18)
    (kept,) = (tmp_path / "s" / "drills").glob("*.json")
    stored = b"".join(one.read_bytes() for one in (tmp_path / "s" / "ledger").rglob("*.seg*"))
    assert b'"kind":"drill/1"' in stored and kept.stem.encode() in stored
