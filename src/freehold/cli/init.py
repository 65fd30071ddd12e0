"""`freehold init`: write a commented freehold.toml to start from."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

import click

from freehold.cli.output import emit_json, json_option
from freehold.cli.starter import STARTER
from freehold.config.load import DEFAULT_NAME
from freehold.errors import InputError, RefusedError


@click.command()
@click.argument("path", default=DEFAULT_NAME, metavar="[PATH]")
@click.option("--force", is_flag=True, help="Replace a file that is already there.")
@click.option("--from-env", "from_env", is_flag=True, help="Homes for the vendor credentials that are set.")
@json_option
def command(path: str, force: bool, from_env: bool, as_json: bool) -> None:
    """Write a commented freehold.toml to start from. PATH may be a folder."""
    place = _file_of(Path(path))
    write_new(place, _from_environment() if from_env else STARTER, replace=force)
    if as_json:
        emit_json("init/1", {"path": str(place)})
    else:
        click.echo(f"wrote {place}; next: freehold check{'' if path == DEFAULT_NAME else f' -c {place}'}")


def _from_environment() -> str:
    from freehold.cli.from_env import estate_from
    from freehold.estate.catalog import load

    return estate_from(os.environ, load())


def _file_of(place: Path) -> Path:
    try:
        return place / DEFAULT_NAME if place.is_dir() else place
    except (OSError, ValueError):
        return place  # writing says what is wrong with it


def write_new(place: Path, text: str, *, replace: bool) -> None:
    """All of the file or none of it, even when two of us run at once or the disk is full."""
    try:
        if replace and place.exists() and not place.is_file():
            raise _refused(
                place, "it is not a regular file, and only files are replaced", "name another path"
            )
        handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name[:100]}.", suffix=".new")
        try:
            with open(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            if replace:
                Path(temporary).replace(place)
            else:
                os.link(temporary, place)  # fails where a file is already there; a rename would replace it
        finally:
            with contextlib.suppress(FileNotFoundError):  # renamed into place
                Path(temporary).unlink()
    except FileExistsError:
        raise _refused(
            place, "it would be replaced", "use --force to replace it, or name another path"
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(
            f"{str(place)!r} cannot be written",
            why=getattr(error, "strerror", None) or "the name is not one that a file can have",
            fix="check the folder and its permissions",
            code="cli.cannot-write",
        ) from None


def _refused(place: Path, why: str, fix: str) -> RefusedError:
    return RefusedError(f"{str(place)!r} is already there", why=why, fix=fix, code="cli.file-exists")
