"""One self-contained HTML page: a strict content policy, one style sheet, no script, nothing from outside.

Everything that comes from a file of the user's goes through `esc`. Styles are classes: the policy admits one
style block by its digest, and no style attributes.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from html import escape

# Okabe-Ito colours; state is told by shape and word too, never by colour alone.
STYLE = """
:root { --ink: #1f2733; --soft: #5b6675; --line: #c9d1db; --paper: #ffffff; --box: #f4f6f9; --accent:
  #3b5bdb;
  --bluebox: #dfe6ff; --pink: #a3417f; --pinkbox: #f8e3f0;
  --bad: #c2410c; --badbox: #fdebe0; --warn: #8a6100; --warnbox: #fbf3d9; --good: #1f7a4d; --goodbox:
  #e3f4ea; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #9aa6b5; --line: #3a4454; --paper:
  #12161d;
  --bluebox: #1d2748; --pink: #f2a3d3; --pinkbox: #3a1a2e;
  --box: #1b212b; --accent: #91a7ff; --bad: #ff9a66; --badbox: #3a1f12; --warn: #f2c14e; --warnbox:
  #33290f;
  --good: #6fd39f; --goodbox: #12301f; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1280px; padding: 24px; color: var(--ink); background: var(--paper);
  font: 14px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 22px; margin: 0 0 4px; } h2 { font-size: 16px; margin: 28px 0 8px; }
p.lead { color: var(--soft); margin: 0 0 16px; } p.say { max-width: 78ch; margin: 0 0 10px; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: left; vertical-align: top; padding: 5px 12px 5px 0; border-bottom: 1px solid
  var(--line); }
th { color: var(--soft); font-weight: 600; } td.n { font-variant-numeric: tabular-nums; }
.frame { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; padding: 12px; }
svg { display: block; } svg text { font: 12px system-ui, "DejaVu Sans", sans-serif; fill: var(--ink); }
svg .head { fill: var(--soft); font-weight: 600; font-size: 11px; } svg .small { fill: var(--soft);
  font-size: 11px; }
svg .box { fill: var(--box); stroke: var(--line); } svg .edge { fill: none; stroke: var(--line); stroke-
  width: 1.2; }
svg .single { fill: var(--badbox); stroke: var(--bad); stroke-width: 1.6; } svg .mark { fill:
  var(--bad); }
svg .unknown { fill: var(--paper); stroke: var(--soft); stroke-dasharray: 4 3; }
svg .barred { fill: var(--paper); stroke: var(--warn); stroke-dasharray: 2 2; } svg .barredmark { fill:
  var(--warn); }
svg .badtext { fill: var(--bad); } svg .up { fill: var(--goodbox); stroke: var(--good); }
svg .degraded { fill: var(--warnbox); stroke: var(--warn); } svg .down { fill: var(--badbox); stroke:
  var(--bad); }
svg .wrong { fill: var(--badbox); stroke: var(--bad); stroke-dasharray: 3 2; }
svg .slow { fill: var(--warnbox); stroke: var(--warn); stroke-dasharray: 3 2; }
svg .cause { fill: var(--ink); } svg .grid { stroke: var(--line); stroke-width: 1; }
svg .tone0 { fill: var(--bluebox); stroke: var(--accent); } svg .tone1 { fill: var(--goodbox); stroke:
  var(--good); }
svg .tone2 { fill: var(--pinkbox); stroke: var(--pink); } svg .tone3 { fill: var(--box); stroke:
  var(--soft); }
.frame + p, .frame + table { margin-top: 12px; }
.state { font-weight: 600; } .state.down, .state.wrong { color: var(--bad); } .state.degraded { color:
  var(--warn); }
.state.slow { color: var(--warn); } .state.up { color: var(--good); }
ul { margin: 4px 0 10px; padding-left: 20px; } code { font: 12px ui-monospace, "DejaVu Sans Mono",
  monospace; }
@media print { body { padding: 0; } .frame { border: 0; } }
"""


def esc(text: object) -> str:
    """Text for HTML or SVG, in content and in quoted attributes; control characters become a mark."""
    shown = "".join(char if char.isprintable() or char in " \n" else "\ufffd" for char in str(text))
    return escape(shown, quote=True)


def page(title: str, lead: str, body: Iterable[str]) -> str:
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{esc(title)}</title><style>{STYLE}</style></head><body>",
            f'<h1>{esc(title)}</h1><p class="lead">{esc(lead)}</p>',
            *body,
            "</body></html>\n",
        ]
    )


def html_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f'<th scope="col">{esc(name)}</th>' for name in columns)
    lines = ["<table><thead><tr>", head, "</tr></thead><tbody>"]
    for row in rows:
        cells = "".join(
            f'<td class="n">{esc(cell)}</td>'
            if isinstance(cell, int | float)
            else f"<td>{esc(_joined(cell))}</td>"
            for cell in row
        )
        lines.append(f"<tr>{cells}</tr>")
    return "".join([*lines, "</tbody></table>"])


def _joined(cell: object) -> object:
    if cell is None:
        return "unknown"
    return ", ".join(str(item) for item in cell) if isinstance(cell, tuple | list) else cell
