"""freehold align report"""

from __future__ import annotations

from pathlib import Path

import click

from freehold.cli.output import emit_json, json_option


@click.command()
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="[default: RUN/report.html]")
@json_option
def command(run: Path, out: Path | None, as_json: bool) -> None:
    """Write one self-contained HTML page about a run: curves, principles, samples, costs. Needs no torch."""
    from freehold.align.report import summary, write_report
    from freehold.watch.runlog import RunLog

    log = RunLog(run)
    path = write_report(log, out or run / "report.html")
    if as_json:
        emit_json("align-report/1", {"report": str(path), **summary(log)})
    else:
        click.echo(str(path))
