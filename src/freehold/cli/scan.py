"""freehold scan"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from freehold import __version__
from freehold.cli.output import emit_json, json_option, person_watching
from freehold.errors import EXIT_FINDING, EXIT_OK, RefusedError, UnavailableError

if TYPE_CHECKING:
    from freehold.estate.scan.report import Dependency, Report
    from freehold.estate.scan.scan import Progress

SITES_SHOWN = 4


@click.command()
@click.argument("path", default=".", metavar="[PATH]")
@json_option
@click.option("--write", "write", metavar="FILE", help="Write a draft of freehold.toml there.")
@click.option("--sarif", "sarif_file", metavar="FILE", help="Write the findings as SARIF; - is stdout.")
@click.option("--force", is_flag=True, help="Let --write replace a file.")
@click.option("--all", "every", is_flag=True, help="Show every place, and every file that was passed over.")
@click.option("--fail-on-credentials", is_flag=True, help="Exit 1 if something looks like a live key.")
def command(
    path: str,
    as_json: bool,
    write: str | None,
    sarif_file: str | None,
    force: bool,
    every: bool,
    fail_on_credentials: bool,
) -> int:
    """Find the AI dependencies of a code base: which models, whose silicon, which regions, and where it
    says so.

    Reads code and configuration below PATH. Runs nothing, imports nothing, fetches nothing.
    """
    from freehold.estate.scan import scan

    with _progress() as told:
        report = scan(Path(path), progress=told)
    if write is not None:
        from freehold.estate.scan.draft import draft

        _write(Path(write), draft(report), force=force)
    if sarif_file is not None:
        from freehold.estate.scan.sarif import sarif

        text = msgspec.json.format(msgspec.json.encode(sarif(report, __version__)), indent=2).decode() + "\n"
        if sarif_file == "-":
            click.echo(text, nl=False)
        else:
            _write(Path(sarif_file), text, force=True)
    if as_json:
        emit_json(
            "scan/1",
            {**msgspec.to_builtins(report), "dependencies": msgspec.to_builtins(report.dependencies())},
        )
    elif sarif_file != "-":
        _print(report, every=every)
        if write is not None:
            click.echo(f"\nwrote {write}; next: freehold map -c {write}")
    return EXIT_FINDING if fail_on_credentials and report.credentials else EXIT_OK


@contextmanager
def _progress() -> Iterator[Progress | None]:
    if not person_watching():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("reading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _write(path: Path, text: str, *, force: bool) -> None:
    """All of it or nothing; a file that is there is not replaced unasked."""
    if path.exists() and not force:
        raise RefusedError(
            f"{path} is there already",
            why="scan does not replace a file that somebody may have corrected",
            fix="name another file, or say --force",
            code="scan.file-exists",
        )
    try:
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, prefix=".freehold-", delete=False, encoding="utf-8"
        ) as file:
            file.write(text)
        Path(file.name).replace(path)
    except OSError as error:
        raise UnavailableError(
            f"{path} cannot be written",
            why=error.strerror or "",
            fix="name a place that can",
            code="scan.unwritable",
        ) from error


def _print(report: Report, *, every: bool) -> None:
    dependencies = report.dependencies()
    if not dependencies:
        click.echo(
            f"No AI dependency found in {report.files_seen} entries ({report.files_read} speak of models)."
        )
    for dependency in dependencies:
        click.echo(_line(dependency))
        shown = dependency.sites if every else dependency.sites[:SITES_SHOWN]
        for site in shown:
            model = f"  {site.model}" if site.model else ""
            click.echo(f"    {site.file}:{site.line}  {site.state}: {site.what}{model}")
        if len(dependency.sites) > len(shown):
            click.echo(f"    ... and {len(dependency.sites) - len(shown)} more places (--all shows them)")
    _print_rest(report, every=every)


def _line(dependency: Dependency) -> str:
    vendor = {"self": "your own machines", "unknown": "an operator the code does not name"}.get(
        dependency.vendor, dependency.vendor
    )
    regions = ", ".join(dependency.regions) or "region not said"
    models = ", ".join(dependency.models[:4]) or "model not said"
    return f"{dependency.state:10}  {vendor} through {dependency.api}  [{regions}]  {models}"


def _print_rest(report: Report, *, every: bool) -> None:
    if report.unresolved:
        click.echo(f"\nnot resolved ({len(report.unresolved)}):")
        for one in report.unresolved if every else report.unresolved[:10]:
            click.echo(f"    {one.file}:{one.line}  {one.what}: {one.why}")
    if report.credentials:
        click.echo(f"\nlooks like live keys ({len(report.credentials)}):")
        for found in report.credentials:
            click.echo(f"    {found.file}:{found.line}  {found.kind}: {found.masked}")
    if report.skipped:
        click.echo(
            f"\npassed over: {len(report.skipped)} files or folders"
            + ("" if every else " (--all says which)")
        )
        for skip in report.skipped if every else ():
            click.echo(f"    {skip.path}: {skip.why}")
