"""freehold map"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from freehold.cli.output import config_option, emit_json, json_option

if TYPE_CHECKING:
    from freehold.estate.catalog import Catalog
    from freehold.estate.model import Estate
    from freehold.estate.survey import Finding
    from freehold.types.names import WorkloadId

FORMATS = ("text", "json", "svg", "html", "cyclonedx")
LISTED_MAX = 100  # cut sets of each workload that JSON holds; the counts are of all


@click.command()
@config_option
@json_option
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="How.")
@click.option(
    "--spec",
    type=click.Choice(["1.6", "1.7"]),
    default="1.6",
    show_default=True,
    help="The CycloneDX version.",
)
@click.option("-o", "--output", metavar="FILE", help="Write there instead of stdout.")
def command(config: str | None, as_json: bool, form: str, spec: str, output: str | None) -> None:
    """Say in one sentence what each workload stands on, then in a table; or draw it."""
    from freehold.cli.loading import load_standing
    from freehold.estate.graph import graph_of
    from freehold.estate.survey import survey

    estate, catalog = load_standing(config)
    graph = graph_of(estate)
    findings = survey(estate, graph, cap=LISTED_MAX)
    if as_json or form == "json":
        emit_json("map/1", as_data(findings, estate, catalog))
    elif form == "text":
        _print(findings, estate, catalog)
    else:
        _write(output, _drawn(form, spec, estate, catalog, findings))


def as_data(findings: Mapping[WorkloadId, Finding], estate: Estate, catalog: Catalog) -> dict[str, Any]:
    from freehold.estate.sentence import sentence
    from freehold.estate.standing import unknowns

    return {
        "estate": estate.name,
        "digest": estate.digest,
        "workloads": [
            {
                "id": id,
                "sentence": sentence(found, estate, catalog),
                "homes": list(found.homes),
                "barred": {home: list(reasons) for home, reasons in found.barred.items()},
                "breaches": list(found.breaches),
                "single_homed": found.single_homed,
                "rescue": rescue(estate, id),
                "single_points": list(found.single_points),
                "regions_fatal": list(found.regions_fatal),
                "vendors_fatal": list(found.vendors_fatal),
                "cut_sets": {str(size): count for size, count in enumerate(found.counts, 1)},
                "listed": [list(members) for members in found.listed],
                "listed_max": LISTED_MAX,
            }
            for id, found in findings.items()
        ],
        "homes": [
            {
                "id": home.id, "vendor": home.vendor, "operator": home.operator, "region": home.region,
                "jurisdiction": home.jurisdiction, "silicon": home.silicon, "api": home.api,
                "model": home.model, "profile": home.profile, "pool": home.pool, "tier": home.tier,
                "contract": home.contract, "needs": list(home.needs),
                "unknown": list(unknowns(home, catalog)),
            }
            for home in estate.homes.values()
        ],
    }  # fmt: skip


def _print(findings: Mapping[WorkloadId, Finding], estate: Estate, catalog: Catalog) -> None:
    from freehold.cli.show import say, table
    from freehold.estate.sentence import sentence

    if not findings:
        say("This estate has no workloads yet: add a [workloads.NAME] table to freehold.toml.")
        return
    for found in findings.values():
        say(sentence(found, estate, catalog) + "\n")
    for id in findings:
        say(f"{id}: {rescue(estate, id)}")
    say("")
    columns = ("workload", "homes", "regions", "operators", "silicon", "single points", "pairs", "triples")
    table(columns, [_row(found, estate) for found in findings.values()])


def rescue(estate: Estate, id: WorkloadId) -> str:
    """What becomes of a stream of this workload that is cut after its first words."""
    from freehold.gateway.rescuable import rescuable

    return rescuable(estate.workloads[id], estate)


def _row(found: Finding, estate: Estate) -> list[object]:
    homes = [estate.homes[id] for id in found.homes]
    counts: list[object] = [*found.counts, *["not counted"] * (3 - len(found.counts))]
    return [
        found.workload,
        len(homes),
        sorted({home.region or "unknown" for home in homes}),
        sorted({home.operator for home in homes}),
        sorted({home.silicon or "unknown" for home in homes}),
        *counts,
    ]


def _drawn(
    form: str, spec: str, estate: Estate, catalog: Catalog, findings: Mapping[WorkloadId, Finding]
) -> str:
    if form == "cyclonedx":
        from freehold.estate.cyclonedx import bom

        return bom(estate, catalog, findings, spec)
    from freehold.estate.draw import page, svg

    return svg(estate, catalog, findings) if form == "svg" else page(estate, catalog, findings)


def _write(output: str | None, text: str) -> None:
    if output is None:
        click.echo(text)
        return
    from freehold.cli.init import write_new

    write_new(Path(output), text, replace=True)
    click.echo(f"wrote {output}", err=True)
