"""freehold calibrate"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from freehold.cli.output import config_option, emit_json, json_option
from freehold.errors import InputError

if TYPE_CHECKING:
    from freehold.estate.model import Estate
    from freehold.plan.perf.evidence import Measurement
    from freehold.plan.perf.observed import Behind
    from freehold.plan.settings import PlanSettings


@click.command()
@config_option
@json_option
@click.option("--records", metavar="FILE", help="Records of calls and jobs.  [default: those of this estate]")
@click.option("--probe", "probed", metavar="HOME", help="Ask this home a few times, now, and measure.")
@click.option(
    "--at-once", default=8, show_default=True, type=click.IntRange(1, 256), help="Requests of a probe."
)
@click.option("--file", metavar="FILE", help="Measurements as JSON, made elsewhere.")
@click.option("--dry-run", is_flag=True, help="Say what was measured, and keep nothing.")
def command(
    config: str | None,
    as_json: bool,
    records: str | None,
    probed: str | None,
    at_once: int,
    file: str | None,
    dry_run: bool,
) -> None:
    """Correct the predictions by what was measured here: from records, a probe, or a file.

    Which silicon stands behind a home is taken from the estate: silicon, chips, and plan.work or its model.
    """
    from freehold.cli.up import state_folder
    from freehold.plan.perf.evidence import keep_measurements, load_measurements

    found = _found(config, records, probed, at_once, file)
    kept = state_folder() / "measurements.json"
    if found and not dry_run:
        keep_measurements(kept, [*load_measurements(kept), *found])
    if as_json:
        emit_json("calibrate/1", {"measurements": found, "kept": bool(found) and not dry_run})
        return
    for one in found:
        click.echo(
            f"{one.silicon} x{one.chips}, {one.model}, {one.work.kind}: "
            f"{one.tokens_per_s:,.1f} tokens/s ({one.source})"
        )
    if not found:
        click.echo("nothing was measured: no home with known silicon, chips and model has enough records")


def _found(
    config: str | None, records: str | None, probed: str | None, at_once: int, file: str | None
) -> list[Measurement]:
    if file is not None:
        from freehold.plan.perf.evidence import load_measurements

        return load_measurements(Path(file))
    from freehold.cli.loading import load_settings
    from freehold.estate.build import build_estate

    loaded = load_settings(config)
    estate = build_estate(loaded)
    behind = _behind(estate, loaded.sections["plan"])
    if probed is not None:
        return [_probe(config, probed, estate, behind, at_once)]
    return _recorded(records, behind)


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


def _recorded(records: str | None, behind: dict[str, Behind]) -> list[Measurement]:
    import msgspec

    from freehold.cli.up import state_folder
    from freehold.plan.perf.observed import observed
    from freehold.types.records import AnyRecord

    path = Path(records) if records else state_folder() / "records.jsonl"
    decoder = msgspec.json.Decoder(AnyRecord)
    try:
        with path.open("rb") as lines:
            return observed((decoder.decode(line) for line in lines if line.strip()), behind)
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(
            f"the records {str(path)!r} cannot be read",
            why=str(error),
            fix="give --records FILE, or run the gateway first",
            code="plan.bad-records",
        ) from error


def _probe(
    config: str | None, name: str, estate: Estate, behind: dict[str, Behind], at_once: int
) -> Measurement:
    import asyncio

    from freehold.cli.home_sampler import HomeSampler
    from freehold.cli.loading import load_credentials
    from freehold.clock import SystemClock
    from freehold.plan.perf.probe import probe
    from freehold.types.names import HomeId

    id = HomeId(name)
    if id not in behind or estate.homes[id].url is None:
        raise InputError(
            f"the home {name!r} cannot be probed",
            why="a probe needs its url, silicon, chips and model",
            fix="add them under [homes]",
            code="plan.cannot-probe",
        )
    sampler = HomeSampler(estate.homes[id], load_credentials(config).get(id))
    return asyncio.run(probe(sampler, behind[id], SystemClock(), at_once=at_once))
