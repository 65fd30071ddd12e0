from __future__ import annotations

import re
from pathlib import Path

import jsonschema
import msgspec
import pytest
import yaml

from freehold.errors import UsageError
from freehold.plan.export import ENGINES, export
from freehold.plan.export.skypilot import task
from freehold.plan.export.table import COMMAND, named
from freehold.plan.result import Placement
from tests.plan.conftest import Planner

COUNT = {"type": "string", "pattern": "^[0-9]+$"}
POD = {
    "type": "object",
    "required": ["containers"],
    "additionalProperties": False,
    "properties": {
        "restartPolicy": {"enum": ["Always", "OnFailure", "Never"]},
        "nodeSelector": {"type": "object", "additionalProperties": {"type": "string"}},
        "containers": {
            "type": "array", "minItems": 1,
            "items": {
                "type": "object", "required": ["name", "image"], "additionalProperties": False,
                "properties": {
                    "name": {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"},
                    "image": {"type": "string"},
                    "command": {"type": "array", "items": {"type": "string"}},
                    "env": {
                        "type": "array",
                        "items": {
                            "type": "object", "required": ["name"], "additionalProperties": False,
                            "properties": {"name": {"type": "string"}, "value": {"type": "string"}},
                        },
                    },
                    "resources": {
                        "type": "object", "additionalProperties": False,
                        "properties": {
                            part: {"type": "object", "additionalProperties": COUNT}
                            for part in ("limits", "requests")
                        },
                    },
                },
            },
        },
    },
}  # fmt: skip
TEMPLATE = {
    "type": "object", "required": ["metadata", "spec"], "additionalProperties": False,
    "properties": {"metadata": {"type": "object"}, "spec": POD},
}  # fmt: skip
METADATA = {
    "type": "object", "required": ["name"], "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z]([-a-z0-9]*[a-z0-9])?$", "maxLength": 63},
        "labels": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 63}},
    },
}  # fmt: skip
SCHEMAS = {
    "Deployment": {
        "type": "object", "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": False,
        "properties": {
            "apiVersion": {"const": "apps/v1"}, "kind": {"const": "Deployment"}, "metadata": METADATA,
            "spec": {
                "type": "object", "required": ["selector", "template"], "additionalProperties": False,
                "properties": {
                    "replicas": {"type": "integer", "minimum": 0},
                    "selector": {"type": "object", "required": ["matchLabels"]}, "template": TEMPLATE,
                },
            },
        },
    },
    "Job": {
        "type": "object", "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": False,
        "properties": {
            "apiVersion": {"const": "batch/v1"}, "kind": {"const": "Job"}, "metadata": METADATA,
            "spec": {
                "type": "object", "required": ["template"], "additionalProperties": False,
                "properties": {
                    "completions": {"type": "integer"}, "parallelism": {"type": "integer"},
                    "completionMode": {"enum": ["Indexed", "NonIndexed"]},
                    "backoffLimit": {"type": "integer"},
                    "template": TEMPLATE,
                },
            },
        },
    },
}  # fmt: skip
"""The fields of the two kinds that are written here, as in the API reference of Kubernetes 1.31 (2024-08)."""

DIRECTIVE = re.compile(r"#SBATCH --([a-z-]+)=(\S+)$")
KNOWN = {"job-name", "nodes", "ntasks-per-node", "gres", "constraint", "comment", "time", "array"}
VALUES = {
    "gres": r"(gpu|tpu|trn):[a-z0-9-]+:\d+", "time": r"\d+-\d\d:\d\d:\d\d", "nodes": r"\d+",
    "array": r"1-\d+",
}  # fmt: skip


def test_export_of_every_engine_writes_each_placement_on_chips(planned: Planner) -> None:
    plan = planned().plan
    rented = [one for one in plan.placements if one.chips is not None]
    for engine in ENGINES:
        made = export(plan, engine)
        assert len(made.files) == len(rented)
        assert len(made.left_out) == len(plan.placements) - len(rented)


def test_export_to_kubernetes_holds_to_the_schema_of_its_kinds(planned: Planner) -> None:
    kinds = set()
    for text in export(planned().plan, "kubernetes").files.values():
        body = yaml.safe_load(text)
        kinds.add(body["kind"])
        jsonschema.validate(body, SCHEMAS[body["kind"]])
        labels = body["spec"]["template"]["metadata"]["labels"]
        selected = body["spec"].get("selector", {}).get("matchLabels", labels)
        assert selected.items() <= labels.items()
    assert kinds == {"Deployment", "Job"}


def test_export_to_slurm_has_only_directives_that_sbatch_knows(planned: Planner) -> None:
    for text in export(planned().plan, "slurm").files.values():
        lines = text.splitlines()
        assert lines[0] == "#!/bin/sh"
        directives = [line for line in lines if line.startswith("#SBATCH")]
        assert lines[1 : 1 + len(directives)] == directives  # sbatch stops reading them at the first command
        for line in directives:
            match = DIRECTIVE.fullmatch(line)
            assert match, line
            assert match[1] in KNOWN
            assert re.fullmatch(VALUES.get(match[1], r"[A-Za-z0-9_.-]+"), match[2]), line


def test_export_to_skypilot_pins_cloud_region_and_accelerators(planned: Planner) -> None:
    files = export(planned().plan, "skypilot").files
    body = yaml.safe_load(files["finetune-h100-nebius.yaml"])
    assert body["resources"] == {
        "cloud": "nebius",
        "region": "eu-north1",
        "accelerators": "H100:8",
        "use_spot": False,
    }
    assert body["num_nodes"] == 2
    tpu = yaml.safe_load(files["search-v6e-us5.yaml"])
    assert tpu["resources"]["accelerators"].startswith("tpu-v6e-")


def placement(**facts: object) -> Placement:
    usual: dict[str, object] = {
        "workload": "w", "home": "h", "place": "h", "market": "on-demand", "unit": "replica", "units": 2,
        "serves": 1.0, "usd_per_hour": 1.0, "chips": 8, "silicon": "h100", "vendor": "aws",
        "region": "us-east-1",
    }  # fmt: skip
    return Placement(**{**usual, **facts})  # type: ignore[arg-type]  # facts of the test


def test_export_of_silicon_the_engine_has_no_name_for_is_refused_by_name() -> None:
    with pytest.raises(UsageError) as caught:
        task(placement(silicon="maia-200"), "w", COMMAND)
    assert caught.value.code == "plan.cannot-export"
    assert "maia-200" in caught.value.what


def test_export_names_are_ones_every_engine_accepts_and_never_the_same() -> None:
    taken: dict[str, str] = {}
    for workload in ("a b", "A_b", "a-b", "9x", "ü", "x" * 300):
        name = named(placement(workload=workload), taken, "")
        assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name)
        assert len(name) <= 53
        taken[name] = ""
    assert len(taken) == 6


def test_export_does_not_let_a_name_end_a_comment_or_a_quote(planned: Planner, tmp_path: Path) -> None:
    plan = planned().plan
    bad = "x'; rm -rf /\n#SBATCH --wrap=evil"
    other = msgspec.structs.replace(
        plan, placements=tuple(msgspec.structs.replace(one, workload=bad) for one in plan.placements)
    )
    for text in export(other, "slurm").files.values():
        assert not any(line.startswith("#SBATCH --wrap") for line in text.splitlines())
        assert "rm -rf /'" not in text
    for text in export(other, "skypilot").files.values():
        assert yaml.safe_load(text)["envs"]["FREEHOLD_WORKLOAD"] == bad
