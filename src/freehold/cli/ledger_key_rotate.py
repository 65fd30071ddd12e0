"""freehold ledger key rotate"""

from __future__ import annotations

import getpass
from pathlib import Path

import click
import msgspec

from freehold.cli.ledger_place import ledger_option, writer_place
from freehold.cli.loading import ledger_settings
from freehold.cli.output import config_option


@click.command()
@ledger_option
@click.option("--writer", default=None, metavar="NAME", help="Whose key.  [default: what freehold.toml says]")
@config_option
def command(path: Path | None, writer: str | None, config: str | None) -> None:
    """Hand the ledger over to a new key: the old key signs it, and both sign one checkpoint.

    Its writer must be stopped. The old key stays beside it as key-ID.pem; destroy it once it is not needed.
    """
    from freehold.ledger.rotate import rotate_file_key

    settings = ledger_settings(config)
    settings = msgspec.structs.replace(settings, writer=writer or settings.writer)
    place = writer_place(path, settings)
    rotation = rotate_file_key(place, settings, actor=getpass.getuser())
    click.echo(str(rotation.new))
    click.echo(f"{rotation.old} handed over at size {rotation.size}; both signed the checkpoint", err=True)
