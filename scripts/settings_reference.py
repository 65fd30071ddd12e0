"""Write docs/reference/settings.md from the structs that read freehold.toml.

python scripts/settings_reference.py
"""

from __future__ import annotations

from pathlib import Path

from freehold.cli.settings import SECTIONS, section_types
from freehold.config import Setting, about, settings

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "settings.md"

HEAD = """\
# Settings

Everything that `freehold.toml` may say. Made from the code by `scripts/settings_reference.py`; do not edit.
The same in a terminal: `freehold config explain gateway.port`. For editors: `freehold config schema`.

- `NAME` stands for a name of your choice; `[]` for each element of an array.
- A setting that is not listed here is an error, and the nearest one is suggested.
- Durations are text with a unit (`250ms`, `30s`, `1m30s`, `2h`), sizes too (`64KiB`, `32MiB`, `1GB`).
- Dollars are numbers or text (`3`, `0.25`, `"0.25"`). What is left out is unknown, never zero.
- Secrets are references: `env:NAME` (a variable), `file:PATH` (relative to this file), `cmd:COMMAND` (its
  output). Commands run only for `up`, `run` and `broker serve`, and not where others can write the file.
- The file is TOML in UTF-8, at most 4 MiB, nested at most 32 levels.
"""


def render() -> str:
    every = settings(section_types())
    parts = [HEAD]
    for name, kind in section_types().items():
        title = f"[{name}.NAME]" if SECTIONS[name].named else f"[{name}]"
        rows = [_row(one) for one in every if one.path.split(".")[0] == name]
        table = ["| setting | type | default | allowed | what it is for |", "|---|---|---|---|---|", *rows]
        parts.append(f"## `{title}`\n\n{about(kind)}\n\n" + "\n".join(table) + "\n")
    return "\n".join(parts)


def _row(one: Setting) -> str:
    default = "**required**" if one.required else f"`{one.default}`"
    allowed = f"`{one.allowed}`" if one.allowed else ""
    cells = (f"`{one.path}`", one.type, default, allowed, one.description)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(render(), encoding="utf-8")
