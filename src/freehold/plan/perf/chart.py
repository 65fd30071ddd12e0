"""The prediction as a picture: dollars per million tokens for each chip, with its interval, on a log
scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from freehold.plan.perf.predict import Prediction

ROW_PX, LEFT_PX, WIDTH_PX, TOP_PX, RIGHT_PX = 26, 150, 860, 54, 130
STYLE = (
    "text{font:13px system-ui,'DejaVu Sans',sans-serif;fill:#1f2733}.soft{fill:#5b6675;font-size:11px}"
    ".grid{stroke:#dfe4ea}.range{stroke:#3b5bdb;stroke-width:7;stroke-linecap:round;opacity:.28}"
    ".dot{fill:#3b5bdb}.back{fill:#fff}"
)


def chart(title: str, found: Sequence[Prediction]) -> str:
    """Cheapest first; chips without a price or a prediction are listed below with the reason."""
    priced = sorted((p for p in found if p.usd_per_mtok), key=lambda p: p.usd_per_mtok or 0.0)
    rest = [p for p in found if not p.usd_per_mtok]
    height = TOP_PX + ROW_PX * (len(priced) + len(rest)) + 40
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH_PX}" height="{height}" role="img" '
        f'aria-label="{escape(title, quote=True)}"><style>{STYLE}</style>',
        f'<rect class="back" width="{WIDTH_PX}" height="{height}"/>',
        f'<text x="12" y="24">{escape(title)}</text>',
    ]
    low, high = _range(priced)
    lines += [_tick(value, low, high, height) for value in _ticks(low, high)]
    lines += [_row(TOP_PX + ROW_PX * (i + 1), one, low, high) for i, one in enumerate(priced)]
    for i, one in enumerate(rest, len(priced)):
        why = one.unknown or "price unknown"
        if one.tokens_per_s:
            why += f", {one.tokens_per_s:,.0f} tokens/s on {one.chips} chips"
        y = TOP_PX + ROW_PX * (i + 1)
        lines.append(f'<text x="12" y="{y}">{escape(one.silicon)}</text>')
        lines.append(f'<text class="soft" x="{LEFT_PX}" y="{y}">{escape(why)}</text>')
    return "\n".join([*lines, "</svg>\n"])


def _range(priced: Sequence[Prediction]) -> tuple[float, float]:
    if not priced:
        return 0.1, 10.0
    low = min(p.usd_per_mtok_low or 1.0 for p in priced)
    high = max(p.usd_per_mtok_high or 1.0 for p in priced)
    return low * 0.9, high * 1.1


def _x(value: float, low: float, high: float) -> float:
    share = math.log(value / low) / math.log(high / low)
    return LEFT_PX + share * (WIDTH_PX - LEFT_PX - RIGHT_PX)


def _ticks(low: float, high: float) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    values = [times * 10.0**power for power in powers for times in (1, 2, 5)]
    return [value for value in values if low <= value <= high]


def _tick(value: float, low: float, high: float, height: int) -> str:
    x = _x(value, low, high)
    return (
        f'<line class="grid" x1="{x:.1f}" y1="{TOP_PX - 4}" x2="{x:.1f}" y2="{height - 30}"/>'
        f'<text class="soft" x="{x:.1f}" y="{height - 14}" text-anchor="middle">${value:g}</text>'
    )


def _row(y: int, one: Prediction, low: float, high: float) -> str:
    from_x = _x(one.usd_per_mtok_low or low, low, high)
    to_x = _x(one.usd_per_mtok_high or high, low, high)
    at_x = _x(one.usd_per_mtok or low, low, high)
    return (
        f'<text x="12" y="{y}">{escape(one.silicon)} ×{one.chips}</text>'
        f'<line class="range" x1="{from_x:.1f}" y1="{y - 4}" x2="{to_x:.1f}" y2="{y - 4}"/>'
        f'<circle class="dot" cx="{at_x:.1f}" cy="{y - 4}" r="4.5"/>'
        f'<text class="soft" x="{WIDTH_PX - RIGHT_PX + 12}" y="{y}">${one.usd_per_mtok or 0:.2f} per M</text>'
    )
