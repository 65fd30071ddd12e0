"""freehold ledger export"""

from __future__ import annotations

from pathlib import Path

import click

from freehold.cli.ledger_place import ledger_option, open_readers
from freehold.cli.output import config_option, emit_json, json_option, person_watching


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@ledger_option
@config_option
@json_option
def command(folder: Path, path: Path | None, config: str | None, as_json: bool) -> None:
    """Write tiles and checkpoint (C2SP tlog-tiles) that any web server can hand out.

    The records themselves are among them. Run it again to add what is new.
    """
    import msgspec

    from freehold.ledger.export import export

    readers, done = open_readers(path, config), []
    for reader in readers:
        target = folder if len(readers) == 1 else folder / reader.writer
        label, hidden = reader.writer, not person_watching()
        with click.progressbar(length=reader.size(), label=label, hidden=hidden) as bar:
            done.append(export(reader, target, bar.update))
    if as_json:
        emit_json("ledger-export/1", {"writers": [msgspec.to_builtins(one) for one in done]})
        return
    for one in done:
        missing = f"; entries before {one.archived} are archived and not here" if one.archived else ""
        click.echo(f"{one.origin}: {one.size} records, {one.tiles_written} tiles written{missing}")
