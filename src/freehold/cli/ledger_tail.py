"""freehold ledger tail"""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from freehold.cli.ledger_filters import aligned, filter_options, filters_from, words_of
from freehold.cli.ledger_place import ledger_option, open_readers
from freehold.cli.output import config_option

POLL_S = 0.5


@click.command()
@filter_options
@click.option("-n", "--lines", type=click.IntRange(0, 100_000), default=10, show_default=True,
              help="So many of the latest records.")  # fmt: skip
@click.option("-f", "--follow", is_flag=True, help="Go on as records come.")
@ledger_option
@config_option
def command(lines: int, follow: bool, path: Path | None, config: str | None, **options: Any) -> None:
    """Print the latest records, one line each."""
    from freehold.clock import SystemClock
    from freehold.ledger import query
    from freehold.ledger.index import readable

    filters = filters_from(options, SystemClock().now_ns())
    readers = open_readers(path, config)
    sizes = {reader.origin: reader.size() for reader in readers}
    latest = []
    for reader in readers:
        with closing(reader.searchable()) as database:
            latest += list(query.matching(database, filters, lines)) if lines else []
    if latest:
        newest = sorted(latest, key=lambda facts: facts.time_ns)[-lines:]
        click.echo(aligned([words_of(facts) for facts in newest]))
    while follow:
        for reader in readers:
            size, seen = reader.size(), sizes[reader.origin]
            for seq, leaf in enumerate(reader.leaves(seen, size) if size > seen else (), seen):
                if query.matches(readable(seq, leaf), filters):
                    click.echo("  ".join(words_of(readable(seq, leaf))))
            sizes[reader.origin] = max(size, seen)
        threading.Event().wait(POLL_S)
