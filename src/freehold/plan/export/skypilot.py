"""A SkyPilot task pinned to the planned cloud, region and accelerators (task YAML, read by
sky.Task.from_yaml)."""

from __future__ import annotations

from freehold.plan.export.machines import per_machine
from freehold.plan.export.table import cannot, planned
from freehold.plan.export.yaml import dumped
from freehold.plan.result import Placement

CLOUDS = {
    "aws": "aws", "google": "gcp", "gcp": "gcp", "azure": "azure", "oci": "oci", "lambda": "lambda",
    "nebius": "nebius", "runpod": "runpod", "vultr": "vast",
}  # fmt: skip
NAMES = {
    "h100": "H100", "h200": "H200", "b200": "B200", "gb200": "GB200", "gb300": "GB300", "a100": "A100-80GB",
    "l4": "L4", "l40s": "L40S", "mi300x": "MI300X", "trainium1": "Trainium", "trainium2": "Trainium2",
    "inferentia2": "Inferentia2",
}  # fmt: skip
TPU = {"tpu-v5e": "tpu-v5litepod", "tpu-v5p": "tpu-v5p", "tpu-v6e": "tpu-v6e"}
CORES_PER_CHIP = {"tpu-v5p": 2}  # its slices are named by cores


def task(one: Placement, name: str, command: str) -> str:
    cloud = CLOUDS.get(one.vendor)
    if cloud is None or cloud == "vast":
        raise cannot("skypilot", f"the vendor {one.vendor}")
    silicon, chips = one.silicon or "", one.chips or 1
    # `cloud` and `region` are read by every version; the shorter `infra` only by later ones.
    where = {"cloud": cloud} if one.region is None else {"cloud": cloud, "region": one.region}
    if silicon in TPU:
        accelerators, nodes = f"{TPU[silicon]}-{chips * CORES_PER_CHIP.get(silicon, 1)}:1", 1
    elif silicon in NAMES:
        each = per_machine(silicon, chips)
        accelerators, nodes = f"{NAMES[silicon]}:{each}", -(-chips // each)
    else:
        raise cannot("skypilot", f"the silicon {silicon}")
    nodes *= one.units if one.unit == "replica" else 1
    body = dumped(
        {
            "name": name,
            "num_nodes": nodes,
            "resources": {
                **where, "accelerators": accelerators, "use_spot": one.market == "spot",
            },
            "envs": {"FREEHOLD_WORKLOAD": one.workload, "FREEHOLD_HOME_PLANNED": one.home},
            "run": command,
        }
    )  # fmt: skip
    return f"# {planned(one)}\n{body}"
