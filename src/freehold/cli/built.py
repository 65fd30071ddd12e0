"""How the data plane was built: the same code is compiled in some wheels and interpreted everywhere else."""

from __future__ import annotations

from importlib.machinery import ExtensionFileLoader, PathFinder
from pathlib import Path

import click

import freehold

MODULE = "freehold.gateway.call"


def data_plane(package: Path = Path(freehold.__file__).parent) -> str:
    """What an import of a call's module would load, without loading it: "compiled" or "interpreted"."""
    found = PathFinder.find_spec(MODULE, [str(package / "gateway")])
    compiled = found is not None and isinstance(found.loader, ExtensionFileLoader)
    return "compiled" if compiled else "interpreted"


def print_version(context: click.Context, option: click.Parameter, asked: bool) -> None:
    if asked:
        click.echo(f"freehold {freehold.__version__} (data plane: {data_plane()})")
        context.exit()
