"""A ledger writer for a command that leaves evidence: one of its own, as a gateway may be running."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from freehold.ledger import Ledger


@contextmanager
def recording(suffix: str, config: str | None = None) -> Iterator[Ledger]:
    """The ledger that the settings describe, if there are any, under the writer's name and `suffix`."""
    import msgspec

    from freehold.cli.loading import ledger_database, ledger_settings
    from freehold.cli.up import state_folder
    from freehold.ledger import open_recorder

    settings = ledger_settings(config)
    settings = msgspec.structs.replace(settings, writer=f"{settings.writer}-{suffix}")
    recorder = open_recorder(settings, state_folder(), database=ledger_database(settings, config))
    try:
        yield recorder
    finally:
        recorder.close()
