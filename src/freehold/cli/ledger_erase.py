"""freehold ledger erase"""

from __future__ import annotations

from pathlib import Path

import click

from freehold.cli.ledger_place import ledger_option, ledger_root
from freehold.cli.output import config_option
from freehold.errors import UsageError


@click.command()
@click.argument("tenant")
@click.option("--yes", is_flag=True, help="Do it: there is no way back.")
@ledger_option
@config_option
def command(tenant: str, yes: bool, path: Path | None, config: str | None) -> None:
    """Erase everything that was said by a tenant: destroy the key that it was sealed under.

    Records, proofs and totals stay; the content can never be read again.
    """
    from freehold.ledger.content import FileContentKeys
    from freehold.ledger.opening import CONTENT_KEYS

    folder = ledger_root(path, config) / CONTENT_KEYS
    if not yes:
        raise UsageError(
            f"the content key of {tenant!r} was not destroyed", why="there is no way back", fix="add --yes",
            code="ledger.not-confirmed",
        )  # fmt: skip
    FileContentKeys(folder).destroy(tenant)
    click.echo(f"destroyed the content key of {tenant!r} in {folder}")
