"""Tables and wrapped sentences for people. Programs read --json."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence

import click

WIDTH_PIPED = 160  # where no terminal says how wide it is


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> None:
    """A plain table on stdout; wide columns wrap at the terminal's edge, never cut."""
    from rich.console import Console
    from rich.table import Table

    made = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for number, name in enumerate(columns):
        made.add_column(name, overflow="fold", no_wrap=number == 0)
    for row in rows:
        made.add_row(*[_cell(value) for value in row])
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else WIDTH_PIPED
    Console(markup=False, highlight=False, emoji=False, width=width).print(made)


def _cell(value: object) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, tuple | list):
        return "\n".join(printable(str(item)) for item in value)
    return printable(str(value))


def printable(text: str) -> str:
    """Without control characters: a name from a file must not drive the terminal."""
    return "".join(char if char.isprintable() or char == "\n" else "\ufffd" for char in text)


def say(text: str) -> None:
    click.echo(printable(text))
