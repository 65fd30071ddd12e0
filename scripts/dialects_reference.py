"""Write docs/reference/dialects.md: what is spoken, on which paths, and what becomes of every feature.

`make docs`. The tables come from the code and from the matrix that tests/dialects/test_matrix.py runs; that
test holds the page to both.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from freehold.dialects.capabilities import ROWS, Capability  # noqa: E402 - after the path is known
from freehold.dialects.routes import PATHS  # noqa: E402
from freehold.dialects.table import APIS  # noqa: E402
from tests.dialects import homes  # noqa: E402
from tests.dialects.matrix import Cell, cell  # noqa: E402
from tests.dialects.sdks import FEATURES  # noqa: E402

PAGE = ROOT / "docs" / "reference" / "dialects.md"

INTRO = """# Dialects

Written by `make docs` from the code and from the matrix test; do not edit by hand.

Freehold reads and writes five dialects, each on both sides: `openai` (chat completions, embeddings,
models), `responses`, `anthropic` (messages, token counts, models; API versions 2023-06-01 and 2026-10-21),
`bedrock` (Converse and InvokeModel, whole and streamed) and `gemini`. Any vendor's SDK can be pointed at
Freehold unchanged, and its call can be answered by a home of any dialect.

- Where the caller and the home speak the same form, bytes pass through; only what must change is changed.
- What a home cannot do is decided before the hop, from the [table of capabilities](#capabilities): the
  request is adapted and the change noted, or the home is left out, or the request is refused. Meaning never
  changes silently.
- A block that a vendor signed goes back to that vendor or nowhere. A caller of another dialect is given it
  with the vendor's name inside the signature, or inside the id of a tool call, and hands it back so.
- URLs that a caller names inside a request are never fetched; a home that needs bytes is left out.
- Cached tokens are counted once: OpenAI's and Gemini's totals include them, Anthropic's and Bedrock's do
  not.

## Callers' keys

A key is taken from where each SDK puts it: `Authorization: Bearer`, `x-api-key`, `api-key`,
`x-goog-api-key`, or `?key=` in the URL (taken off before anything is logged). On Bedrock's paths a Bedrock
bearer key works as it is. With SigV4, the access key id is the Freehold key; the signature is made with a
secret of which Freehold keeps only a hash, so **it is not checked**, and the access key id alone decides.
Treat it as the secret that it is.

"""


def page() -> str:
    parts = [INTRO, paths(), apis(), matrix(), capabilities()]
    return "\n".join(part.rstrip() + "\n" for part in parts)


def paths() -> str:
    lines = ["## Paths", "", "| method | path | dialect | asks for |", "|---|---|---|---|"]
    for row in PATHS:
        method = "any" if row.method == "*" else row.method
        lines.append(f"| {method} | `{row.pattern}` | {row.dialect} | {row.operation} |")
    lines += [
        "",
        "Lists of models share one path: `anthropic-version` or `x-goog-api-key` in the headers says",
        "whose is meant.",
    ]
    return "\n".join(lines)


def apis() -> str:
    lines = [
        "## APIs of homes",
        "",
        "What `api` in a home may be.",
        "",
        "| api | dialect | reaches |",
        "|---|---|---|",
    ]
    lines += [f"| `{name}` | {api.dialect} | {api.serves} |" for name, api in APIS.items()]
    return "\n".join(lines)


def matrix() -> str:
    notes: dict[tuple[str, ...], int] = {}
    lines = [
        "## Any to any", "",
        "Rows: what the caller speaks. Columns: what the home speaks. *exact*: nothing is lost. *adapted*",
        "and *refused*: the number says how or why. A dash: the caller's API has no word for it. Tried on",
        "recorded bytes of the SDKs, with gpt-4.1 (gpt-5.4 for thinking and Responses), Claude Sonnet",
        "4.6 and Gemini 2.5 Flash at the homes.",
    ]  # fmt: skip
    for feature in FEATURES:
        lines += ["", f"### {feature}", "", "| caller \\ home | " + " | ".join(homes.FORMS) + " |"]
        lines.append("|---" * (len(homes.FORMS) + 1) + "|")
        for inbound in homes.FORMS:
            row = [shown(cell(inbound, outbound, feature), notes) for outbound in homes.FORMS]
            lines.append(f"| **{inbound}** | " + " | ".join(row) + " |")
    lines += ["", "### How and why", ""]
    lines += [f"{number}. {'; '.join(said)}" for said, number in notes.items()]
    return "\n".join(lines)


def shown(found: Cell, notes: dict[tuple[str, ...], int]) -> str:
    if not found.notes:
        return {"unsaid": "-"}.get(found.verdict, found.verdict)
    return f"{found.verdict} ({notes.setdefault(found.notes, len(notes) + 1)})"


def capabilities() -> str:
    lines = [
        "## Capabilities", "",
        "Rows apply in order, and each says only what it changes; where none speaks, the default holds. A",
        "home whose model no row names is taken for a plain one of its api.", "",
        "| apis | models | version | says | why |", "|---|---|---|---|---|",
        f"| (default) | | | {said(defaults())} | |",
    ]  # fmt: skip
    for row in ROWS:
        models, versions = code(row.models), code(row.versions)
        lines.append(f"| {code(row.apis)} | {models} | {versions} | {said(row.says)} | {row.why} |")
    return "\n".join(lines)


def defaults() -> dict[str, object]:
    plain = Capability()
    return {name: getattr(plain, name) for name in Capability.__struct_fields__ if name != "reasons"}


def code(names: tuple[str, ...]) -> str:
    return "any" if names == ("*",) else " ".join(f"`{name}`" for name in names)


def said(says: dict[str, object]) -> str:
    return ", ".join(f"{name} {value(each)}" for name, each in says.items())


def value(each: object) -> str:
    match each:
        case bool():
            return "yes" if each else "no"
        case frozenset() | tuple():
            members = (
                sorted(str(member) for member in each) if isinstance(each, frozenset) else map(str, each)
            )
            return f"`{' '.join(members)}`" if each else "none"
        case None:
            return "none"
    return str(each)


if __name__ == "__main__":
    PAGE.write_text(page())
