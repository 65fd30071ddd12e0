"""Kubernetes: a Deployment for what serves, an Indexed Job for a gang, pinned by node labels and device
requests."""

from __future__ import annotations

from freehold.plan.export.machines import per_machine
from freehold.plan.export.table import cannot, planned
from freehold.plan.export.yaml import Value, dumped
from freehold.plan.result import Placement

DEVICES = {
    "cuda": "nvidia.com/gpu", "rocm": "amd.com/gpu", "neuron": "aws.amazon.com/neuron",
    "tpu": "google.com/tpu",
}  # fmt: skip
IMAGE = "registry.example/freehold-work:set-me"  # the plan does not know what runs
REGION_LABEL, SILICON_LABEL, MARKET_LABEL = (
    "topology.kubernetes.io/region",
    "freehold.io/silicon",
    "freehold.io/market",
)


def family(silicon: str) -> str:
    """Which device plugin offers the chip."""
    if silicon.startswith("tpu-"):
        return "tpu"
    if silicon.startswith(("trainium", "inferentia")):
        return "neuron"
    if silicon.startswith("mi3"):
        return "rocm"
    if silicon.startswith(("h100", "h200", "b200", "gb", "a100", "l4")):
        return "cuda"
    raise cannot("kubernetes", f"the silicon {silicon}")


def manifest(one: Placement, name: str, command: str) -> str:
    kind = family(one.silicon or "")
    each = per_machine(one.silicon or "", one.chips or 1)
    pods = -(-(one.chips or 1) // each)
    labels: dict[str, Value] = {"app.kubernetes.io/name": name, "freehold.io/workload": one.workload}
    selector: dict[str, Value] = {SILICON_LABEL: one.silicon or "", MARKET_LABEL: one.market}
    if one.region is not None:
        selector[REGION_LABEL] = one.region
    pod: dict[str, Value] = {
        "nodeSelector": selector,
        "containers": [
            {
                "name": "work", "image": IMAGE, "command": ["/bin/sh", "-c", command],
                "env": [{"name": "FREEHOLD_WORKLOAD", "value": one.workload}],
                "resources": {"limits": {DEVICES[kind]: str(each)}, "requests": {DEVICES[kind]: str(each)}},
            }
        ],
    }  # fmt: skip
    if one.unit == "gang":
        pod["restartPolicy"] = "Never"
        body = _job(name, labels, pod, pods)
    else:
        body = _deployment(name, labels, pod, one.units * pods)
    return f"# {planned(one)}\n{dumped(body)}"


def _deployment(
    name: str, labels: dict[str, Value], pod: dict[str, Value], replicas: int
) -> dict[str, Value]:
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app.kubernetes.io/name": name}},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }  # fmt: skip


def _job(name: str, labels: dict[str, Value], pod: dict[str, Value], pods: int) -> dict[str, Value]:
    return {
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "labels": labels},
        "spec": {
            "completions": pods, "parallelism": pods, "completionMode": "Indexed", "backoffLimit": 3,
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }  # fmt: skip
