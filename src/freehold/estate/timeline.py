"""Drills as one page: a timeline for each, in which everybody sees who was down from when to when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from freehold.estate.draw import LETTER_PX, fitted
from freehold.estate.drill import Drill, Report, Stretch
from freehold.estate.model import Estate
from freehold.estate.page import esc, html_table, page
from freehold.estate.scenario import Blow

LABEL_PX = 210
TRACK_PX = 940
ROW_PX = 26
BAR_PX = 18
CAUSES_MAX = 6
TICKS_MAX = 10
STEPS_MIN = (5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 4320, 10080)
SHAPES = {"down": "\u25a0", "degraded": "\u25b2", "wrong": "\u25c6", "slow": "\u25bd", "up": "\u25cf"}


def clock_words(minutes: float) -> str:
    """90 -> 1 h 30, 45 -> 45 min, 4320 -> 3 d."""
    whole = round(minutes)
    if whole >= 2880:
        days, rest = divmod(whole, 1440)
        return f"{days} d" + (f" {rest // 60} h" if rest >= 60 else "")
    if whole >= 60:
        hours, rest = divmod(whole, 60)
        return f"{hours} h" + (f" {rest:02d}" if rest else "")
    return f"{whole} min"


def windows_words(windows: Sequence[tuple[float, float]], starts: str = "") -> str:
    """From when to when: by the clock where the start is recorded to the minute, else after its start."""
    return " and ".join(
        f"from {moment_words(start, starts)} to {moment_words(end, starts)} ({clock_words(end - start)})"
        for start, end in windows
    )


def moment_words(minutes: float, starts: str) -> str:
    if len(starts) < 16:
        return f"+{clock_words(minutes)}" if minutes else "the start"
    at = _past_midnight(starts) + round(minutes)
    later = f" (+{at // 1440} d)" if at >= 1440 else ""
    return f"{at // 60 % 24:02d}:{at % 60:02d}{later}"


def _past_midnight(starts: str) -> int:
    """Minutes; 0 where the hour is not recorded."""
    return int(starts[11:13]) * 60 + int(starts[14:16]) if len(starts) >= 16 else 0


def drill_page(drills: Sequence[Drill], estate: Estate) -> str:
    """Every drill that touches the estate with its picture; the others by name."""
    played = [one for one in drills if one.touches]
    hurt = [one for one in played if one.worst in ("down", "degraded", "wrong")]
    lead = f"{len(drills)} drills: {len(played)} touch this estate, {len(hurt)} hurt it. Times are UTC."
    body = [_overview(drills)] if len(drills) > 1 else []
    for one in played:
        body.extend(_one(one))
    missed = [one.scenario.id for one in drills if not one.touches]
    if missed:
        body.append(f"<h2>Do not touch this estate</h2><p>{esc(', '.join(missed))}</p>")
    return page(f"Drills of {estate.name or 'this estate'}", lead, body)


def _overview(drills: Sequence[Drill]) -> str:
    rows = []
    for one in drills:
        if one.touches:
            named = {
                state: [str(r.workload) for r in one.workloads if r.worst == state] or ["-"]
                for state in ("down", "degraded", "wrong")
            }
            rows.append((one.scenario.id, one.scenario.title, *named.values()))
    return html_table(("drill", "what happens", "down", "degraded", "wrong answers"), rows)


def _one(drill: Drill) -> Iterable[str]:
    scenario = drill.scenario
    length = "for good, counted for 30 days" if scenario.for_good else clock_words(scenario.minutes)
    yield f"<h2>{esc(scenario.title)}</h2>"
    origin = f"{scenario.starts} {length}; {scenario.status}: {scenario.source}"
    yield f'<p class="lead"><code>{esc(scenario.id)}</code> {esc(origin)}</p>'
    if scenario.teaches:
        yield f'<p class="say">{esc(scenario.teaches)}</p>'
    yield f'<div class="frame">{picture(drill)}</div><ul>'
    for report in drill.workloads:
        if (
            report.worst != "up"
            or report.frozen
            or report.price_unknown
            or report.usd_month_after is not None
        ):
            yield f"<li>{_report_words(report, scenario.starts)}</li>"
    yield "</ul>"
    for note in scenario.notes:
        yield f'<p class="lead">{esc(note)}</p>'


def _report_words(report: Report, starts: str) -> str:
    state = f'<span class="state {report.worst}">{SHAPES[report.worst]} {report.worst}</span>'
    parts = [f"<b>{esc(report.workload)}</b> {state}"]
    if report.down:
        parts.append(f"down {esc(windows_words(report.down, starts))}")
    if report.degraded:
        parts.append(f"degraded {esc(windows_words(report.degraded, starts))}")
    if report.frozen and not report.down:
        parts.append(f"could not have grown {esc(windows_words(report.frozen, starts))}")
    if report.unserved:
        parts.append(
            f"{'' if report.unserved_known else 'at least '}{report.unserved:,.0f} requests unserved"
        )
    if report.wrong:
        parts.append(f"{report.wrong:,.0f} answers from homes that were wrong")
    if report.price_unknown:
        parts.append("what it costs is not known: a price or a demand is not stated")
    if report.usd_month_before is not None and report.usd_month_after is not None:
        parts.append(f"${report.usd_month_before:,.0f} a month becomes ${report.usd_month_after:,.0f}")
    why = "".join(f"<li>because {esc(one)}</li>" for one in report.because[:3])
    how = "".join(f"<li>prevented by {esc(one)}</li>" for one in report.prevented_by)
    return "; ".join(parts) + (f"<ul>{why}{how}</ul>" if why or how else "")


def picture(drill: Drill) -> str:
    """Causes on top, workloads below, time from left to right."""
    end = max((s.to_min for r in drill.workloads for s in r.stretches), default=drill.scenario.minutes) or 1
    causes = _causes(drill)
    height = 24 + ROW_PX * (len(causes) + len(drill.workloads)) + 8
    width = LABEL_PX + TRACK_PX + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-label="timeline of {esc(drill.scenario.id)}">',
        *_axis(end, height, drill.scenario.starts),
    ]
    row = 0
    for name, blows in causes:
        parts.append(_label(row, name, "small"))
        parts.extend(_bar(row, blow.from_min, blow.to_min, end, "cause", blow.how, 6) for blow in blows)
        row += 1
    for report in drill.workloads:
        parts.append(_label(row, report.workload, ""))
        for stretch in report.stretches:
            parts.append(
                _bar(row, stretch.from_min, stretch.to_min, end, stretch.state, _bar_text(stretch), BAR_PX)
            )
        row += 1
    return "\n".join([*parts, "</svg>"])


def _causes(drill: Drill) -> list[tuple[str, list[Blow]]]:
    rows: dict[tuple[int, ...], list[Blow]] = {}
    for blow in drill.scenario.blows:
        rows.setdefault(blow.nodes, []).append(blow)
    struck = dict.fromkeys(node for blow in drill.scenario.blows for node in blow.nodes)
    names = dict(zip(struck, drill.failed, strict=True))
    told = [(", ".join(names[node] for node in nodes), blows) for nodes, blows in rows.items()]
    return told[:CAUSES_MAX]


def _axis(end: float, height: int, starts: str) -> Iterable[str]:
    step = next((step for step in STEPS_MIN if end / step <= TICKS_MAX), end)
    at = float(-_past_midnight(starts) % step)
    while at < end:
        x = LABEL_PX + TRACK_PX * at / end
        yield f'<path class="grid" d="M{x:.1f} 18V{height - 4}"/>'
        words = moment_words(at, starts)
        if x + len(words) * LETTER_PX < LABEL_PX + TRACK_PX:
            yield f'<text class="small" x="{x + 3:.1f}" y="12">{esc(words)}</text>'
        at += step


def _label(row: int, text: str, look: str) -> str:
    y = 24 + ROW_PX * row + ROW_PX / 2 + 4
    return f'<text class="{look}" x="0" y="{y:.1f}">{esc(fitted(text, LABEL_PX - 12))}</text>'


def _bar(row: int, start: float, to: float, end: float, look: str, text: str, thick: int) -> str:
    x = LABEL_PX + TRACK_PX * start / end
    width = max(1.5, TRACK_PX * (min(to, end) - start) / end)
    y = 24 + ROW_PX * row + (ROW_PX - thick) / 2
    title = text
    if width <= len(text) * LETTER_PX + 10:
        text = text[:1]  # the shape alone
    fits = thick == BAR_PX and width > 2 * LETTER_PX
    words = f'<text class="small" x="{x + 6:.1f}" y="{y + 13:.1f}">{esc(text)}</text>' if fits else ""
    return (
        f'<g><title>{esc(title)}</title><rect class="{look}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
        f'height="{thick}" rx="2"/>{words}</g>'
    )


def _bar_text(stretch: Stretch) -> str:
    share = (
        "" if stretch.share is None or stretch.state in ("down", "up") else f", {stretch.share:.0%} served"
    )
    return f"{SHAPES[stretch.state]} {stretch.state}{share}"
