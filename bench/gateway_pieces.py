"""What bench/gateway.py measured, piece by piece, and the page made of all pieces there are.

Each piece keeps the machine, the commit and the command it was measured with, so that pieces measured at
different times can stand on one page without pretending otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench.harness import RESULTS, Environment

FOLDER = RESULTS / "gateway"
PAGE = RESULTS / "gateway.md"
ORDER = (
    "plain", "bodies", "tls", "translated", "streams", "many-streams", "ladder", "sustained", "memory",
    "rescue", "grey", "profile",
)  # fmt: skip


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One contender in one case: medians over rounds, and the least and most of what varies."""

    case: str
    gateway: str
    unit: str
    rounds: int
    per_second: float
    per_second_min: float
    per_second_max: float
    cpu_us: float | None  # None: there is no gateway
    cpu_us_min: float
    cpu_us_max: float
    p50_ms: float
    p99_ms: float
    errors: int
    peak_mb: float


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure that is no throughput."""

    what: str
    unit: str
    samples: int
    median: float
    least: float
    most: float
    note: str = ""


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    environment: Environment
    rows: tuple[Row, ...] = ()
    figures: tuple[Figure, ...] = ()
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Found(NamedTuple):
    """What measuring a piece gave."""

    rows: Sequence[Row] = ()
    figures: Sequence[Figure] = ()
    left_out: Sequence[str] = ()
    notes: Sequence[str] = ()


def save(piece: Piece) -> None:
    """The piece for programs; then the page, from every piece that is there."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    data = msgspec.json.format(msgspec.json.encode(piece), indent=1)
    (FOLDER / f"{piece.name}.json").write_bytes(data + b"\n")
    PAGE.write_text(page(load_all()), encoding="utf-8")


def load_all(folder: Path = FOLDER) -> dict[str, Piece]:
    found = {}
    for name in ORDER:
        path = folder / f"{name}.json"
        if path.exists():
            found[name] = msgspec.json.decode(path.read_bytes(), type=Piece)
    return found


# --- must and goal ---


class Goal(NamedTuple):
    """A line of the table: what is compared, and what it is to be."""

    what: str
    must: float
    goal: float
    of: Callable[[Pieces], float | None]
    more_is_better: bool = False
    unit: str = "x"


class Pieces:
    """Looking figures up; None where a piece, a contender or a figure is not there."""

    def __init__(self, pieces: dict[str, Piece]) -> None:
        self.pieces = pieces

    def row(self, piece: str, case: str, gateway: str) -> Row | None:
        rows = self.pieces[piece].rows if piece in self.pieces else ()
        return next((one for one in rows if (one.case, one.gateway) == (case, gateway)), None)

    def figure(self, piece: str, what: str) -> Figure | None:
        figures = self.pieces[piece].figures if piece in self.pieces else ()
        return next((one for one in figures if one.what == what), None)

    def ratio(self, piece: str, case: str, ours: str, theirs: str, field: str) -> float | None:
        one, other = self.row(piece, case, ours), self.row(piece, case, theirs)
        if one is None or other is None or not getattr(other, field) or getattr(one, field) is None:
            return None
        return float(getattr(one, field) / getattr(other, field))

    def added(self, case: str, ours: str) -> float | None:
        """Milliseconds to the first event beyond what the home itself takes."""
        one, other = self.row("streams", case, ours), self.row("streams", case, "direct")
        return None if one is None or other is None else one.p50_ms - other.p50_ms


C32, C128 = "plain, 32 connections", "plain, 128 connections"
TRANSLATED = "translated to Anthropic, 32 connections"
S8, S8_STEP = "8 streams of 50/s, each begun at its own moment", "8 streams of 50/s, in step"
S128 = "128 streams of 50/s"  # in step, as all from here on: what comes at once has to wait for each other
S128T = "128 translated streams of 50/s"


def _ratio(
    piece: str, case: str, theirs: str, field: str, ours: str = "freehold"
) -> Callable[[Pieces], float | None]:
    return lambda all_of: all_of.ratio(piece, case, ours, theirs, field)


def _median(piece: str, what: str) -> Callable[[Pieces], float | None]:
    def of(all_of: Pieces) -> float | None:
        found = all_of.figure(piece, what)
        return None if found is None else found.median

    return of


GOALS = (
    Goal(
        "calls/s against nginx, records to null", 0.50, 0.65,
        _ratio("plain", C32, "nginx", "per_second"), True,
    ),
    Goal(
        "calls/s against nginx, records durable", 0.35, 0.50,
        _ratio("plain", C32, "nginx", "per_second", "freehold durable"), True,
    ),
    Goal("CPU per call against nginx", 2.0, 1.5, _ratio("plain", C32, "nginx", "cpu_us")),
    Goal("p99 at 128 connections against nginx", 2.0, 1.3, _ratio("plain", C128, "nginx", "p99_ms")),
    Goal("calls/s against TensorZero", 6, 9, _ratio("plain", C32, "tensorzero", "per_second"), True),
    Goal("calls/s against SGLang router", 3, 4, _ratio("plain", C32, "sglang-router", "per_second"), True),
    Goal("calls/s against Portkey", 40, 60, _ratio("plain", C32, "portkey", "per_second"), True),
    Goal("calls/s against LiteLLM", 200, 400, _ratio("plain", C32, "litellm", "per_second"), True),
    Goal(
        "translated calls/s against TensorZero", 4, 7,
        _ratio("translated", TRANSLATED, "tensorzero", "per_second"), True,
    ),
    Goal("CPU per streamed chunk against nginx", 1.5, 1.2, _ratio("streams", S128, "nginx", "cpu_us")),
    Goal(
        "CPU per streamed chunk against TensorZero", 0.6, 0.4, _ratio("streams", S128, "tensorzero", "cpu_us")
    ),
    Goal(
        "CPU per translated chunk against TensorZero", 0.8, 0.55,
        _ratio("translated", S128T, "tensorzero", "cpu_us"),
    ),
    Goal(
        "added time to first token, 8 streams", 0.3, 0.15, lambda all_of: all_of.added(S8, "freehold"),
        unit=" ms",
    ),
    Goal(
        "the same, all in step", 0.3, 0.15, lambda all_of: all_of.added(S8_STEP, "freehold"),
        unit=" ms",
    ),
    Goal("rescue adds: refused", 10, 3, _median("rescue", "refused"), unit=" ms"),
    Goal("rescue adds: reset", 10, 3, _median("rescue", "reset"), unit=" ms"),
    Goal("rescue adds: silent home, over the limit", 50, 10, _median("rescue", "silent"), unit=" ms"),
    Goal("rescue adds: stalled stream, over the limit", 50, 10, _median("rescue", "stalled"), unit=" ms"),
    Goal("a home three times slower is noticed", 30, 15, _median("grey", "noticed after"), unit=" calls"),
    Goal("memory per worker", 80, 45, _median("memory", "freehold durable, idle"), unit=" MB"),
    Goal(
        "memory per worker at 1,000 streams", 200, 120, _median("memory", "freehold durable, 1000 streams"),
        unit=" MB",
    ),
)  # fmt: skip


def verdict(goal: Goal, value: float | None) -> str:
    if value is None:
        return "not measured"
    sign = 1 if goal.more_is_better else -1
    if sign * value >= sign * goal.goal:
        return "goal"
    return "must" if sign * value >= sign * goal.must else "missed"


# --- the page ---


def page(pieces: dict[str, Piece]) -> str:
    all_of = Pieces(pieces)
    lines = [
        "# gateway\n",
        "What a call costs in each gateway, on one core; homes and load on the other. What is compared, and "
        "how: [the bench](../gateway.py). Each piece says when it was measured, and on what. What follows "
        "from the profile: [what is next](../../ARCHITECTURE.md#what-the-profile-shows-next).\n",
        "| | must | goal | measured | holds |",
        "|---|---:|---:|---:|---|",
    ]
    for goal in GOALS:
        value = goal.of(all_of)
        said = "" if value is None else f"{value:.2f}{goal.unit}"
        lines.append(
            f"| {goal.what} | {goal.must:g}{goal.unit} | {goal.goal:g}{goal.unit} | {said} "
            f"| {verdict(goal, value)} |"
        )
    absent = [name for name in ORDER if name not in pieces]
    if absent:
        lines.append(f"\nNot measured yet: {', '.join(absent)}.")
    return "\n".join([*lines, "", *(piece_text(one) for one in pieces.values())])


def piece_text(piece: Piece) -> str:
    parts = [f"## {piece.name}\n"]
    for case in dict.fromkeys(one.case for one in piece.rows):
        parts.append(_case(case, [one for one in piece.rows if one.case == case]))
    if piece.figures:
        parts.append(_figures(piece.figures))
    said = [*piece.notes, *(f"left out: {one}" for one in piece.left_out)]
    parts += [f"- {one}" for one in said]
    where = piece.environment
    parts.append(
        f"\nMeasured {where.date} by `{where.command}` at commit `{where.commit}` on {where.cpu}, "
        f"{where.cores} cores, Linux {where.kernel}, Python {where.python} ({where.build}); fixed loop "
        f"{where.score_ms:.0f} ms; load {where.load_1min:.1f} before it. For programs: "
        f"[{piece.name}.json](gateway/{piece.name}.json).\n"
    )
    return "\n".join(parts)


def _case(case: str, rows: Sequence[Row]) -> str:
    limit = next((one for one in rows if one.gateway == "nginx"), None)
    latencies = "first event p50 ms | event p99 ms" if rows[0].unit == "chunk" else "p50 ms | p99 ms"
    lines = [
        f"### {case}\n",
        f"| gateway | {rows[0].unit}s/s (min - max) | CPU us/{rows[0].unit} (min - max) | CPU against nginx "
        f"| {latencies} | peak MB | errors |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
        *(_line(one, limit) for one in rows),
    ]
    return "\n".join(lines) + "\n"


def _line(one: Row, limit: Row | None) -> str:
    cpu = ratio = "-"
    if one.cpu_us is not None and one.cpu_us_min < 0:
        cpu = ratio = "unknown: its processes came and went"
    elif one.cpu_us is not None:
        cpu = f"{one.cpu_us:.1f} ({one.cpu_us_min:.1f} - {one.cpu_us_max:.1f})"
        if limit is not None and limit.cpu_us:
            ratio = f"{one.cpu_us / limit.cpu_us:.2f}x"
    return (
        f"| {one.gateway} | {one.per_second:,.0f} ({one.per_second_min:,.0f} - {one.per_second_max:,.0f}) "
        f"| {cpu} | {ratio} | {one.p50_ms:.2f} | {one.p99_ms:.2f} | {one.peak_mb:.0f} | {one.errors} |"
    )


def _figures(figures: Sequence[Figure]) -> str:
    lines = ["| what | median | min - max | samples | note |", "|---|---:|---:|---:|---|"]
    lines += [
        f"| {one.what} | {one.median:,.2f} {one.unit} | {one.least:,.2f} - {one.most:,.2f} | {one.samples} "
        f"| {one.note} |"
        for one in figures
    ]
    return "\n".join(lines) + "\n"
