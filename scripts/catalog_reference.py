"""Write docs/reference/catalog.md from the packaged catalog: `make docs`. A test holds it to the data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from freehold.estate.catalog import Catalog, Figure, load
from freehold.estate.catalog.age import AGE_DAYS_MAX

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "catalog.md"

INTRO = """# The catalog

Written from the data files by `make docs`; do not edit by hand. The files are in
`src/freehold/estate/catalog/data/`; `freehold catalog list WORDS` searches them, `freehold catalog show
ENTRY` shows one entry with the source and the date of every figure. How to correct and extend it:
[keep the catalog right](../how-to/keep-the-catalog-right.md).

## Where a figure comes from

Every entry or figure names a `source`, a date `as_of` and a `status`: *documented* (its owner publishes it),
*reported* (somebody else does), *assumed* (reasoned). A figure that nobody disclosed is left out: unknown.

| kind of figure | marked as stale after |
|---|---|
"""

SECTIONS = """
## Sections of a catalog file

| section | written as | what it holds |
|---|---|---|
| sources | `[sources.NAME]` | `source`, `as_of`, `status`; named by `from` |
| vendors | `[vendors.NAME]` | names, the law it answers to, regions with their jurisdiction |
| services | `[services."ID"]` | what can fail, and what it needs; `{region}` is every region |
| surfaces | `[[surfaces]]` | vendor and api: who operates it, what it needs, how its quota is shared |
| profiles | `[[profiles]]` | cross-region profiles and the regions they may run in |
| silicon | `[silicon.NAME]` | dense rates, memory, bandwidth, power, who rents it, software stacks |
| models | `[models.NAME]` | family, context, parameters where disclosed, its name at each surface |
| prices | `[[prices]]` | list prices of tokens by model, vendor, api, region, profile |
| offers | `[[offers]]` | chips by the hour: vendor, region, instance, silicon, on demand and spot |
| commitments | `[[commitments]]` | chips bought ahead |
| incidents | `[incidents.NAME]` | outages that happened, with the times of each effect |
| classes | `[classes.NAME]` | ways of failing, for `freehold drill` |
"""


def page(catalog: Catalog) -> str:
    limits = "".join(
        f"| {kind} | {'never' if days is None else f'{days} days'} |\n" for kind, days in AGE_DAYS_MAX.items()
    )
    return "\n".join([INTRO + limits + SECTIONS, *_tables(catalog)])


def _tables(catalog: Catalog) -> Iterable[str]:
    yield "## Surfaces\n\nHow models are reached, and who runs the silicon behind the address.\n"
    yield _table(
        ("vendor", "api", "what it is", "operator", "regional", "also called"),
        [(s.vendor, f"`{s.api}`", s.name, _operators(s.operator, s.hosting), "yes" if s.regional else "no",
          ", ".join(s.aliases)) for s in catalog.surfaces],
    )  # fmt: skip
    yield "## Silicon\n\nDense rates in TFLOP/s per chip, memory in GB, bandwidth in TB/s, power in W.\n"
    yield _table(
        ("id", "chip", "bf16", "fp8", "memory", "bandwidth", "power", "rented by"),
        [(f"`{c.id}`", c.name, _figure(c.bf16_tflops), _figure(c.fp8_tflops), _figure(c.memory_gb),
          _figure(c.bandwidth_tb_per_s), _figure(c.power_w), ", ".join(c.rented_by) or "nobody")
         for c in catalog.silicon.values()],
    )  # fmt: skip
    yield "## Incidents\n"
    yield _table(
        ("drill", "began (UTC)", "what happened", "what failed first", "status"),
        [(f"`{i.id}`", i.starts, i.title, f"`{i.root}`", i.status) for i in catalog.incidents.values()],
    )  # fmt: skip
    yield "## Drill classes\n"
    yield _table(
        ("drill", "group", "what happens", "what it teaches"),
        [(f"`{c.id}`", c.group, c.title, c.teaches) for c in catalog.classes.values()],
    )  # fmt: skip


def _operators(usual: str, hosting: dict[str, str]) -> str:
    others = sorted(set(hosting.values()) - {usual})
    return usual + (f", or {', '.join(others)} by `options.hosting`" if others else "")


def _figure(figure: Figure | None) -> str:
    return "unknown" if figure is None else f"{figure.value:g}"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(load()), encoding="utf-8")
