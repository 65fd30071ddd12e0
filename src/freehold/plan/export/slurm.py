"""A Slurm batch script: directives for nodes, generic resources and time, then the command."""

from __future__ import annotations

import math
import re

from freehold.plan.export.machines import per_machine
from freehold.plan.export.table import cannot, planned
from freehold.plan.result import Placement

TIME_SPARE = 1.25  # of the predicted time, before the job is ended


def gres(silicon: str, count: int) -> str:
    """A generic resource by the kind of device, its type where a site has several."""
    if silicon.startswith("tpu-"):
        return f"tpu:{silicon.removeprefix('tpu-')}:{count}"
    if silicon.startswith(("trainium", "inferentia")):
        return f"trn:{silicon}:{count}"
    if not silicon:
        raise cannot("slurm", "a placement without silicon")
    return f"gpu:{silicon}:{count}"


def script(one: Placement, name: str, command: str) -> str:
    silicon, chips = one.silicon or "", one.chips or 1
    each = per_machine(silicon, chips)
    nodes = -(-chips // each)
    lines = [
        "#!/bin/sh",
        f"#SBATCH --job-name={name}",
        f"#SBATCH --nodes={nodes}",
        "#SBATCH --ntasks-per-node=1",
        f"#SBATCH --gres={gres(silicon, each)}",
        f"#SBATCH --constraint={_feature(one.home)}",
        f"#SBATCH --comment={_feature(one.workload)}",
    ]
    if one.hours is not None:
        lines.append(f"#SBATCH --time={_time(one.hours * TIME_SPARE)}")
    if one.unit == "replica" and one.units > 1:
        lines.append(f"#SBATCH --array=1-{one.units}")
    lines += [
        f"# {planned(one)}",
        f"export FREEHOLD_WORKLOAD='{_feature(one.workload)}' FREEHOLD_HOME_PLANNED='{_feature(one.home)}'",
        f"srun --ntasks={nodes} /bin/sh -c {_quoted(command)}",
    ]
    return "\n".join(lines) + "\n"


def _feature(name: str) -> str:
    """Slurm features are words; anything else in a name becomes an underscore."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)


def _time(hours: float) -> str:
    minutes = max(1, math.ceil(hours * 60))
    return f"{minutes // 1440}-{minutes % 1440 // 60:02}:{minutes % 60:02}:00"


def _quoted(text: str) -> str:
    escaped = text.replace("'", "'\"'\"'")
    return f"'{escaped}'"
