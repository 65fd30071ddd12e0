"""Where ledger commands find the ledger: a path on the command line, else what the settings say."""

from __future__ import annotations

from pathlib import Path

import click

from freehold.cli.loading import ledger_database, ledger_settings
from freehold.cli.up import state_folder
from freehold.errors import InputError
from freehold.ledger.files import FileReader
from freehold.ledger.layout import Layout, writer_folder, writers_in
from freehold.ledger.note import Verifier
from freehold.ledger.settings import LedgerSettings
from freehold.ledger.store import Reader

VERIFIER_FILE_BYTES_MAX = 65536

path_argument = click.argument("path", required=False, type=click.Path(path_type=Path), metavar="[PATH]")
ledger_option = click.option(
    "--ledger", "path", default=None, type=click.Path(path_type=Path), metavar="PATH",
    help="The ledger's folder.  [default: what freehold.toml says, else $FREEHOLD_HOME/ledger]",
)  # fmt: skip
key_option = click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="KEY",
    help="A verifier key you trust, or a file with one on each line.",
)


def ledger_root(path: Path | None, config: str | None = None) -> Path:
    if path is not None:
        return path
    settings = ledger_settings(config)
    return Path(settings.path) if settings.path else state_folder() / "ledger"


def writer_place(path: Path | None, settings: LedgerSettings) -> Path:
    """One writer's folder."""
    if path is not None and Layout(path).exists:
        return path
    root = path or (Path(settings.path) if settings.path else state_folder() / "ledger")
    return writer_folder(root, settings.writer)


def open_readers(path: Path | None, config: str | None = None) -> list[Reader]:
    """One reader per writer; a ledger without any is an error."""
    if path is None and (settings := ledger_settings(config)).store == "postgres":
        return database_readers(settings, config)
    return [*folder_readers(path, config)]


def database_readers(settings: LedgerSettings, config: str | None) -> list[Reader]:
    from freehold.ledger.postgres import PostgresReader, origins

    database = ledger_database(settings, config) or ""
    found = origins(database)
    if not found:
        raise InputError(
            "the database holds no ledger",
            why="no writer has opened one in it",
            fix="start freehold up once, or correct [ledger] database",
            code="ledger.not-a-ledger",
        )
    return [PostgresReader(database, origin) for origin in found]


def folder_readers(path: Path | None, config: str | None = None) -> list[FileReader]:
    """One reader per writer's folder."""
    root = ledger_root(path, config)
    readers = [FileReader(folder) for folder in writers_in(root)]
    return readers or [FileReader(root)]


def reader_for(path: Path | None, config: str | None, name: str) -> tuple[Reader, str]:
    """The reader and the id that a receipt's name (WRITER/ID, or ID alone) means."""
    writer, _, id = name.rpartition("/")
    readers = [one for one in open_readers(path, config) if writer in ("", one.writer)]
    if not readers:
        raise InputError(
            f"the ledger has no writer {writer!r}",
            why=f"the receipt's name is {name!r}",
            fix="pass the ledger that the receipt came from with --ledger",
            code="ledger.unknown-record",
        )
    for reader in readers:
        if len(readers) == 1 or reader.find(id) is not None:
            return reader, id
    return readers[0], id


def read_keys(texts: tuple[str, ...]) -> list[Verifier]:
    """Verifier keys given as text, or as files with one on each line."""
    return [Verifier.parse(line) for text in texts for line in _key_lines(text)]


def _key_lines(text: str) -> list[str]:
    path = Path(text)
    if "+" in text and not path.is_file():
        return [text]
    try:
        with path.open() as file:
            return file.read(VERIFIER_FILE_BYTES_MAX).split() or [""]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{text!r} is neither a verifier key nor a file with one",
            why=getattr(error, "strerror", None) or "it cannot be read",
            fix="pass the line that freehold ledger key show prints, or a file that holds it",
            code="ledger.verifier-key",
        ) from error


def read_file(path: Path, limit_bytes: int, what: str) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit_bytes + 1)
    except OSError as error:
        raise InputError(
            f"{what} {path} cannot be read", why=error.strerror or "", fix="check the path",
            code="ledger.unreadable-file",
        ) from error  # fmt: skip
    if len(data) > limit_bytes:
        raise InputError(
            f"{what} {path} is too large", why=f"the most is {limit_bytes} bytes", fix="check the path",
            code="ledger.unreadable-file",
        )  # fmt: skip
    return data
