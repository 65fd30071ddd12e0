"""How every command prints: data to stdout, everything else to stderr, JSON in one envelope."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click
import msgspec

from freehold.errors import EXIT_INTERRUPTED, FreeholdError, ProblemsError

F = TypeVar("F", bound=Callable[..., Any])


def config_option(command: F) -> F:
    return click.option(
        "-c",
        "--config",
        "config",
        default=None,
        metavar="FILE",
        help="The estate file.  [default: ./freehold.toml]",
    )(command)


def json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")(command)


def emit_json(schema: str, data: object) -> None:
    """Print {"schema": "freehold.map/1", "data": ...}."""
    body = msgspec.json.encode({"schema": f"freehold.{schema}", "data": data})
    click.echo(msgspec.json.format(body, indent=2).decode())


def program() -> str:
    """How this program is called here: by its name where that is on the PATH, else as it just was."""
    called = sys.argv[0]
    return called if shutil.which("freehold") is None and called.endswith("/freehold") else "freehold"


def fail(error: FreeholdError, *, as_json: bool = False) -> int:
    """Print one error for a person (stderr) and, when asked, for a program (stdout); return the exit code."""
    if as_json:
        problems = error.problems if isinstance(error, ProblemsError) else ()
        emit_json(
            "error/1",
            {
                "code": error.code, "what": error.what, "why": error.why, "fix": error.fix,
                "problems": [msgspec.to_builtins(problem) for problem in problems],
            },
        )  # fmt: skip
    click.echo(error.render(), err=True)
    return error.exit_code


def interrupted() -> int:
    click.echo("interrupted; nothing is left half-done", err=True)
    return EXIT_INTERRUPTED


def person_watching() -> bool:
    """Is stderr a terminal that wants progress bars?"""
    return sys.stderr.isatty() and "CI" not in os.environ
