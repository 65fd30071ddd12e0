"""What a person sees while a model is trained, and what a program reads."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast, get_args

import click
import msgspec
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from freehold.cli.align_extra import align_room
from freehold.cli.output import person_watching
from freehold.cli.up import state_folder
from freehold.errors import UsageError, nearest
from freehold.watch.runlog import Evaluation, Happened, Rate, RunLog

BLOCKS = "▁▂▃▄▅▆▇█"
SPARK_POINTS = 32
REFRESH_PER_S = 4
# How the whole time of the example recipe is shared out; only the time left is guessed from it.
SHARES = {"base": 0.17, "sample": 0.03, "revise": 0.12, "supervise": 0.27, "feedback": 0.24, "prefer": 0.17}
SHOWN = (
    ("harmful_comply", "helps with harm"),
    ("over_refusal", "refuses wrongly"),
    ("border_exact", "exact help, border"),
    ("benign_help", "help, benign"),
    ("evasive", "refuses without a reason"),
)


def carry_on_shown(folder: Path, *, only: str | None, as_json: bool) -> None:
    """Run what is not finished, and show it."""
    room = align_room()
    stage = _stage(only)
    from freehold.cli.align_homes import make_remote
    from freehold.ledger import PlainRecorder

    log = RunLog(folder)
    recorder = PlainRecorder(state_folder() / "records.jsonl")
    try:
        if as_json:
            room.carry_on(folder, show=_line, recorder=recorder, only=stage, make_remote=make_remote)
            return
        with _shown(log) as show:
            room.carry_on(folder, show=show, recorder=recorder, only=stage, make_remote=make_remote)
    finally:
        recorder.close()
    Console().print(results(log))
    click.echo(f"run folder: {folder}\nreport:     freehold align report {folder}")


def _stage(only: str | None) -> Any:
    from freehold.align.recipe import Stage

    stages = get_args(Stage)
    if only is not None and only not in stages:
        close = nearest(only, stages)
        raise UsageError(
            f"there is no stage {only!r}",
            why=f"stages are {', '.join(stages)}" + (f"; the closest is {close!r}" if close else ""),
            fix="name one of them",
            code="align.unknown-stage",
        )
    return only


def _line(event: Happened) -> None:
    """One event as one line of JSON."""
    click.echo(msgspec.json.encode({"schema": "freehold.align-event/1", "data": event}))


class _shown:  # used as `with _shown(log) as show`
    """A live page where a person watches; a line for each thing that is finished where not."""

    def __init__(self, log: RunLog) -> None:
        self._page = Page(log.header.name)
        self._live: Live | None = None

    def __enter__(self) -> Callable[[Happened], None]:
        if not person_watching():
            return self._plain
        self._live = Live(
            self._page.draw(), console=Console(stderr=True), refresh_per_second=REFRESH_PER_S, transient=True
        )
        self._live.start()
        return self._draw

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def _draw(self, event: Happened) -> None:
        self._page.take(event)
        cast("Live", self._live).update(self._page.draw())

    def _plain(self, event: Happened) -> None:
        self._page.take(event)
        if event.kind in ("stage_finished", "evaluation", "resumed"):
            said = " ".join(f"{key}={value:.3f}" for key, value in event.values.items() if key in _PLAIN)
            print(
                f"{self._page.elapsed():6.1f} s  {event.kind:14} {event.text or event.stage} {said}".rstrip(),
                file=sys.stderr,
            )


_PLAIN = ("greedy/harmful_comply", "greedy/over_refusal", "greedy/border_exact")


class Page:
    """Everything that has happened, as one picture."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._first_ns = self._last_ns = 0
        self._done: dict[str, float] = {"base": 0.0}
        self._losses: list[float] = []
        self._curves: dict[str, list[float]] = {}
        self._rate = 0.0
        self._stage = "base"
        self._seconds: dict[str, float] = {}

    def elapsed(self) -> float:
        return (self._last_ns - self._first_ns) / 1e9

    def take(self, event: Happened) -> None:
        self._first_ns = self._first_ns or event.time_ns
        self._last_ns = event.time_ns
        for role, cost in event.cost.items():
            self._seconds[role] = self._seconds.get(role, 0.0) + cost.seconds
        if event.kind == "stage_started":
            self._stage = event.stage
            self._done |= {"base": 1.0, event.stage: 0.0}
        elif event.kind == "progress" and event.stage in SHARES and event.total:
            self._done[event.stage] = event.step / event.total
            seconds = sum(cost.seconds for cost in event.cost.values())
            tokens = sum(cost.tokens for cost in event.cost.values())
            self._rate = tokens / seconds if seconds else self._rate
            if "loss" in event.values:
                self._losses.append(event.values["loss"])
        elif event.kind == "stage_finished":
            self._done[event.stage] = 1.0
        elif event.kind == "evaluation":
            for key, _ in SHOWN:
                if (value := event.values.get(f"greedy/{key}")) is not None:
                    self._curves.setdefault(key, []).append(value)

    def draw(self) -> Group:
        left = self.left()
        head = f"[bold]{self._name}[/]  {self.elapsed():.0f} s"
        head += f", about {left:.0f} s left" if left is not None else ""
        head += f"  [dim]{self._rate:,.0f} tokens/s[/]" if self._rate else ""
        stages = Table.grid(padding=(0, 2))
        for stage in SHARES:
            share = self._done.get(stage)
            mark = "[green]●[/]" if share == 1.0 else "[cyan]▶[/]" if stage == self._stage else "[dim]○[/]"
            stages.add_row(
                mark,
                stage,
                ProgressBar(total=1.0, completed=share or 0.0, width=30),
                f"{(share or 0.0):4.0%}",
            )
        curves = Table.grid(padding=(0, 2))
        if self._losses:
            curves.add_row("loss", spark(self._losses, top=max(self._losses)), f"{self._losses[-1]:.3f}")
        for key, label in SHOWN:
            if values := self._curves.get(key):
                curves.add_row(label, spark(values, top=1.0), f"{values[-1]:.1%}")
        costs = "  ".join(f"{role} {seconds:.0f} s" for role, seconds in self._seconds.items())
        return Group(Text.from_markup(head), stages, curves, Text(costs, style="dim"))

    def left(self) -> float | None:
        """A guess from how far the stages are."""
        done = sum(share * self._done.get(stage, 0.0) for stage, share in SHARES.items())
        return self.elapsed() * (1 - done) / done if done > 0.05 else None


def spark(values: list[float], *, top: float) -> str:
    """The last values as a little curve from 0 to `top`."""
    shown = values[-SPARK_POINTS:]
    return "".join(BLOCKS[min(7, max(0, int(value / top * 7.999)))] if top else BLOCKS[0] for value in shown)


def results(log: RunLog) -> Table:
    """The full evaluations side by side: greedy, and at temperature 1."""
    full = [found for found in log.evaluations() if found.full]
    table = Table(title=f"{log.header.name}: rate (95 % interval, n), greedy and at temperature 1")
    table.add_column("")
    for found in full:
        table.add_column(found.checkpoint, justify="right")
    for key, label in SHOWN:
        for mode in ("greedy", "t1"):
            table.add_row(f"{label}, {mode}", *(_cell(found, f"{mode}/{key}") for found in full))
    return table


def _cell(found: Evaluation, key: str) -> str:
    rate = found.rates.get(key)
    return shown_rate(rate) if rate else "not measured"


def shown_rate(rate: Rate) -> str:
    if rate.rate is None:
        return "none counted"
    return f"{rate.rate:.1%} ({rate.low:.1%}-{rate.high:.1%}, {rate.n})"
