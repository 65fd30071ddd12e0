"""freehold drill --live: plays one drill for real, prints it beside the paper, and records it."""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from freehold.cli.output import emit_json
from freehold.errors import EXIT_FINDING, EXIT_OK, UsageError

if TYPE_CHECKING:
    from freehold.cli.live.play import Played, Wanted
    from freehold.cli.live.report import Row
    from freehold.estate.drill import Stage
    from freehold.estate.scenario import Scenario


def run_live(
    stage: Stage, names: Sequence[str], scenarios: Sequence[Scenario], wanted: Wanted, *, as_json: bool
) -> int:
    """The exit code: 1 where paper and life differ."""
    from freehold.cli.live.play import play_live
    from freehold.clock import SystemClock

    scenario = _one(scenarios, names)
    signal.signal(signal.SIGTERM, _interrupt)
    clock = SystemClock()
    played = play_live(stage, stage.play(scenario), wanted, clock, lambda words: click.echo(words, err=True))
    kept = _record(played, stage, clock.now_ns())
    click.echo(f"report: {kept}", err=True)
    if as_json:
        emit_json("drill-live/1", played)
    else:
        _print(played)
    return EXIT_FINDING if any(one.differs for one in played.rows) else EXIT_OK


def _interrupt(number: int, frame: object) -> None:
    """SIGTERM ends a drill as Ctrl-C does: with everything it started."""
    raise KeyboardInterrupt


def _one(scenarios: Sequence[Scenario], names: Sequence[str]) -> Scenario:
    touching = [one for one in scenarios if any(blow.how != "price" for blow in one.blows)]
    if len(touching) == 1:
        return touching[0]
    if not touching:
        raise UsageError(
            "nothing of this estate is taken away, so there is nothing to play live",
            why=f"{', '.join(names) or 'no name'} does not touch it, or is about prices alone",
            fix="choose another one: freehold drill --all says which touch it", code="cli.nothing-to-drill",
        )  # fmt: skip
    raise UsageError(
        f"{len(touching)} drills are meant, and one is played live at a time",
        why=", ".join(one.id for one in touching[:10]), fix="name one of them", code="cli.drill-too-large",
    )  # fmt: skip


def _record(played: Played, stage: Stage, now_ns: int) -> Path:
    """The report as a file, named by the record that holds its digest."""
    from freehold.cli.recording import recording
    from freehold.cli.up import state_folder
    from freehold.clock import ulid
    from freehold.types.names import Digest
    from freehold.types.records import DrillRecord

    id, report = ulid(now_ns), msgspec.json.format(msgspec.json.encode(played))
    lost = sum(one.live.sent - one.live.ok for one in played.rows)
    with recording("drill") as ledger:
        ledger.record(DrillRecord(
            id=id, time_ns=now_ns, estate=stage.estate.digest, drill=played.drill, live=True, unserved=lost,
            report=Digest(f"sha256:{hashlib.sha256(report).hexdigest()}"),
        ))  # fmt: skip
    folder = state_folder() / "drills"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{id}.json"
    path.write_bytes(report)
    return path


def _print(played: Played) -> None:
    from freehold.cli.live.report import CALLS_MIN
    from freehold.cli.show import say, table

    say("")
    table(
        ("workload", "stretch", "paper", "live", "calls", "failed", "rescued", "added p50", "added p95", ""),
        [_cells(one) for one in played.rows],
    )
    for name, why in played.not_played.items():
        say(f"not played: {name}: {why}")
    few = sum(one.live.sent < CALLS_MIN for one in played.rows)
    if few:
        say(f"{few} stretches had fewer than {CALLS_MIN} calls, too few to tell: more --calls-per-s")
    for one in played.rows:
        if one.why and one.live.sent >= CALLS_MIN:
            head = f"{one.workload}, {one.phase}: "
            if one.differs:
                head += (
                    f"paper {_share(one.paper.share)} and live {_bounds(one)} differ; "
                    f"likely wrong: {one.likely_wrong}: "
                )
            say(head + one.why)
    differences = sum(one.differs for one in played.rows)
    say(f"{differences} of {len(played.rows)} stretches differ" if differences else "paper and life agree")


def _cells(one: Row) -> tuple[object, ...]:
    live = one.live
    return (
        one.workload, one.phase, f"{one.paper.state}, {_share(one.paper.share)}", _bounds(one), live.sent,
        ", ".join(f"{count} {why}" for why, count in live.whys.items()) or "-",
        f"{live.rescued / live.ok:.0%}" if live.ok else "-", _ms(live.added_p50_s), _ms(live.added_p95_s),
        "DIFFERS" if one.differs else "",
    )  # fmt: skip


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.0%}"


def _bounds(one: Row) -> str:
    live = one.live
    return "no calls" if live.share is None else f"{live.share:.0%} ({live.low:.0%} to {live.high:.0%})"


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:+.0f} ms"
