"""`freehold config explain`: what each setting is for, and what it may be."""

from __future__ import annotations

import re

import click
import msgspec

from freehold.cli.output import emit_json, json_option
from freehold.cli.settings import section_types
from freehold.config import Setting, settings
from freehold.errors import UsageError, nearest


@click.command()
@click.argument("setting", required=False)
@json_option
def command(setting: str | None, as_json: bool) -> None:
    """Explain SETTING (such as gateway.port, homes.NAME.url or all of gateway), or every setting."""
    every = settings(section_types())
    found = every if setting is None else matching(setting, every)
    if as_json:
        emit_json("config-explain/1", [msgspec.to_builtins(one) for one in found])
        return
    click.echo("\n\n".join(render(one) for one in found))


def matching(asked: str, every: list[Setting]) -> list[Setting]:
    """The settings at or below what was asked. Any name does where the reference says NAME."""
    found = [one for one in every if _pattern(one.path, asked)]
    if found:
        return found
    known = [one.path for one in every]
    close = nearest(asked, [*known, *{path.partition(".")[0] for path in known}])
    raise UsageError(
        f"{asked!r} is not a setting",
        why=f"the closest is {close!r}" if close else "no setting is called that",
        fix=f"freehold config explain {close or ''}".rstrip(),
        code="config.unknown-setting",
    )


def render(one: Setting) -> str:
    default = "required" if one.required else f"default {one.default}"
    lines = [f"{one.path}  ({one.type}, {default})", f"  {one.description}"]
    if one.allowed:
        lines.append(f"  allowed: {one.allowed}")
    return "\n".join(lines)


def _pattern(path: str, asked: str) -> bool:
    words = [re.sub(r"\[\d*\]$", "", word) for word in asked.split(".")]
    known = [word.removesuffix("[]") for word in path.split(".")]
    if len(words) > len(known):
        return False
    return all(mine == theirs or theirs == "NAME" for mine, theirs in zip(words, known, strict=False))
