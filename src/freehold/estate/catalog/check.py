"""The validator: refuses what cannot be true, whoever claims it.

A problem here is an error, not a matter of taste: a price of 700 dollars an hour for one chip is a sentinel,
12 GPUs do not fit an 8-GPU machine, an accelerator without a name cannot be placed. What is merely unlikely
is marked as suspect and kept.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from freehold.errors import Problem, ProblemsError
from freehold.estate.catalog.age import as_date
from freehold.estate.catalog.load import KEYED, LISTED, Catalog, load
from freehold.estate.catalog.lookup import service
from freehold.estate.catalog.shapes import Figure, Incident, Offer, Service, Silicon, TokenPrice
from freehold.types.names import ServiceId

CHIP_HOUR_USD_MAX = 100.0
TOKEN_USD_PER_MTOK_MAX = 10_000.0
SIBLING_SHARE_MIN = 0.5  # cheaper than this share of the same shape elsewhere: probably another product
SIBLINGS_MIN = 3

SILICON_RANGES = {
    "bf16_tflops": (1, 20_000),
    "fp8_tflops": (1, 50_000),
    "fp4_tflops": (1, 100_000),
    "int8_tops": (1, 50_000),
    "memory_gb": (4, 1_000),
    "bandwidth_tb_per_s": (0.05, 60),
    "link_gb_per_s": (8, 20_000),
    "power_w": (20, 5_000),
}


def checked(own: Path | None) -> Catalog:
    """The catalog with the user's own file over it, refused whole if anything in that cannot be true."""
    catalog = load(own)
    found = [] if own is None else problems(catalog)
    if found:
        raise ProblemsError(str(own), found)
    return catalog


def problems(catalog: Catalog) -> list[Problem]:
    """Everything in the catalog that cannot be true, at once."""
    try:
        return [
            *unknown_sections(catalog),
            *(p for chip in catalog.silicon.values() for p in silicon_problems(chip)),
            *(p for offer in catalog.offers for p in offer_problems(offer, catalog)),
            *(p for price in catalog.prices for p in price_problems(price, catalog)),
            *service_problems(catalog),
            *(p for incident in catalog.incidents.values() for p in incident_problems(incident, catalog)),
            *(p for p in _other_sections(catalog)),
        ]
    except msgspec.ValidationError as error:
        return [
            _problem(
                "catalog.wrong-type",
                f"an entry is not of its shape: {error}",
                "see the reference of the catalog",
                "",
            )
        ]


def unknown_sections(catalog: Catalog) -> Iterator[Problem]:
    for name in sorted(set(catalog.own) - {*KEYED, *LISTED}):
        yield _problem(
            "catalog.unknown-section",
            f"the catalog has no section {name!r}",
            f"sections are {', '.join((*KEYED, *LISTED))}",
            name,
        )


def silicon_problems(chip: Silicon) -> Iterator[Problem]:
    place = f"silicon.{chip.id}"
    if not chip.name.strip() or not chip.maker.strip():
        yield _problem(
            "catalog.no-name",
            f"{place} is an accelerator with no name",
            "a chip has a name and a maker",
            place,
        )
    for field, (low, high) in SILICON_RANGES.items():
        figure: Figure | None = getattr(chip, field)
        if figure is None:
            continue
        yield from figure_problems(figure, f"{place}.{field}")
        if not low <= figure.value <= high:
            yield _problem(
                "catalog.impossible",
                f"{place}.{field} is {figure.value:g}",
                f"from {low} to {high} is possible",
                place,
            )
    bf16, fp8 = chip.bf16_tflops, chip.fp8_tflops
    if bf16 is not None and fp8 is not None and fp8.value < bf16.value:
        yield _problem(
            "catalog.impossible", f"{place} computes slower in fp8 than in bf16", "rates are dense", place
        )


def offer_problems(offer: Offer, catalog: Catalog) -> Iterator[Problem]:
    place = f"offers {offer.vendor} {offer.region} {offer.instance}"
    if not offer.silicon:
        yield _problem(
            "catalog.no-name", f"{place}: an accelerator with no name", "an offer names its silicon", place
        )
        return
    chip = catalog.silicon.get(offer.silicon)
    if chip is None:
        yield _problem(
            "catalog.unknown-silicon",
            f"{place}: no silicon is called {offer.silicon!r}",
            "silicon ids are in the catalog",
            place,
        )
        return
    most = chip.chips_per_machine_max
    if offer.chips < 1 or (most is not None and offer.chips > most):
        yield _problem(
            "catalog.impossible",
            f"{place}: {offer.chips} of {offer.silicon} in one machine",
            f"1 to {most} fit",
            place,
        )
    for figure in (offer.chip_hour_usd, offer.spot_chip_hour_usd):
        if figure is None:
            continue
        yield from figure_problems(figure, place)
        if not 0 < figure.value <= CHIP_HOUR_USD_MAX:
            yield _problem(
                "catalog.impossible", f"{place}: {figure.value:g} dollars an hour for one {offer.silicon}",
                f"above 0, at most {CHIP_HOUR_USD_MAX:g}; an unknown price is left out", place,
            )  # fmt: skip


def price_problems(price: TokenPrice, catalog: Catalog) -> Iterator[Problem]:
    place = f"prices {price.model} {price.vendor} {price.api}"
    if price.model not in catalog.models:
        yield _problem(
            "catalog.unknown-model", f"{place}: no model is called {price.model!r}", "add it to models", place
        )
    for name in ("input", "output", "cache_read", "cache_write"):
        figure: Figure | None = getattr(price, f"{name}_usd_per_mtok")
        if figure is None:
            continue
        yield from figure_problems(figure, place)
        if not 0 < figure.value <= TOKEN_USD_PER_MTOK_MAX:
            yield _problem(
                "catalog.impossible", f"{place}: {figure.value:g} dollars per million {name} tokens",
                f"above 0, at most {TOKEN_USD_PER_MTOK_MAX:g}; an unknown price is left out", place,
            )  # fmt: skip


def service_problems(catalog: Catalog) -> Iterator[Problem]:
    for one in catalog.services.values():
        for need in (*one.all_of, *one.any_of):
            if need not in catalog.services and service(catalog, need) is None:
                yield _problem(
                    "catalog.unknown-service", f"services.{one.id} needs {need!r}, not in the catalog",
                    "every edge ends at a service", f"services.{one.id}",
                )  # fmt: skip
        yield from rate_problems(one)
    cycle = cycle_in({id: (*one.all_of, *one.any_of) for id, one in catalog.services.items()})
    if cycle:
        yield _problem(
            "catalog.cycle", f"services need each other in a circle: {' -> '.join(cycle)}",
            "what stands on what has an order", f"services.{cycle[0]}",
        )  # fmt: skip


def rate_problems(one: Service) -> Iterator[Problem]:
    for name in ("outages_per_year", "hours_per_outage"):
        value = getattr(one, name)
        if value is not None and not 0 <= value <= 8760:
            yield _problem(
                "catalog.impossible",
                f"services.{one.id}.{name} is {value:g}",
                "0 to 8760",
                f"services.{one.id}",
            )


def cycle_in(edges: dict[ServiceId, tuple[ServiceId, ...]]) -> list[ServiceId]:
    """One circle of the graph, first node repeated at the end; empty if there is none. Does not recurse."""
    done: set[ServiceId] = set()
    for start in edges:
        path: list[ServiceId] = []
        on_path: set[ServiceId] = set()
        stack: list[tuple[ServiceId, bool]] = [(start, False)]
        while stack:
            node, leaving = stack.pop()
            if leaving:
                on_path.discard(path.pop())
                done.add(node)
            elif node in on_path:
                return [*path[path.index(node) :], node]
            elif node not in done:
                path.append(node)
                on_path.add(node)
                stack.append((node, True))
                stack.extend((need, False) for need in edges.get(node, ()))
    return []


def incident_problems(incident: Incident, catalog: Catalog) -> Iterator[Problem]:
    place = f"incidents.{incident.id}"
    if as_date(incident.starts) is None:
        yield _problem(
            "catalog.no-date",
            f"{place}.starts is {incident.starts!r}",
            "a date such as 2025-10-20T06:48Z",
            place,
        )
    for effect in incident.effects:
        if effect.service not in catalog.services and service(catalog, effect.service) is None:
            yield _problem(
                "catalog.unknown-service",
                f"{place} names {effect.service!r}",
                "it is not in the catalog",
                place,
            )
        if effect.from_min < 0 or (effect.to_min is not None and effect.to_min <= effect.from_min):
            yield _problem(
                "catalog.impossible",
                f"{place}: {effect.service} ends before it begins",
                "from_min < to_min",
                place,
            )


def figure_problems(figure: Figure, place: str) -> Iterator[Problem]:
    if not figure.source.strip():
        yield _problem(
            "catalog.no-source", f"{place} has no source", "every figure says who claims it", place
        )
    if as_date(figure.as_of) is None:
        yield _problem(
            "catalog.no-date", f"{place} is as of {figure.as_of!r}", "2025, 2025-10 or 2025-10-20", place
        )


def suspects(offers: Iterable[Offer]) -> dict[Offer, str]:
    """Prices that are possible and unlikely: far below the same shape of the same vendor elsewhere."""
    siblings: dict[tuple[str, str], list[float]] = defaultdict(list)
    for offer in offers:
        if offer.chip_hour_usd is not None:
            siblings[offer.vendor, offer.silicon].append(offer.chip_hour_usd.value)
    found: dict[Offer, str] = {}
    for offer in offers:
        known = siblings[offer.vendor, offer.silicon]
        if offer.chip_hour_usd is None or len(known) < SIBLINGS_MIN:
            continue
        typical = statistics.median(known)
        if offer.chip_hour_usd.value < SIBLING_SHARE_MIN * typical:
            found[offer] = (
                f"{offer.chip_hour_usd.value:g} against {typical:g} dollars elsewhere: another product?"
            )
    return found


def _other_sections(catalog: Catalog) -> Iterator[Problem]:
    """Read what nothing above looks into, so that a wrong type in it is found too."""
    for place, figures in (
        (f"models.{m.id}", (m.context_tokens, m.output_tokens, m.parameters_total_b, m.parameters_active_b))
        for m in catalog.models.values()
    ):
        for figure in figures:
            if figure is not None:
                yield from figure_problems(figure, place)
                if figure.value <= 0:
                    yield _problem(
                        "catalog.impossible", f"{place} has a size of {figure.value:g}", "more than 0", place
                    )
    for row in catalog.surfaces:
        if row.vendor not in catalog.vendors:
            yield _problem(
                "catalog.unknown-vendor",
                f"surface {row.api}: no vendor {row.vendor!r}",
                "add it to vendors",
                row.api,
            )
    _ = catalog.profiles, catalog.commitments, catalog.classes


def _problem(code: str, what: str, why: str, path: str) -> Problem:
    return Problem(code=code, what=what, why=why, fix="correct the entry or leave the figure out", path=path)
