"""The engines a plan can be written for. Adding one is one file, one row here, and one row in the docs."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from freehold.errors import UsageError
from freehold.plan.result import Placement, Plan

Render = Callable[[Placement, str, str], str]  # placement, its name, the command to run


class Engine(NamedTuple):
    target: str  # module:function
    suffix: str
    help: str


ENGINES: dict[str, Engine] = {
    "skypilot": Engine("freehold.plan.export.skypilot:task", ".yaml", "one task per placement"),
    "kubernetes": Engine("freehold.plan.export.kubernetes:manifest", ".yaml", "a Deployment or a Job each"),
    "slurm": Engine("freehold.plan.export.slurm:script", ".sbatch", "one batch script per placement"),
}
COMMAND = "exec $FREEHOLD_RUN"  # what runs is not the plan's business: the environment says it


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    files: dict[str, str]
    left_out: tuple[str, ...]  # placements that need no engine, or that it cannot express, with the reason


def export(plan: Plan, engine: str, command: str = COMMAND) -> Exported:
    row = ENGINES[engine]
    module, _, name = row.target.partition(":")
    render: Render = getattr(importlib.import_module(module), name)
    files: dict[str, str] = {}
    left_out: list[str] = []
    for one in plan.placements:
        if one.chips is None or one.silicon is None:
            left_out.append(f"{one.workload} at {one.place}: calls to an API need no engine")
            continue
        try:
            label = named(one, files, row.suffix)
            files[label + row.suffix] = render(one, label, command)
        except UsageError as error:
            left_out.append(f"{one.workload} at {one.place}: {error.what}")
    return Exported(files=files, left_out=tuple(left_out))


def named(one: Placement, taken: Sequence[str] | dict[str, str], suffix: str) -> str:
    """A name every engine accepts: lower case, digits and hyphens, at most 53 characters, and not taken."""
    base = re.sub(r"[^a-z0-9]+", "-", f"{one.workload}-{one.place}".lower()).strip("-")[:50] or "placement"
    base = base if base[0].isalpha() else f"w-{base}"[:50]
    name, number = base, 1
    while name + suffix in taken:
        number += 1
        name = f"{base}-{number}"
    return name


def planned(one: Placement) -> str:
    """The first line of every file: what it is, without line breaks that could end a comment."""
    words = f"{one.workload} at {one.place}: {one.words}, {one.usd_per_hour:.2f} $/h as planned"
    return " ".join(words.split())


def cannot(engine: str, what: str) -> UsageError:
    return UsageError(
        f"{engine} cannot express {what}",
        why="the engine has no name for it",
        fix="place this workload elsewhere, or start it by hand",
        code="plan.cannot-export",
    )
