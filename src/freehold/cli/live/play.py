"""A live drill from its first process to its report."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from freehold.cli.live.arrivals import Arrival, as_recorded, by_chance, read_trace, schedule
from freehold.cli.live.load import Callers
from freehold.cli.live.report import Live, Phase, Row, paper_of, row
from freehold.cli.live.street import Street, street
from freehold.clock import Clock
from freehold.errors import FreeholdError, RefusedError
from freehold.estate.drill import Drill, Stage
from freehold.estate.model import Estate
from freehold.estate.timeline import clock_words, moment_words
from freehold.gateway.transports import api_of
from freehold.types.names import HomeId, WorkloadId

PHASE_SECONDS_MIN: Final = 2.0  # where no speed is given: none is so short that nothing can be measured in it
CALLS_MAX: Final = 20_000
SETTLE_SECONDS: Final = 0.3  # for the last records

Say = Callable[[str], object]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for on the command line."""

    speed: float | None = None  # seconds of the incident in one of ours
    calls_per_s: float = 20.0
    arrivals: Path | None = None
    how: str = "refuse"
    seed: int = 1
    rest_s: float = 4.0  # before the incident, and after it
    incident_s: float = 20.0  # where no speed is given
    workloads: tuple[str, ...] = ()  # empty: all that take calls


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of a live drill, as it is printed and as its digest is recorded."""

    drill: str
    title: str
    estate: str
    estate_digest: str | None
    load: str
    how: str
    seconds: float
    stand_ins: tuple[str, ...]
    not_played: dict[str, str]
    events: tuple[str, ...]
    rows: tuple[Row, ...]


class _Cast(msgspec.Struct, frozen=True, kw_only=True):
    """Who takes part."""

    demand: dict[WorkloadId, float]
    homes: tuple[HomeId, ...]
    left_out: dict[str, str]


def play_live(stage: Stage, paper: Drill, wanted: Wanted, clock: Clock, say: Say) -> Played:
    """Everything that was started has ended when this returns, however it returns."""
    cast = _cast(stage, wanted.workloads)
    phases = phases_of(stage, paper, wanted)
    chance = random.Random(wanted.seed)  # noqa: S311  # arrivals that can be repeated
    planned, load = _planned(wanted, cast, phases, chance)
    scale = wanted.calls_per_s * 60 / sum(cast.demand.values())
    with tempfile.TemporaryDirectory(prefix="freehold-drill-") as folder:
        with street(stage.estate, cast.homes, Path(folder), scale) as place:
            _introduce(paper, place, load, phases, cast, say)
            callers, events, refused = asyncio.run(_run(place, planned, phases, wanted.how, clock, say))
        rescued = frozenset(_rescued(Path(folder) / "state" / "ledger"))
    rows = tuple(_rows(stage, paper, phases, callers, rescued, cast))
    return Played(
        drill=paper.scenario.id, title=paper.scenario.title, estate=stage.estate.name,
        estate_digest=stage.estate.digest, load=load, how=wanted.how,
        seconds=phases[-1].to_s, stand_ins=cast.homes,
        not_played=cast.left_out | {str(id): why for id, why in refused.items()},
        events=tuple(events), rows=rows,
    )  # fmt: skip


def _cast(stage: Stage, named: Sequence[str]) -> _Cast:
    """Workloads that take calls, and the homes that a gateway can reach for them."""
    left_out: dict[str, str] = {}
    demand: dict[WorkloadId, float] = {}
    homes: dict[HomeId, None] = {}
    for id, one in stage.estate.workloads.items():
        mine = [home for home in stage.allowed[id] if _reachable(stage.estate, home)]
        if named and id not in named:
            left_out[str(id)] = "another one was named"
        elif one.kind not in ("serve", "batch"):
            left_out[str(id)] = f"it is of kind {one.kind}, and takes no calls"
        elif not mine:
            left_out[str(id)] = "no home of it can be called"
        else:
            homes |= dict.fromkeys(mine)
            demand[id] = one.requests_per_min or 0.0
    known = [value for value in demand.values() if value > 0]
    usual = sum(known) / len(known) if known else 1.0
    if not demand:
        raise RefusedError(
            "nothing of this estate can be drilled live", why="no workload takes calls at a home with an api",
            fix="play it on paper: without --live", code="cli.nothing-to-drill",
        )  # fmt: skip
    return _Cast(
        demand={id: value or usual for id, value in demand.items()}, homes=tuple(homes), left_out=left_out
    )


def _reachable(estate: Estate, id: HomeId) -> bool:
    api = estate.homes[id].api
    try:
        return api is not None and bool(api_of(api))
    except FreeholdError:
        return False  # the gateway cannot speak it either


def phases_of(stage: Stage, paper: Drill, wanted: Wanted) -> list[Phase]:
    """The drill on our clock: a while of rest, each stretch of the incident, a while after."""
    scenario = paper.scenario
    moments = [one for one in stage.moments(scenario) if one.to_min > one.from_min]
    total = sum(one.to_min - one.from_min for one in moments) or 1.0
    found = [Phase(name="before", from_s=0.0, to_s=wanted.rest_s)]
    at = wanted.rest_s
    for one in moments:
        minutes = one.to_min - one.from_min
        if wanted.speed is None:
            length = max(PHASE_SECONDS_MIN, wanted.incident_s * minutes / total)
        else:
            length = minutes * 60 / wanted.speed
        name = f"{moment_words(one.from_min, scenario.starts)} to {moment_words(one.to_min, scenario.starts)}"
        over = one.from_min >= scenario.minutes
        found.append(Phase(name=name, from_s=at, to_s=at + length, moment=one, over=over))
        at += length
    if moments:
        calm = msgspec.structs.replace(
            moments[-1], from_min=moments[-1].to_min, dead=frozenset(), slow=frozenset(), wrong=frozenset(),
            limits={}, frozen=frozenset(), capacity_times=1.0, demand_times={}, unnoticed=False,
        )  # fmt: skip
        found.append(
            Phase(name="after", from_s=at, to_s=at + wanted.rest_s, moment=calm, over=True, calm=True)
        )
    return found


def _planned(
    wanted: Wanted, cast: _Cast, phases: Sequence[Phase], chance: random.Random
) -> tuple[list[Arrival], str]:
    seconds = phases[-1].to_s
    calls = int(wanted.calls_per_s * seconds)
    if calls > CALLS_MAX:
        raise RefusedError(
            f"{calls:,} calls are more than a live drill makes", why=f"the most is {CALLS_MAX:,}",
            fix="a higher --speed, or a lower --calls-per-s", code="cli.drill-too-large",
        )  # fmt: skip
    if wanted.arrivals is None:
        arrivals = by_chance(calls, seconds, chance)
        load = f"{wanted.calls_per_s:g} calls/s by chance (Poisson, seed {wanted.seed}), not from a trace"
    else:
        arrivals = as_recorded(read_trace(wanted.arrivals), calls, seconds)
        load = (
            f"{len(arrivals)} calls arriving as in {wanted.arrivals.name}, at {len(arrivals) / seconds:.1f}/s"
        )

    def times(workload: WorkloadId, at: float) -> float:
        now = next((one for one in phases if one.from_s <= at < one.to_s), phases[-1])
        return 1.0 if now.moment is None else now.moment.demand_times.get(workload, 1.0)

    return schedule(arrivals, cast.demand, times, chance), load


def _introduce(
    paper: Drill, place: Street, load: str, phases: Sequence[Phase], cast: _Cast, say: Say
) -> None:
    scenario = paper.scenario
    length = "for good" if scenario.for_good else clock_words(scenario.minutes)
    incident = phases[-1].from_s - phases[0].to_s
    say(f"{scenario.id}: {scenario.title} ({length}), played in {incident:.0f} s")
    say(
        f"{len(place.homes)} stand-ins (pocket homes) in {len(place.processes)} processes, and a gateway: "
        "nothing leaves this machine"
    )
    say(f"load: {load}")
    for name, why in cast.left_out.items():
        say(f"not played: {name}: {why}")


async def _run(
    place: Street, planned: Sequence[Arrival], phases: Sequence[Phase], how: str, clock: Clock,
    say: Say,
) -> tuple[Callers, list[str], dict[WorkloadId, str]]:  # fmt: skip
    callers = Callers(place.url, clock)
    refused = await callers.learn(sorted({one.workload for one in planned}))
    events: list[str] = []

    def told(words: str) -> None:
        events.append(words)
        say(words)

    told("   0.0 s  all is well")
    load = asyncio.create_task(callers.run(planned))
    await asyncio.sleep(0)
    try:
        for phase in phases[1:]:
            await asyncio.sleep(max(0.0, phase.from_s - callers.now()))
            assert phase.moment is not None
            killed, back = await asyncio.to_thread(place.become, phase.moment, how)
            told(f"  {callers.now():4.1f} s  {phase.name}: {_event(phase, killed, back, how)}")
        await load
    finally:
        load.cancel()
    await asyncio.sleep(SETTLE_SECONDS)
    return callers, events, refused


HOW_WORDS: Final = {
    "refuse": "killed", "stall": "silent", "error": "answering 503", "throttle": "turning calls away"
}  # fmt: skip


def _event(phase: Phase, killed: Sequence[str], back: Sequence[str], how: str) -> str:
    assert phase.moment is not None
    moment = phase.moment
    down = killed if how == "refuse" else sorted(moment.dead)
    parts = [f"{', '.join(down)} {HOW_WORDS[how]}"] if down else []
    if back:
        parts.append(f"{', '.join(back)} back")
    parts += [f"{', '.join(sorted(homes))} {word}" for homes, word in (
        (moment.slow, "slow"), (moment.wrong, "wrong"), (moment.frozen, "cannot grow")) if homes]  # fmt: skip
    if moment.capacity_times != 1:
        parts.append(f"pools at {moment.capacity_times:.0%}")
    if moment.demand_times:
        parts.append("everybody comes back at once")
    return "; ".join(parts) or "nothing more changes"


def _rows(
    stage: Stage,
    paper: Drill,
    phases: Sequence[Phase],
    callers: Callers,
    rescued: frozenset[str],
    cast: _Cast,
) -> Iterator[Row]:
    reports = {one.workload: one for one in paper.workloads}
    for workload in cast.demand:
        before: Live | None = None
        for phase in phases:
            calls = [
                one for one in callers.calls
                if one.workload == workload and phase.from_s <= one.at_s < phase.to_s
            ]  # fmt: skip
            said = paper_of(
                phase, reports[workload].stretches, stage.before[workload].share, stage.allowed[workload]
            )
            made = row(workload, phase, said, calls, rescued, before)
            before = before or made.live
            yield made


def _rescued(folder: Path) -> Iterator[str]:
    """The receipts of calls that a further home finished, as the gateway recorded them."""
    from freehold.ledger.files import FileReader
    from freehold.ledger.layout import writers_in

    for reader in map(FileReader, writers_in(folder)):
        for leaf in reader.leaves(0, reader.size()):
            record: dict[str, Any] = msgspec.json.decode(leaf)
            if record.get("kind") == "call/1" and record.get("rescued"):
                yield str(record["id"])
