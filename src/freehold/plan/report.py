"""The plan as one self-contained page with pictures: cost by vendor, where work runs, headroom, what a loss
leaves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from freehold.estate.page import esc, html_table, page
from freehold.plan.result import Loss, Plan

BAR_PX, LABEL_PX, WIDTH_PX, ROW_PX = 560, 230, 900, 24
ROWS_MAX = 40
CELL_PX, HEAD_PX = 74, 20


def report(plan: Plan, name: str) -> str:
    lead = (
        f"{plan.usd_per_hour:,.2f} $/h; no plan can cost less than {plan.bound_usd_per_hour:,.2f} $/h "
        f"(gap {100 * plan.gap:.2f} %{', proved best' if plan.exact else ''})"
    )
    return page(f"Plan of {name}", lead, _body(plan))


def _body(plan: Plan) -> Iterator[str]:
    if plan.unserved:
        left = "; ".join(f"{name}: {100 * share:.0f} % of it" for name, share in plan.unserved.items())
        yield f'<p class="say state down">Not served: {esc(left)}</p>'
    yield "<h2>Cost by vendor</h2>"
    yield _bars(_by_vendor(plan), "$/h")
    listed = sum(one.usd_per_hour for one in plan.placements)
    if plan.committed_usd_per_hour:
        yield (
            f'<p class="say">At on-demand prices. Commitments of {plan.committed_usd_per_hour:,.2f} $/h '
            f"bring the total from {listed:,.2f} to {plan.usd_per_hour:,.2f} $/h.</p>"
        )
    yield "<h2>Where each workload runs</h2>"
    yield _where(plan)
    yield html_table(
        ("workload", "place", "what", "$/h", "it rests on"),
        [
            (p.workload, p.place, p.words + (f", {p.chips} chips each" if p.chips else ""),
             f"{p.usd_per_hour:,.2f}", p.rests_on)
            for p in plan.placements
        ],
    )  # fmt: skip
    yield "<h2>Headroom</h2>"
    yield _headroom(plan)
    yield "<h2>What a loss leaves</h2>"
    yield _losses(plan.losses)
    yield "<h2>The price of each rule</h2>"
    yield html_table(("rule", "how it was found", "in words"), [(r.rule, r.how, r.words) for r in plan.rules])
    if plan.ruled_out:
        yield "<h2>Ruled out</h2>"
        yield html_table(("workload", "place", "why"), [(r.workload, r.place, r.why) for r in plan.ruled_out])
    if plan.left_out:
        yield "<h2>Not planned</h2>"
        yield html_table(("workload", "why"), plan.left_out.items())


def _by_vendor(plan: Plan) -> list[tuple[str, float]]:
    total: dict[str, float] = defaultdict(float)
    for one in plan.placements:
        total[one.vendor] += one.usd_per_hour
    if plan.idle_usd_per_hour:
        total["idle commitments"] += plan.idle_usd_per_hour
    return sorted(total.items(), key=lambda pair: -pair[1])


def _svg(height: int, parts: Iterable[str]) -> str:
    inside = "\n".join(parts)
    return (
        f'<div class="frame"><svg width="{WIDTH_PX}" height="{height}" viewBox="0 0 {WIDTH_PX} {height}">'
        f"{inside}</svg></div>"
    )


def _bars(values: list[tuple[str, float]], unit: str) -> str:
    most = max((value for _, value in values), default=0.0) or 1.0
    parts = []
    for row, (name, value) in enumerate(values[:ROWS_MAX]):
        y = ROW_PX * row
        parts.append(
            f'<text x="0" y="{y + 16}">{esc(name)}</text>'
            f'<rect class="up" x="{LABEL_PX}" y="{y + 4}" width="{max(1.0, BAR_PX * value / most):.1f}" '
            f'height="15" rx="3"/>'
            f'<text class="small" x="{LABEL_PX + max(1.0, BAR_PX * value / most) + 8:.1f}" y="{y + 16}">'
            f"{value:,.2f} {unit}</text>"
        )
    return _svg(ROW_PX * max(1, len(parts)) + 4, parts)


def _where(plan: Plan) -> str:
    """A bar for each workload: the share of its demand that each place serves; standby is dashed."""
    parts: list[str] = []
    names = [one.workload for one in plan.workloads][:ROWS_MAX]
    demand = {one.workload: one.demand for one in plan.workloads}
    for row, name in enumerate(names):
        y, x = 34 * row, float(LABEL_PX)
        parts.append(f'<text x="0" y="{y + 18}">{esc(name)}</text>')
        mine = plan.of(name)
        scale = BAR_PX / max(demand[name], sum(p.serves for p in mine), 1e-9)
        for index, one in enumerate(mine):
            width = max(2.0, one.serves * scale)
            look = "unknown" if one.standby else ("up", "degraded", "box")[index % 3]
            note = f"{one.place}: {one.words}, {one.usd_per_hour:,.2f} $/h"
            parts.append(
                f'<rect class="{look}" x="{x:.1f}" y="{y + 4}" width="{width:.1f}" height="20" rx="3">'
                f"<title>{esc(note)}</title></rect>"
            )
            if width > 7 * len(one.place):
                parts.append(f'<text class="small" x="{x + 5:.1f}" y="{y + 18}">{esc(one.place)}</text>')
            x += width
    return _svg(34 * max(1, len(names)) + 4, parts)


def _headroom(plan: Plan) -> str:
    """How full each limit is; a full one says what one more would be worth."""
    parts: list[str] = []
    used = sorted((b for b in plan.limits if b.used > 0), key=lambda b: -b.used / max(b.size, 1e-9))
    for row, one in enumerate(used[:ROWS_MAX]):
        y, share = ROW_PX * row, min(1.0, one.used / max(one.size, 1e-9))
        look = "down" if share > 0.98 else "degraded" if share > 0.8 else "up"
        worth = (
            f", one more is worth {one.worth_usd_per_hour:,.2f} $/h" if one.worth_usd_per_hour > 0.005 else ""
        )
        parts.append(
            f'<text x="0" y="{y + 16}">{esc(one.limit)}</text>'
            f'<rect class="box" x="{LABEL_PX}" y="{y + 4}" width="300" height="15" rx="3"/>'
            f'<rect class="{look}" x="{LABEL_PX}" y="{y + 4}" width="{300 * share:.1f}" height="15" rx="3"/>'
            f'<text class="small" x="{LABEL_PX + 310}" y="{y + 16}">{one.used:,.0f} of {one.size:,.0f} '
            f"{esc(one.unit)}{esc(worth)}</text>"
        )
    return _svg(ROW_PX * max(1, len(parts)) + 4, parts)


def _losses(losses: tuple[Loss, ...]) -> str:
    """A table of losses by workloads: the share that is still served, in numbers and in colour."""
    told = [loss for loss in losses if any(share < 1 - 1e-9 for share in loss.left.values())][:ROWS_MAX]
    if not told:
        return '<p class="say">No single loss that a workload must outlive takes anything away.</p>'
    names = sorted({name for loss in told for name in loss.left})
    rows = []
    for loss in told:
        cells = [f"{100 * loss.left[name]:.0f} %" if name in loss.left else "no rule" for name in names]
        state = "broken" if loss.broken else "held"
        rows.append((f"{loss.kind} {loss.name}", *cells, state))
    return html_table(("lost", *names, "what was asked"), rows)
