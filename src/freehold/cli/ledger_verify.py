"""freehold ledger verify"""

from __future__ import annotations

from pathlib import Path

import click

from freehold.cli.ledger_place import key_option, open_readers, path_argument, read_file, read_keys
from freehold.cli.output import config_option, emit_json, json_option, person_watching
from freehold.errors import EXIT_INTEGRITY, EXIT_OK


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
            progress=lambda done, _: bar.update(done - bar.pos),
        )  # fmt: skip
    if as_json:
        emit_json("ledger-verify/1", {"writers": [msgspec.to_builtins(report) for report in reports]})
    for report in reports if not as_json else ():
        for finding in report.findings:
            click.echo(f"{report.origin}: {finding.kind}: {finding.what}")
        if report.holds:
            click.echo(
                _good(report.origin, report.records, report.covered, report.archived, report.signed_by)
            )
    if not keys and not as_json:
        click.echo("trusted the key that lies beside the ledger; pass --key to trust only yours", err=True)
    return EXIT_OK if all(report.holds for report in reports) else EXIT_INTEGRITY


def _good(origin: str, records: int, covered: int, archived: int, signed_by: str) -> str:
    rest = f", {records - covered} not yet under a checkpoint" if records > covered else ""
    away = f", {archived} archived and checked by their hashes" if archived else ""
    return f"{origin}: {records} records hold{rest}{away}; signed by {signed_by or 'nobody yet'}"
