"""freehold ledger archive"""

from __future__ import annotations

from pathlib import Path

import click

from freehold.cli.ledger_place import folder_readers, ledger_option
from freehold.cli.output import config_option, emit_json, json_option


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--keep", default=1, show_default=True, type=click.IntRange(1, 1_000_000),
              help="Segments to keep, the newest.")  # fmt: skip
@ledger_option
@config_option
@json_option
def command(folder: Path, keep: int, path: Path | None, config: str | None, as_json: bool) -> None:
    """Move old segments away. Their hashes stay, so every proof still holds."""
    import msgspec

    from freehold.ledger.archive import archive

    moved = {}
    readers = folder_readers(path, config)
    for reader in readers:
        target = folder if len(readers) == 1 else folder / reader.writer
        moved[reader.writer] = archive(reader, target, keep_segments=keep)
    if as_json:
        emit_json("ledger-archive/1", msgspec.to_builtins(moved))
        return
    for writer, segments in moved.items():
        records = sum(one.count for one in segments)
        click.echo(f"{writer}: moved {len(segments)} segments with {records} records")
