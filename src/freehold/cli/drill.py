"""freehold drill"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from freehold.cli.output import config_option, emit_json, json_option

if TYPE_CHECKING:
    from freehold.estate.catalog import Catalog
    from freehold.estate.drill import Drill, Report
    from freehold.estate.graph import Graph
    from freehold.estate.model import Estate
    from freehold.estate.scenario import Scenario


@click.command()
@click.argument("names", nargs=-1, metavar="[INCIDENT|CLASS]...")
@config_option
@json_option
@click.option("--all", "everything", is_flag=True, help="Every incident and every class.")
@click.option("--html", metavar="FILE", help="Write one self-contained report there.")
@click.option("--live", is_flag=True, help="Play one for real, against stand-ins under load.")
@click.option(
    "--speed", type=click.FloatRange(1), help="--live: how many times faster than life.  [default: 20 s]"
)
@click.option(
    "--calls-per-s",
    type=click.FloatRange(0.5, 500),
    default=20.0,
    show_default=True,
    help="--live: the load.",
)
@click.option(
    "--arrivals", type=click.Path(path_type=Path, dir_okay=False),
    help="--live: a trace of Azure's whose arrivals are played.  [default: by chance]",
)  # fmt: skip
@click.option(
    "--as", "how", type=click.Choice(["kill", "stall", "error", "throttle"]), default="kill",
    show_default=True, help="--live: what happens to a home that is down.",
)  # fmt: skip
@click.option("--workload", "workloads", multiple=True, help="--live: only this one.  [default: all]")
@click.option("--seed", type=int, default=1, show_default=True, help="--live: of what is drawn by chance.")
def command(
    names: tuple[str, ...], config: str | None, as_json: bool, everything: bool, html: str | None, live: bool,
    speed: float | None, calls_per_s: float, arrivals: Path | None, how: str, seed: int,
    workloads: tuple[str, ...],
) -> None:  # fmt: skip
    """Play outages against the estate: who is down from when to when, and what would have prevented it.

    Without a name, lists what there is. A class may be narrowed to a place: region-death:aws.us-east-1.
    With --live, one of them is played for real against pocket homes and printed beside the prediction; it
    ends with 1 where the two differ.
    """
    from freehold.cli.loading import load_standing
    from freehold.estate.drill import Stage
    from freehold.estate.graph import graph_of

    estate, catalog = load_standing(config)
    graph = graph_of(estate)
    if not names and not everything:
        _list(catalog, as_json)
        return
    stage = Stage(estate, graph)
    if live:
        from freehold.cli.drill_live import run_live
        from freehold.cli.live.play import Wanted

        _known(workloads, estate)
        scenarios = _chosen(names, everything, estate, graph, catalog)
        wanted = Wanted(
            speed=speed, calls_per_s=calls_per_s, arrivals=arrivals, seed=seed, workloads=workloads,
            how="refuse" if how == "kill" else how,
        )  # fmt: skip
        sys.exit(run_live(stage, names, scenarios, wanted, as_json=as_json))
    drills = [stage.play(one) for one in _chosen(names, everything, estate, graph, catalog)]
    if html is not None:
        from freehold.cli.init import write_new
        from freehold.estate.timeline import drill_page

        write_new(Path(html), drill_page(drills, estate), replace=True)
        click.echo(f"wrote {html}", err=True)
    if as_json:
        emit_json("drill/1", {"estate": estate.name, "digest": estate.digest, "drills": drills})
        return
    old = _old_prices(estate)
    for one in drills:
        _print(one, old if one.scenario.price_times != 1 else ())
    _summary(drills)


def _known(workloads: tuple[str, ...], estate: Estate) -> None:
    from freehold.errors import InputError, nearest

    for name in workloads:
        if name not in estate.workloads:
            close = nearest(name, estate.workloads)
            raise InputError(
                f"the estate has no workload {name!r}",
                why=f"the closest is {close!r}" if close else f"it has {', '.join(estate.workloads)}",
                fix="name one of them", code="estate.unknown-workload",
            )  # fmt: skip


def _chosen(
    names: tuple[str, ...], everything: bool, estate: Estate, graph: Graph, catalog: Catalog
) -> list[Scenario]:
    from freehold.errors import InputError, nearest
    from freehold.estate.scenario import of_class, of_incident

    wanted = [*catalog.incidents, *catalog.classes] if everything else list(names)
    found: list[Scenario] = []
    for name in wanted:
        family, _, place = name.partition(":")
        if name in catalog.incidents:
            found.append(of_incident(catalog.incidents[name], estate, graph))
        elif family in catalog.classes:
            every = of_class(catalog.classes[family], estate, graph, catalog)
            found.extend(one for one in every if not place or one.what == place)
        else:
            known = [*catalog.incidents, *catalog.classes]
            close = nearest(name, known)
            raise InputError(
                f"no incident and no drill class is called {name!r}",
                why=f"the catalog has {len(catalog.incidents)} incidents and {len(catalog.classes)} classes"
                + (f"; the closest is {close!r}" if close else ""),
                fix="`freehold drill` lists them",
                code="estate.no-such-drill",
            )
    return found


def _list(catalog: Catalog, as_json: bool) -> None:
    rows = [(one.id, "incident", one.title) for one in catalog.incidents.values()]
    rows += [(one.id, one.group, one.title) for one in catalog.classes.values()]
    if as_json:
        emit_json("drills/1", [{"id": id, "kind": kind, "title": title} for id, kind, title in rows])
        return
    from freehold.cli.show import table

    table(("drill", "kind", "what happens"), rows)


def _old_prices(estate: Estate) -> tuple[str, ...]:
    from freehold.cli.today import today
    from freehold.estate.catalog.age import mark

    day = today()
    priced = [home for home in estate.homes.values() if home.price.source or home.price.as_of]
    return tuple(
        f"the price of {home.id} is old {words}"
        for home in priced
        if (words := mark(home.price.as_of, "price", day))
    )


def _print(drill: Drill, more: tuple[str, ...]) -> None:
    from freehold.cli.show import say
    from freehold.estate.timeline import clock_words

    scenario = drill.scenario
    when = f", {scenario.starts}" if scenario.starts else ""
    length = "for good" if scenario.for_good else clock_words(scenario.minutes)
    say(f"{scenario.id}: {scenario.title} ({length}{when})")
    if not drill.touches:
        say("  does not touch this estate\n")
        return
    say(f"  taken away: {', '.join(drill.failed[:6])}{' and more' if len(drill.failed) > 6 else ''}")
    for one in drill.workloads:
        say(f"  {one.workload}: {_words(one, scenario.starts)}")
        for reason in one.because[:3]:
            say(f"      because {reason}")
        for change in one.prevented_by:
            say(f"      prevented by {change}")
    for note in (*scenario.notes, *more):
        say(f"  note: {note}")
    say("")


def _words(report: Report, starts: str) -> str:
    from freehold.estate.timeline import windows_words

    parts = []
    if report.down:
        parts.append(f"down {windows_words(report.down, starts)}")
    if report.degraded:
        parts.append(f"degraded {windows_words(report.degraded, starts)}")
    if report.wrong:
        parts.append(f"{report.wrong:,.0f} answers from homes that were wrong")
    if report.frozen and not report.down:
        parts.append(f"could not have grown {windows_words(report.frozen, starts)}")
    if report.worst == "slow":
        parts.append("slow for a while")
    if report.unserved:
        least = "" if report.unserved_known else "at least "
        parts.append(f"{least}{report.unserved:,.0f} requests unserved")
    elif report.unserved is None and report.down:
        parts.append("unserved requests unknown: it states no requests_per_min")
    if report.price_unknown:
        parts.append("what it costs is not known: a price or a demand is not stated")
    if report.usd_month_after is not None and report.usd_month_before is not None:
        parts.append(f"${report.usd_month_before:,.0f} a month becomes ${report.usd_month_after:,.0f}")
    return "; ".join(parts) or "untouched"


def _summary(drills: list[Drill]) -> None:
    from freehold.cli.show import table

    if len(drills) < 2:
        return
    rows = []
    for one in drills:
        by = {
            state: [r.workload for r in one.workloads if r.worst == state] for state in ("down", "degraded")
        }
        rows.append((one.scenario.id, by["down"] or "-", by["degraded"] or "-"))
    table(("drill", "down", "degraded"), rows)
