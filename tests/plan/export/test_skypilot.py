# environment: engines
from __future__ import annotations

import pytest

from freehold.plan.export.skypilot import NAMES, TPU, task
from freehold.plan.export.table import COMMAND
from freehold.plan.result import Placement

sky = pytest.importorskip("sky")


@pytest.mark.parametrize("silicon", [*NAMES, *TPU])
def test_task_is_read_by_skypilots_own_parser(silicon: str, tmp_path: object) -> None:
    vendor = "google" if silicon in TPU else "aws"
    one = Placement(
        workload="w", home="h", place="h", market="spot", unit="replica", units=2, serves=1.0,
        usd_per_hour=1.0,
        chips=8, silicon=silicon, vendor=vendor, region="us-east-1" if vendor == "aws" else "us-east5",
    )  # fmt: skip
    path = tmp_path / "task.yaml"  # type: ignore[operator]  # a Path
    path.write_text(task(one, "w", COMMAND))
    read = sky.Task.from_yaml(str(path))
    assert read.name == "w"
    (resources,) = read.resources
    assert resources.use_spot
