"""The answer to `freehold cuts`: cut sets by size and likelihood, and the downtime that they add up to."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import msgspec

from freehold.estate.bdd import Chance, chance
from freehold.estate.cuts import CutSet
from freehold.estate.graph import Graph
from freehold.estate.impact import unknown
from freehold.estate.model import Estate
from freehold.estate.survey import cuts_within, labels
from freehold.types.names import ServiceId, WorkloadId

HOURS_A_YEAR = 8760.0
MEMBERS_TOLD_MAX = 4


class CutLine(msgspec.Struct, frozen=True, kw_only=True):
    size: int
    count: int
    classes: tuple[tuple[str, ...], ...]  # any one of each
    hours_a_year: float | None  # None: some of it has no rate

    @property
    def members(self) -> list[str]:
        told = []
        for one in self.classes:
            more = f" (or {len(one) - 1} that fail alike)" if len(one) > 1 else ""
            told.append(one[0] + more)
        return told

    @property
    def likelihood(self) -> str | None:
        return None if self.hours_a_year is None else f"{self.hours_a_year:.3g}"


class Downtime(msgspec.Struct, frozen=True, kw_only=True):
    """Expected hours a year; None where no rate is known."""

    hours_low: float | None
    hours_high: float | None
    exact: bool
    without_rate: int
    words: str


class Cuts(msgspec.Struct, frozen=True, kw_only=True):
    workload: WorkloadId
    size_max: int
    counts: dict[str, int]
    groups: tuple[CutLine, ...]
    left_out: int  # groups not listed
    listed_cap: int
    downtime: Downtime
    notes: tuple[str, ...]


def cuts_of(
    estate: Estate,
    graph: Graph,
    workload: str,
    *,
    size_max: int,
    cap: int,
    rate: float | None = None,
    hours: float | None = None,
) -> Cuts:
    if workload not in estate.workloads:
        raise unknown("workload", workload, estate.workloads)
    node = graph.workload(WorkloadId(workload))
    cuts = cuts_within(graph, node, size_max)
    rates = unavailability(estate, graph, rate, hours)
    lines = sorted((_line(graph, group, rates) for group in _apart(cuts.groups)), key=_order)
    notes = [_counted(workload, cuts.count(size), size) for size in range(1, cuts.size_max + 1)]
    if cuts.size_max < size_max:
        notes.append(f"Cut sets larger than {cuts.size_max} are too many to hold; they are not counted.")
    known = [0.0 if one is None else one for one in rates]
    missing = sum(1 for event in _events(cuts.groups) if rates[event] is None)
    return Cuts(
        workload=WorkloadId(workload),
        size_max=cuts.size_max,
        counts={str(size): cuts.count(size) for size in range(1, cuts.size_max + 1)},
        groups=tuple(lines[:cap]),
        left_out=max(0, len(lines) - cap),
        listed_cap=cap,
        downtime=_downtime(chance(graph, node, known, cuts), missing, any(known)),
        notes=tuple(notes),
    )


def unavailability(
    estate: Estate, graph: Graph, rate: float | None = None, hours: float | None = None
) -> list[float | None]:
    """Per node, the share of time for which it has failed by itself; None where nobody gave a rate."""
    found: list[float | None] = []
    for kind, name in zip(graph.kinds, graph.names, strict=True):
        if kind == "workload":
            found.append(0.0)
            continue
        service = estate.services.get(ServiceId(name)) if kind == "service" else None
        outages = service.outages_per_year if service is not None else None
        length = service.hours_per_outage if service is not None else None
        found.append(_share(rate if outages is None else outages, hours if length is None else length))
    return found


def _share(outages: float | None, hours: float | None) -> float | None:
    """Failing so often for so long, of a time in which it also runs."""
    if outages is None or hours is None:
        return None
    down = outages * hours
    return down / (down + HOURS_A_YEAR)


def _apart(groups: Sequence[CutSet]) -> Iterator[CutSet]:
    """Single points one by one, since each is read by itself; larger cut sets stay grouped."""
    for group in groups:
        if group.size > 1:
            yield group
        else:
            yield from (CutSet(classes=((member,),)) for member in group.classes[0])


def _line(graph: Graph, group: CutSet, rates: Sequence[float | None]) -> CutLine:
    chances = []
    for members in group.classes:
        known = [rates[member] for member in members]
        whole = [one for one in known if one is not None]
        chances.append(1 - math.prod(1 - one for one in whole) if len(whole) == len(known) else None)
    complete = [one for one in chances if one is not None]
    return CutLine(
        size=group.size,
        count=group.count,
        classes=tuple(tuple(labels(graph, members)) for members in group.classes),
        hours_a_year=math.prod(complete) * HOURS_A_YEAR if len(complete) == len(chances) else None,
    )


def _order(line: CutLine) -> tuple[int, float, tuple[tuple[str, ...], ...]]:
    """By size, then the likeliest first, then those of unknown likelihood."""
    return (line.size, math.inf if line.hours_a_year is None else -line.hours_a_year, line.classes)


def _events(groups: Sequence[CutSet]) -> set[int]:
    return {member for group in groups for members in group.classes for member in members}


def _counted(workload: str, count: int, size: int) -> str:
    if size == 1:
        return f"{workload} has {count} single point{'s' if count != 1 else ''} of failure."
    return f"{workload} has {count:,} minimal cut set{'s' if count != 1 else ''} of {size}."


def _downtime(found: Chance, missing: int, any_rate: bool) -> Downtime:
    if not any_rate:
        return Downtime(
            hours_low=None, hours_high=None, exact=False, without_rate=missing,
            words="Expected downtime is unknown: no service has a rate (outages_per_year, hours_per_outage).",
        )  # fmt: skip
    low, high = found.low * HOURS_A_YEAR, found.high * HOURS_A_YEAR
    if found.exact:
        words = f"Expected downtime: {low:.4g} hours a year, exact for the rates given"
    else:
        words = f"Expected downtime: bounds only, between {low:.4g} and {high:.4g} hours a year"
    if missing:
        words += f"; {missing} things in these cut sets have no rate and count as never failing: a floor"
    return Downtime(
        hours_low=low, hours_high=None if missing and not found.exact else high, exact=found.exact,
        without_rate=missing, words=words + ". Failures are taken as independent.",
    )  # fmt: skip
