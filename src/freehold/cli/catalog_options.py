"""What the catalog commands share: which catalog they look at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from freehold.estate.catalog import Catalog

F = TypeVar("F", bound=Callable[..., Any])


def catalog_option(command: F) -> F:
    return click.option(
        "--catalog", metavar="FILE", help="A catalog file of your own, laid over the one in the package."
    )(command)


def chosen_catalog(path: str | None) -> Catalog:
    """The catalog, refused whole if anything in the user's own file cannot be true."""
    from freehold.estate.catalog.check import checked

    return checked(None if path is None else Path(path))
