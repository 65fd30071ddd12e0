"""Slurm itself judges what is written for it: sbatch reads the script, a controller says if it could run."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from freehold.plan.export import export
from freehold.plan.export.slurm import script
from freehold.plan.export.table import COMMAND
from freehold.plan.result import Placement
from tests.plan.conftest import Planner
from tests.plan.export.cluster import Cluster, Nodes, controller

SITE = (
    Nodes("h100-nebius", "gpu:h100:8"),
    Nodes("v6e-us5", "tpu:v6e:4"),
    Nodes("trn1-use1", "trn:trainium1:16"),
    Nodes("trn2-use2", "trn:trainium2:16"),
    Nodes("mi300x.rack_1", "gpu:mi300x:8"),
    Nodes("9gb200", "gpu:gb200:4"),
    Nodes("maia", "gpu:maia-200:8"),
    Nodes("ironwood", "tpu:v7:4"),
    Nodes("inf2", "trn:inferentia2:12"),
    Nodes("a_b_c_2__", "gpu:l4:8"),
)
"""The homes of the plan's estate, and one for each sort of name and device."""

HOMES = {
    "h100-nebius": "h100", "v6e-us5": "tpu-v6e", "trn1-use1": "trainium1", "trn2-use2": "trainium2",
    "mi300x.rack_1": "mi300x", "9gb200": "gb200", "maia": "maia-200", "ironwood": "tpu-v7",
    "inf2": "inferentia2", "a&b|c*2[]": "l4",
}  # fmt: skip


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with controller(tmp_path_factory.mktemp("slurm"), SITE) as one:
        yield one


def gang(home: str, silicon: str, chips: int = 24) -> Placement:
    return Placement(
        workload="finetune", home=home, place=home, market="on-demand", unit="gang", units=1, serves=1.0,
        usd_per_hour=1.0, chips=chips, silicon=silicon, vendor="own", hours=30.5,
    )  # fmt: skip


def test_script_of_every_placement_of_a_plan_is_accepted_by_slurm(cluster: Cluster, planned: Planner) -> None:
    files = export(planned().plan, "slurm").files
    directives = " ".join(files.values())
    assert "--array=" in directives
    assert "--time=" in directives
    for text in files.values():
        verdict = cluster.judge(text)
        assert verdict.accepted, verdict.words
        assert "to start at" in verdict.words


@pytest.mark.parametrize("home", HOMES)
def test_script_for_every_kind_of_device_and_home_is_accepted_by_slurm(cluster: Cluster, home: str) -> None:
    text = script(gang(home, HOMES[home], chips=16), "w", COMMAND)
    verdict = cluster.judge(text)
    assert verdict.accepted, verdict.words


def test_script_of_a_gang_is_given_as_many_nodes_as_it_asks_for(cluster: Cluster) -> None:
    verdict = cluster.judge(script(gang("h100-nebius", "h100", chips=24), "w", COMMAND))
    assert "on nodes row0-[1-3] " in verdict.words  # its own home's, eight chips on each


def test_script_of_replicas_is_accepted_up_to_the_largest_array_slurm_takes_by_default(
    cluster: Cluster,
) -> None:
    one = gang("h100-nebius", "h100", chips=8)
    many, too_many = (msgspec.structs.replace(one, unit="replica", units=count) for count in (1000, 1001))
    assert cluster.judge(script(many, "w", COMMAND)).accepted
    assert "Invalid job array" in cluster.judge(script(too_many, "w", COMMAND)).words


def test_script_ends_in_a_step_that_srun_accepts(cluster: Cluster, planned: Planner) -> None:
    for text in export(planned().plan, "slurm", command="echo 'it''s' \"$HOME\"").files.values():
        verdict = cluster.judge_step(text)
        assert verdict.accepted, verdict.words
    assert not cluster.judge_step("srun --ntaskz=2 /bin/sh -c true").accepted


def test_script_for_workloads_with_any_name_is_accepted_by_slurm(cluster: Cluster, planned: Planner) -> None:
    plan = planned().plan
    bad = "x'; exit 1\n#SBATCH --nodez=2"
    placements = tuple(msgspec.structs.replace(one, workload=bad) for one in plan.placements)
    for text in export(msgspec.structs.replace(plan, placements=placements), "slurm").files.values():
        verdict = cluster.judge(text)
        assert verdict.accepted, verdict.words


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("--nodes=", "--nodez=", "unrecognized option"),
        ("--time=1-14:08:00", "--time=soon", "Invalid --time specification"),
        ("--gres=gpu:h100:8", "--gres=gpu:h100:many", "Invalid generic resource"),
        ("--gres=gpu:h100:8", "--gres=gpu:b200:8", "Requested node configuration is not available"),
        ("--gres=gpu:h100:8", "--gres=gpu:h100:16", "Requested node configuration is not available"),
        ("--constraint=h100-nebius", "--constraint=nowhere", "Invalid feature specification"),
        ("--constraint=h100-nebius", "--constraint=v6e-us5", "Requested node configuration is not available"),
        ("--nodes=3", "--nodes=5", "Requested node configuration is not available"),
        ("#!/bin/sh\n", "", "This does not look like a batch script"),
    ],
)
def test_script_that_is_wrong_is_refused_by_slurm(
    cluster: Cluster, before: str, after: str, words: str
) -> None:
    text = script(gang("h100-nebius", "h100"), "w", COMMAND)
    assert before in text
    verdict = cluster.judge(text.replace(before, after, 1))
    assert not verdict.accepted
    assert words in verdict.words
