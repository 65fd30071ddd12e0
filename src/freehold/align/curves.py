"""Line charts as SVG text, with a band where an interval is known."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import msgspec

WIDTH, HEIGHT = 640, 240
LEFT, RIGHT, TOP, BOTTOM = 44, 190, 28, 34
# After Okabe and Ito: told apart by people who see colours differently.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#3c3c3c")
DASHES = ("", "6 3", "2 3", "8 3 2 3", "", "6 3", "2 3")
LABEL_CHARACTERS_MAX = 60  # that fit side by side under a chart
NEGLIGIBLE = 1e-6


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    label: str
    points: Sequence[float | None]
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()


def chart(title: str, curves: Sequence[Curve], names: Sequence[str], top: float | None = None) -> str:
    """One chart; `names` are the places on the horizontal axis."""
    values = [value for curve in curves for value in (*curve.points, *curve.high) if value is not None]
    bottom = min([0.0, *(value for value in values if value < -NEGLIGIBLE)])
    peak = top if top is not None else max([1e-9, *values])
    plot = _Plot(count=max(2, len(names)), bottom=bottom, top=peak)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" class="chart" '
        f'aria-label="{escape(title, quote=True)}">',
        f'<text x="{LEFT}" y="16" class="title">{escape(title)}</text>',
        *plot.grid(),
        *plot.names(names),
    ]
    for number, curve in enumerate(curves):
        parts += plot.draw(curve, COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)], number)
    return "".join([*parts, "</svg>"])


class _Plot:
    def __init__(self, count: int, bottom: float, top: float) -> None:
        self._count, self._bottom, self._top = count, bottom, top

    def x(self, place: int) -> float:
        return LEFT + place * (WIDTH - LEFT - RIGHT) / (self._count - 1)

    def y(self, value: float) -> float:
        share = (value - self._bottom) / ((self._top - self._bottom) or 1.0)
        return HEIGHT - BOTTOM - min(1.05, max(-0.05, share)) * (HEIGHT - TOP - BOTTOM)

    def grid(self) -> list[str]:
        parts = []
        for step in range(5):
            value = self._bottom + (self._top - self._bottom) * step / 4
            y = self.y(value)
            parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="rule"/>')
            parts.append(
                f'<text x="{LEFT - 6}" y="{y + 3:.1f}" class="tick" text-anchor="end">{value:.3g}</text>'
            )
        return parts

    def names(self, names: Sequence[str]) -> list[str]:
        longest = max((len(name) for name in names), default=1)
        every = max(1, -(-len(names) * (longest + 1) // LABEL_CHARACTERS_MAX))
        return [
            f'<text x="{self.x(place):.1f}" y="{HEIGHT - BOTTOM + 14}" class="tick" text-anchor="middle">'
            f"{escape(name)}</text>"
            for place, name in enumerate(names)
            if place % every == 0
        ]

    def draw(self, curve: Curve, colour: str, dash: str, number: int) -> list[str]:
        dots = [(self.x(n), self.y(v)) for n, v in enumerate(curve.points) if v is not None]
        if not dots:
            return []
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in dots)
        label_y = TOP + 14 + 18 * number
        return [
            self._band(curve, colour),
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5" '
            f'stroke-dasharray="{dash}"/>',
            *(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2" fill="{colour}"/>'
                for x, y in dots
                if len(dots) <= 40
            ),
            f'<line x1="{WIDTH - RIGHT + 8}" x2="{WIDTH - RIGHT + 28}" y1="{label_y - 4}" y2="{label_y - 4}" '
            f'stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>',
            f'<text x="{WIDTH - RIGHT + 32}" y="{label_y}" class="key">{escape(_short(curve.label))}</text>',
        ]

    def _band(self, curve: Curve, colour: str) -> str:
        pairs = [
            (n, a, b)
            for n, (a, b) in enumerate(zip(curve.low, curve.high, strict=False))
            if a is not None and b is not None
        ]
        if not pairs:
            return ""
        over = [f"{self.x(n):.1f},{self.y(high):.1f}" for n, _, high in pairs]
        under = [f"{self.x(n):.1f},{self.y(low):.1f}" for n, low, _ in reversed(pairs)]
        return f'<polygon points="{" ".join([*over, *under])}" fill="{colour}" opacity="0.12"/>'


def _short(label: str) -> str:
    return label if len(label) <= 28 else label[:26] + ".."
