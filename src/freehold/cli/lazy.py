"""A click group that knows its commands by name and imports one only when it is used."""

from __future__ import annotations

import importlib

import click

from freehold.cli.table import COMMANDS, GROUPS
from freehold.errors import nearest


class LazyGroup(click.Group):
    """Reads the command table; `prefix` is the group's own words."""

    def __init__(self, *args: object, prefix: str = "", **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # click's own keyword arguments
        self.prefix = prefix

    def _children(self) -> dict[str, str]:
        """Name -> one line of help, in the table's order."""
        depth = len(self.prefix.split())
        found: dict[str, str] = {}
        for row in COMMANDS:
            words = row.words.split()
            if " ".join(words[:depth]) != self.prefix or len(words) <= depth:
                continue
            name = words[depth]
            leaf = len(words) == depth + 1
            found.setdefault(name, row.help if leaf else GROUPS[" ".join(words[: depth + 1])])
        return found

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._children())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        words = f"{self.prefix} {cmd_name}".strip()
        if words in GROUPS:
            return LazyGroup(name=cmd_name, prefix=words, help=GROUPS[words], no_args_is_help=True)
        for row in COMMANDS:
            if row.words == words:
                module, _, attribute = row.target.partition(":")
                command: click.Command = getattr(importlib.import_module(module), attribute)
                command.name = cmd_name
                return command
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            close = nearest(args[0], self._children())
            if close is not None and close != args[0]:
                raise click.UsageError(f"{error.message} Did you mean {close!r}?", ctx=ctx) from None
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = list(self._children().items())
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)
