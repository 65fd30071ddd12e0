"""One picture of `freehold top`: tables for a terminal."""

from __future__ import annotations

from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from freehold.cli.show import printable
from freehold.cli.top_read import Frame

# A sign with every colour: neither is needed to read the other.
STATES: Final = {
    "well": ("green", "\u25cf well"), "slow": ("yellow", "\u25bd slow"),
    "ramping": ("yellow", "\u25b2 ramping"), "probed": ("yellow", "\u25b2 probed"),
    "cooling": ("red", "\u25a0 cooling"),
}  # fmt: skip
SPEND_LINES_MAX: Final = 20


def draw(frame: Frame, title: str) -> RenderableType:
    head = Text.assemble(
        (title, "bold"), "   ", ("ready" if frame.ready else "NOT READY", "green" if frame.ready else "red"),
        f"   {frame.calls_per_s:.1f} calls/s   {frame.in_flight} in flight   {frame.waiting} waiting   "
        f"{frame.connections} connections"
        f"   {frame.processes} process{'' if frame.processes == 1 else 'es'}",
    )  # fmt: skip
    parts: list[RenderableType] = [head, Text(""), _homes(frame), Text(""), _workloads(frame)]
    if frame.spend:
        parts += [Text(""), _spend(frame)]
    return Group(*parts)


def _table(*columns: str, words: int = 1) -> Table:
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for number, name in enumerate(columns):
        made.add_column(name, justify="left" if number < words else "right", no_wrap=True)
    return made


def _homes(frame: Frame) -> Table:
    made = _table(
        "home", "health", "room", "calls/s", "failures/s", "answered", "failed", "first p50", "first p95",
        "open", words=2,
    )  # fmt: skip
    for one in frame.homes:
        colour, words = STATES[one.state]
        if one.back_in_s:
            words += f" {one.back_in_s:.0f} s"
        made.add_row(
            printable(one.home), Text(words, colour), share(one.room), f"{one.calls_per_s:.1f}",
            f"{one.failures_per_s:.1f}", f"{one.answered:,}", f"{one.failed:,}", seconds(one.first_p50_s),
            seconds(one.first_p95_s), str(one.connections),
        )  # fmt: skip
    return made


def _workloads(frame: Frame) -> Table:
    made = _table("workload", "calls/s", "calls", "not ok", "rescued", "p50", "p95")
    for one in frame.workloads:
        made.add_row(
            printable(one.workload), f"{one.calls_per_s:.1f}", f"{one.calls:,}", f"{one.not_ok:,}",
            f"{one.rescued:,}", seconds(one.p50_s), seconds(one.p95_s),
        )  # fmt: skip
    return made


def _spend(frame: Frame) -> Table:
    made = _table("spend of workload", "by key", "so far", "an hour, at this pace", "cost unknown", words=2)
    dearest = sorted(frame.spend, key=lambda one: -one.usd)
    for one in dearest[:SPEND_LINES_MAX]:
        made.add_row(
            printable(one.workload), printable(one.key or "-"), dollars(one.usd), dollars(one.usd_per_hour),
            f"{one.unknown:,} calls" if one.unknown else "",
        )  # fmt: skip
    if len(dearest) > SPEND_LINES_MAX:
        rest = dearest[SPEND_LINES_MAX:]
        made.add_row(
            f"{len(rest)} more", "", dollars(sum(one.usd for one in rest)),
            dollars(sum(one.usd_per_hour for one in rest)), f"{sum(one.unknown for one in rest):,} calls",
        )  # fmt: skip
    return made


def seconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"


def share(value: float | None) -> str:
    """Room that nobody knows is not no room."""
    return "unknown" if value is None else f"{value:.0%}"


def dollars(value: float) -> str:
    return f"${value:,.2f}" if value >= 1 or value == 0 else f"${value:.6f}"
