"""Compile the data plane into the wheel, where that is asked for:  FREEHOLD_COMPILE=1 pip wheel --no-deps .

mypyc, which comes with mypy, turns the modules that pyproject.toml lists under [tool.freehold.compiled] into
machine code. The source stays what it is, and goes into the wheel as well, for tracebacks and for reading;
Python imports a library before the source beside it. Without FREEHOLD_COMPILE, and for an editable install
always, nothing is compiled and nothing more is needed. Everything is built in a temporary folder, so that no
library is left in the source tree to be imported in place of a source that has since been edited.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import sysconfig
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SWITCH = "FREEHOLD_COMPILE"
# The library that the compiled modules share is called after it, and lies beside the package.
GROUP = "freehold"


class CompiledDataPlane(BuildHookInterface[Any]):
    PLUGIN_NAME = "custom"
    built: tempfile.TemporaryDirectory[str] | None = None

    def dependencies(self) -> list[str]:
        """The compiler, and what the modules import: mypyc reads the types of it."""
        if not wanted():
            return []
        return ["mypy[mypyc]>=2.4", *self.metadata.core.dependencies]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable" or not wanted():
            return
        lacks = lacking()
        if lacks:
            self.app.abort(lacks)
        self.built = tempfile.TemporaryDirectory(prefix="freehold-compile-")
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        build_data["force_include"].update(compile_all(Path(self.root), Path(self.built.name)))

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if self.built is not None:
            self.built.cleanup()


def wanted() -> bool:
    said = os.environ.get(SWITCH, "")
    if said not in ("", "0", "1"):
        raise ValueError(f"{SWITCH} is {said!r}; 1 compiles the data plane, 0 or nothing leaves it as it is")
    return said == "1"


def lacking() -> str:
    """What this machine lacks to compile, as what, why and fix; empty if nothing."""
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
    header = Path(sysconfig.get_path("include")) / "Python.h"
    whys = []
    if shutil.which(compiler) is None:
        whys.append(f"there is no C compiler {compiler!r} on PATH")
    if not header.is_file():
        whys.append(f"there is no {header}")
    if not whys:
        return ""
    return (
        f"error: {SWITCH}=1 asks for a compiled data plane, which cannot be compiled here\n"
        f"  why: {' and '.join(whys)}\n"
        "  fix: install a compiler and Python's headers (Debian: apt-get install gcc libc6-dev python3-dev), "
        f"or build without {SWITCH}: the same code, interpreted"
    )


def compiled_modules(root: Path) -> list[str]:
    with (root / "pyproject.toml").open("rb") as file:
        listed: list[str] = tomllib.load(file)["tool"]["freehold"]["compiled"]["modules"]
    return listed


def compile_all(root: Path, folder: Path) -> dict[str, str]:
    """Library -> its place in the wheel. Paths are given from src/ on, because tracebacks show them."""
    from mypyc.build import mypycify
    from setuptools import Distribution
    from setuptools.command.build_ext import build_ext

    paths = [f"{module.replace('.', '/')}.py" for module in compiled_modules(root)]
    options = ["--config-file", str(root / "pyproject.toml"), "--cache-dir", str(folder / "types")]
    with contextlib.chdir(root / "src"), environment("MYPYPATH", str(root / "src")):
        extensions = mypycify(
            [*options, *paths], opt_level="2", debug_level="0", group_name=GROUP, target_dir=str(folder / "c")
        )
        for extension in extensions:
            # A warning of a compiler that we have not met is no reason to fail.
            words = extension.extra_compile_args
            extension.extra_compile_args = [word for word in words if word != "-Werror"]
        command = build_ext(Distribution({"name": GROUP, "ext_modules": extensions}))
        command.build_lib, command.build_temp = str(folder / "lib"), str(folder / "obj")
        command.parallel = os.cpu_count()
        command.ensure_finalized()
        command.run()
    lib = folder / "lib"
    return {str(path): path.relative_to(lib).as_posix() for path in sorted(lib.rglob("*")) if path.is_file()}


@contextlib.contextmanager
def environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
