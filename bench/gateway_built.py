"""Which Freehold is measured: one with a compiled data plane where such an environment is, else interpreted.

FREEHOLD_BENCH_COMPILED names that environment's Python; without it .venv-compiled is taken, if it is there
(make env-compiled). An environment is asked what it is: one that imports no library, or was built from other
sources than these, is left out.
"""

from __future__ import annotations

import filecmp
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

from bench.harness import ROOT

NAMED = os.environ.get("FREEHOLD_BENCH_COMPILED")
_COMPILED = Path(NAMED or ROOT / ".venv-compiled" / "bin" / "python")
INTERPRETED = sys.executable
PYTHON = str(_COMPILED) if NAMED or _COMPILED.exists() else INTERPRETED
SOURCES = ROOT / "src" / "freehold"

_ASK = """
import freehold, platform, sys
from bench.harness import build_flags
from freehold.cli.built import data_plane
print(data_plane(), freehold.__path__[0], f"Python {platform.python_version()} ({build_flags()})", sep="\\n")
"""


class Built(NamedTuple):
    """What an environment says of itself."""

    data_plane: str  # compiled or interpreted
    package: Path
    python: str


def variables(python: str) -> dict[str, str]:
    """A path to the sources would be taken before what is installed."""
    return {} if python == INTERPRETED else {"PYTHONPATH": ""}


@cache
def built(python: str) -> Built | None:
    """None: there is no Freehold that answers."""
    try:
        asked = subprocess.run(
            [python, "-c", _ASK], cwd=ROOT, env={**os.environ, **variables(python)}, capture_output=True,
            text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return None
    data_plane, package, name = asked.stdout.splitlines()
    return Built(data_plane, Path(package), name)


def why_not(python: str) -> str:
    """Why this environment's Freehold is not what its contenders are said to be; empty if it is."""
    found = built(python)
    if found is None:
        return "its Python has no Freehold that says how it was built (make env-compiled)"
    wanted = "compiled" if python == PYTHON else "interpreted"
    if PYTHON != INTERPRETED and found.data_plane != wanted:
        return f"its data plane is {found.data_plane}"
    changed = differing(found.package)
    return f"it is not of these sources, {changed} differs (make env-compiled)" if changed else ""


def differing(package: Path, sources: Path = SOURCES) -> str:
    """The first source file that an installed package has not, or has otherwise."""
    names = sorted(path.relative_to(sources).as_posix() for path in sources.rglob("*.py"))
    _, wrong, absent = filecmp.cmpfiles(sources, package, names, shallow=False)
    return next(iter(sorted([*wrong, *absent])), "")


def notes() -> tuple[str, ...]:
    """For the page: which Freehold was measured."""
    names = {PYTHON: "freehold in all its forms"}
    if PYTHON != INTERPRETED:
        names[INTERPRETED] = "freehold interpreted"
    asked = ((who, built(python)) for python, who in names.items())
    return tuple(f"{who}: {found.data_plane} data plane, {found.python}" for who, found in asked if found)
