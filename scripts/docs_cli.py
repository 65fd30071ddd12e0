"""Write docs/reference/cli.md from the commands' own help: `make docs`. A test holds the page to the code."""

from __future__ import annotations

from pathlib import Path

import click

from freehold.cli.main import cli
from freehold.cli.table import COMMANDS, GROUPS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "cli.md"
WIDTH = 100

INTRO = """# Commands

Written from the commands' own help by `make docs`; do not edit by hand. Data goes to stdout and everything
else to stderr; `--json` prints `{"schema": "freehold.NAME/1", "data": ...}`. Exit codes are in
[errors](errors.md#exit-codes). `NO_COLOR` is honoured.

| command | what it is for |
|---|---|
"""


def context(words: str) -> click.Context:
    """The context a command would run in, from the root group down."""
    current = click.Context(
        cli,
        info_name="freehold",
        terminal_width=WIDTH,
        max_content_width=WIDTH,
        help_option_names=["-h", "--help"],
    )
    command: click.Command = cli
    for word in words.split():
        assert isinstance(command, click.Group)
        found = command.get_command(current, word)
        assert found is not None, words
        command = found
        command._help_option = None  # click keeps the one of whoever asked first, with its names
        current = click.Context(
            command, info_name=word, parent=current, terminal_width=WIDTH, max_content_width=WIDTH
        )
    return current


def help_of(words: str) -> str:
    current = context(words)
    lines = (line.rstrip() for line in current.command.get_help(current).splitlines())
    return "\n".join(lines).strip()


def section(words: str) -> str:
    return f"## freehold {words}".rstrip() + f"\n\n```text\n{help_of(words)}\n```\n"


def page() -> str:
    table = "".join(f"| [`freehold {row.words}`]({anchor(row.words)}) | {row.help} |\n" for row in COMMANDS)
    names = ["", *sorted([*GROUPS, *(row.words for row in COMMANDS)])]
    return INTRO + table + "\n" + "\n".join(section(name) for name in names)


def anchor(words: str) -> str:
    return "#freehold-" + words.replace(" ", "-")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
