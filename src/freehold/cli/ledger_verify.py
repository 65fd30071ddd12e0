"""freehold ledger verify"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from freehold.cli.ledger_place import key_option, open_readers, path_argument, read_file, read_keys
from freehold.cli.output import config_option, emit_json, json_option, person_watching
from freehold.errors import EXIT_INTEGRITY, EXIT_OK

if TYPE_CHECKING:
    from freehold.ledger.verify import Report


@click.command()
@path_argument
@key_option
@click.option(
    "--checkpoint", "earlier", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
    help="A checkpoint you kept: it must be a prefix of the ledger. May be given several times.",
)  # fmt: skip
@click.option(
    "--archive", type=click.Path(path_type=Path), metavar="DIR", help="Where archived segments are."
)
@click.option("--jobs", type=click.IntRange(1, 256), default=None, help="Processes.  [default: one per core]")
@config_option
@json_option
def command(
    path: Path | None, keys: tuple[str, ...], earlier: tuple[Path, ...], archive: Path | None,
    jobs: int | None, config: str | None, as_json: bool,
) -> int:  # fmt: skip
    """Verify the whole ledger offline; name the first bad record."""
    import msgspec

    from freehold.ledger.note import NOTE_BYTES_MAX
    from freehold.ledger.verify import verify_together

    notes = [read_file(one, NOTE_BYTES_MAX, "the checkpoint").decode(errors="replace") for one in earlier]
    readers = open_readers(path, config)
    with click.progressbar(
        length=sum(reader.size() for reader in readers), label="verifying", hidden=not person_watching(),
    ) as bar:  # fmt: skip
        reports = verify_together(
            readers, read_keys(keys) or None, earlier=notes, archive=archive, jobs=jobs,
            progress=bar.update,
        )  # fmt: skip
    if as_json:
        emit_json("ledger-verify/1", {"writers": [msgspec.to_builtins(report) for report in reports]})
    for report in reports if not as_json else ():
        for finding in report.findings:
            click.echo(f"{report.origin}: {finding.kind}: {finding.what}")
        if report.holds:
            click.echo(_good(report))
    if not keys and not as_json:
        click.echo("trusted the key that lies beside the ledger; pass --key to trust only yours", err=True)
    return EXIT_OK if all(report.holds for report in reports) else EXIT_INTEGRITY


def _good(report: Report) -> str:
    words = [f"{report.origin}: {report.records} records hold"]
    if report.records > report.covered:
        words.append(f"{report.records - report.covered} not yet under a checkpoint")
    if report.archived:
        words.append(f"{report.archived} archived and checked by their hashes")
    if report.torn_bytes:
        words.append(f"{report.torn_bytes} bytes of an unfinished write after them")
    return f"{', '.join(words)}; signed by {report.signed_by or 'nobody yet'}"
