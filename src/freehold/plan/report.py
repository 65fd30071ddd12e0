"""The plan as one self-contained page with pictures: cost by vendor, where work runs, headroom, what a loss
leaves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from freehold.estate.page import esc, html_table, page
from freehold.plan.result import Loss, Plan

BAR_PX, LABEL_PX, WIDTH_PX, ROW_PX = 560, 230, 900, 24
ROWS_MAX = 40
LABEL_LETTERS_MAX = 34
LETTER_PX = 7
CELL_PX, CELLS_MAX = 82, 8  # of the picture of losses: workloads side by side
TONES = 4


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
    if plan.repaired:
        again = esc(", ".join(plan.repaired))
        yield f'<p class="say">Placed again after a loss: {again}. The rest stays.</p>'
    tones = _tones(plan)
    yield "<h2>Cost by vendor</h2>"
    yield _bars(_by_vendor(plan), tones)
    listed = sum(one.usd_per_hour for one in plan.placements)
    if plan.committed_usd_per_hour:
        yield (
            f'<p class="say">At on-demand prices. Commitments of {plan.committed_usd_per_hour:,.2f} $/h '
            f"bring the total from {listed:,.2f} to {plan.usd_per_hour:,.2f} $/h.</p>"
        )
    yield "<h2>Where each workload runs</h2>"
    yield _where(plan, tones)
    yield html_table(
        ("workload", "place", "what", "$/h", "it rests on"),
        [
            (p.workload, p.place, p.words + (f", {p.chips} chips each" if p.chips else ""),
             f"{p.usd_per_hour:,.2f}", p.rests_on)
            for p in plan.placements
        ],
    )  # fmt: skip
    yield "<h2>What a unit of work costs</h2>"
    yield html_table(
        ("workload", "kind", "$ per unit", "unit", "assumed"),
        [(one.workload, one.kind, _usd(one.usd_per_unit), one.unit, one.assumed) for one in plan.workloads],
    )
    yield "<h2>Headroom</h2>"
    yield _headroom(plan)
    yield "<h2>What an outage leaves</h2>"
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


def _usd(value: float | None) -> str | None:
    return None if value is None else f"{value:,.3f}"


def _tones(plan: Plan) -> dict[str, str]:
    """A tone for each vendor, the same in every picture; what is told by tone is told in words too."""
    vendors = [name for name, _ in _by_vendor(plan)]
    return {name: f"tone{min(index, TONES - 1)}" for index, name in enumerate(vendors)}


def _svg(height: int, parts: Iterable[str]) -> str:
    inside = "\n".join(parts)
    return (
        f'<div class="frame"><svg width="{WIDTH_PX}" height="{height}" viewBox="0 0 {WIDTH_PX} {height}">'
        f"{inside}</svg></div>"
    )


def _text(x: float, y: float, words: str, look: str = "", letters_max: int = LABEL_LETTERS_MAX) -> str:
    """Cut to what there is room for, and whole where one points at it."""
    shown = words if len(words) <= letters_max else words[: max(1, letters_max - 1)] + "…"
    title = f"<title>{esc(words)}</title>" if shown != words else ""
    marked = f' class="{look}"' if look else ""
    return f'<text{marked} x="{x:.1f}" y="{y}">{esc(shown)}{title}</text>'


def _rect(look: str, x: float, y: float, width: float, height: int, note: str = "") -> str:
    inside = f"<title>{esc(note)}</title>" if note else ""
    size = f'width="{width:.1f}" height="{height}"'
    return f'<rect class="{look}" x="{x:.1f}" y="{y}" {size} rx="3">{inside}</rect>'


def _bars(values: list[tuple[str, float]], tones: dict[str, str]) -> str:
    most = max((value for _, value in values), default=0.0) or 1.0
    parts = []
    for row, (name, value) in enumerate(values[:ROWS_MAX]):
        y, width = ROW_PX * row, max(1.0, BAR_PX * value / most)
        parts += [
            _text(0, y + 16, name), _rect(tones.get(name, "unknown"), LABEL_PX, y + 4, width, 15),
            _text(LABEL_PX + width + 8, y + 16, f"{value:,.2f} $/h", "small"),
        ]  # fmt: skip
    return _svg(ROW_PX * max(1, len(values[:ROWS_MAX])) + 4, parts)


def _where(plan: Plan, tones: dict[str, str]) -> str:
    """A bar for each workload: the share of its demand that each place serves; standby is dashed."""
    parts: list[str] = []
    names = [one.workload for one in plan.workloads][:ROWS_MAX]
    demand = {one.workload: one.demand for one in plan.workloads}
    for row, name in enumerate(names):
        y, x = 34 * row, float(LABEL_PX)
        parts.append(_text(0, y + 18, name))
        mine = plan.of(name)
        scale = BAR_PX / max(demand[name], sum(p.serves for p in mine), 1e-9)
        for one in mine:
            width = max(2.0, one.serves * scale)
            look = "unknown" if one.standby else tones.get(one.vendor, "tone3")
            note = f"{one.place}: {one.words}, {one.usd_per_hour:,.2f} $/h"
            parts.append(_rect(look, x, y + 4, width, 20, note))
            if width > 4 * LETTER_PX:
                parts.append(_text(x + 5, y + 18, one.place, "small", int(width / LETTER_PX)))
            x += width
    return _svg(34 * max(1, len(names)) + 4, parts)


def _headroom(plan: Plan) -> str:
    """How full each limit is; a full one says what one more is worth. A full commitment is well used."""
    parts: list[str] = []
    used = sorted((b for b in plan.limits if b.used > 0), key=lambda b: -b.used / max(b.size, 1e-9))
    for row, one in enumerate(used[:ROWS_MAX]):
        y, share = ROW_PX * row, min(1.0, one.used / max(one.size, 1e-9))
        look = "down" if share > 0.98 else "degraded" if share > 0.8 else "up"
        if one.limit.startswith("commitment "):
            look = "up" if share > 0.8 else "degraded"
        worth = (
            f", one more is worth {one.worth_usd_per_hour:,.2f} $/h" if one.worth_usd_per_hour > 0.005 else ""
        )
        told = f"{one.used:,.0f} of {one.size:,.0f} {one.unit}{worth}"
        parts += [
            _text(0, y + 16, one.limit), _rect("box", LABEL_PX, y + 4, 300, 15),
            _rect(look, LABEL_PX, y + 4, 300 * share, 15), _text(LABEL_PX + 310, y + 16, told, "small", 60),
        ]  # fmt: skip
    return _svg(ROW_PX * max(1, len(used[:ROWS_MAX])) + 4, parts)


def _losses(losses: tuple[Loss, ...]) -> str:
    """Losses by workloads: the share that is still served, as a bar and in words."""
    told = [loss for loss in losses if any(share < 1 - 1e-9 for share in loss.left.values())]
    if not told:
        return '<p class="say">No single loss that a workload must outlive takes anything away.</p>'
    worst = {name: min(loss.left.get(name, 1.0) for loss in told) for loss in told for name in loss.left}
    names = sorted(worst, key=lambda name: (worst[name], name))
    told = sorted(told, key=lambda loss: (-len(loss.broken), sum(loss.left.values()) / len(loss.left)))
    pictures = [_grid(told[:ROWS_MAX], names[:CELLS_MAX])]
    more = len(names) - CELLS_MAX
    if more > 0:
        pictures.append(f'<p class="say">Those who lose most; {more} others lose less.</p>')
    if len(told) > ROWS_MAX:
        pictures.append(f'<p class="say">The {ROWS_MAX} worst of {len(told)} losses.</p>')
    return "".join(pictures)


def _grid(told: list[Loss], names: list[str]) -> str:
    parts = [
        _text(LABEL_PX + CELL_PX * column, 12, name, "head", CELL_PX // LETTER_PX - 1)
        for column, name in enumerate(names)
    ]
    for row, loss in enumerate(told):
        y = 20 + ROW_PX * row
        parts.append(_text(0, y + 16, f"{loss.kind} {loss.name}"))
        for column, name in enumerate(names):
            parts += _cell(loss, name, LABEL_PX + CELL_PX * column, y)
    return _svg(20 + ROW_PX * len(told) + 4, parts)


def _cell(loss: Loss, name: str, x: float, y: int) -> list[str]:
    if name not in loss.left:
        return [_text(x + 4, y + 16, "no rule", "small")]
    share, width = loss.left[name], CELL_PX - 8
    look = "down" if name in loss.broken else "up" if share > 1 - 1e-9 else "degraded"
    words = f"{100 * share:.0f} %" + (" too little" if name in loss.broken else "")
    note = f"{name} after the loss of {loss.kind} {loss.name}: {words} is still served"
    return [
        _rect("box", x, y + 4, width, 16, note), _rect(look, x, y + 4, max(1.0, width * share), 16, note),
        _text(x + 5, y + 16, words, "small", 16),
    ]  # fmt: skip
