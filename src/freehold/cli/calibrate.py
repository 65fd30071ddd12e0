"""freehold calibrate"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from freehold.cli.ledger_place import ledger_option
from freehold.cli.output import config_option, emit_json, json_option
from freehold.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from freehold.estate.model import Estate
    from freehold.plan.perf.evidence import Measurement
    from freehold.plan.perf.observed import Behind
    from freehold.plan.settings import PlanSettings
    from freehold.types.records import AnyRecord


@click.command()
@config_option
@json_option
@ledger_option
@click.option("--since", help="Only records from then: a time (2026-11-20T10:00) or how long ago (7d).")
@click.option("--records", metavar="FILE", help="Records as JSON lines, instead of the ledger.")
@click.option("--probe", "probed", metavar="HOME", help="Ask this home a few times, now, and measure.")
@click.option(
    "--at-once", default=8, show_default=True, type=click.IntRange(1, 256), help="Requests of a probe."
)
@click.option("--file", metavar="FILE", help="Measurements as JSON, made elsewhere.")
@click.option("--dry-run", is_flag=True, help="Say what was measured, and keep nothing.")
def command(
    config: str | None,
    as_json: bool,
    path: Path | None,
    since: str | None,
    records: str | None,
    probed: str | None,
    at_once: int,
    file: str | None,
    dry_run: bool,
) -> None:
    """Correct the predictions by what was measured here: from the ledger, a probe, or a file.

    Which silicon stands behind a home is taken from the estate: silicon, chips, and plan.work or its model.
    """
    from freehold.cli.up import state_folder
    from freehold.plan.perf.evidence import keep_measurements, load_measurements

    if file is not None:
        found = load_measurements(Path(file))
    elif probed is not None:
        found = [_probed(config, probed, at_once)]
    else:
        found = _observed(config, path, since, records)
    kept = state_folder() / "measurements.json"
    if found and not dry_run:
        keep_measurements(kept, merged(load_measurements(kept), found))
    if as_json:
        emit_json("calibrate/1", {"measurements": found, "kept": bool(found) and not dry_run})
    else:
        _say(found)


def _say(found: list[Measurement]) -> None:
    for one in found:
        click.echo(
            f"{one.silicon} x{one.chips}, {one.model}, {one.work.kind}: "
            f"{one.tokens_per_s:,.1f} tokens/s ({one.source})"
        )
    if not found:
        click.echo("nothing was measured: no home with known silicon, chips and model has enough records")


def merged(kept: list[Measurement], found: list[Measurement]) -> list[Measurement]:
    """The same evidence read again replaces what was made of it before; it does not count twice."""
    again = {(one.records_of, one.work.kind) for one in found if one.records_of}
    return [*(one for one in kept if (one.records_of, one.work.kind) not in again), *found]


def _observed(
    config: str | None, path: Path | None, since: str | None, records: str | None
) -> list[Measurement]:
    """From the records of the ledger, or of a file."""
    from freehold.cli.loading import load_settings
    from freehold.estate.build import build_estate
    from freehold.plan.perf.observed import observed

    loaded = load_settings(config)
    behind = _behind(build_estate(loaded), loaded.sections["plan"])
    if records is not None:
        return observed(_lines(Path(records)), behind)
    from freehold.cli.ledger_filters import moment
    from freehold.cli.ledger_place import open_readers
    from freehold.clock import SystemClock
    from freehold.plan.perf.from_ledger import ledgered

    readers = open_readers(path, config)
    try:
        return observed(ledgered(readers, behind, moment(since, SystemClock().now_ns())), behind)
    finally:
        for reader in readers:
            reader.close()


def _behind(estate: Estate, settings: PlanSettings) -> dict[str, Behind]:
    """What stands behind each home whose silicon, chips and model are known."""
    from freehold.plan.perf.observed import Behind

    found: dict[str, Behind] = {}
    for home in estate.homes.values():
        works = [
            (settings.work[workload.id].model, settings.work[workload.id].precision)
            for workload in estate.workloads.values()
            if home.id in workload.homes and workload.id in settings.work
        ]
        model, precision = works[0] if works else (None, "bf16")
        name = model or home.model
        if home.silicon is not None and home.chips is not None and name is not None:
            found[home.id] = Behind(silicon=home.silicon, chips=home.chips, model=name, precision=precision)
    return found


def _lines(path: Path) -> Iterator[AnyRecord]:
    import msgspec

    from freehold.types.records import AnyRecord

    decoder = msgspec.json.Decoder(AnyRecord)
    try:
        with path.open("rb") as lines:
            yield from (decoder.decode(line) for line in lines if line.strip())
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(
            f"the records {str(path)!r} cannot be read",
            why=str(error),
            fix="give --records a file of records, one as JSON on each line",
            code="plan.bad-records",
        ) from error


def _probed(config: str | None, name: str, at_once: int) -> Measurement:
    import asyncio

    from freehold.cli.home_sampler import HomeSampler
    from freehold.cli.loading import load_credentials, load_settings
    from freehold.clock import SystemClock
    from freehold.estate.build import build_estate
    from freehold.plan.perf.probe import probe
    from freehold.types.names import HomeId

    loaded = load_settings(config)
    estate, id = build_estate(loaded), HomeId(name)
    behind = _behind(estate, loaded.sections["plan"])
    if id not in behind or estate.homes[id].api is None:
        raise InputError(
            f"the home {name!r} cannot be probed",
            why="a probe needs its api, silicon, chips and model",
            fix="add them under [homes]",
            code="plan.cannot-probe",
        )
    sampler = HomeSampler(estate.homes[id], load_credentials(config).get(id))
    return asyncio.run(probe(sampler, behind[id], SystemClock(), name=name, at_once=at_once))
