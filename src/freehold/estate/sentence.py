"""One sentence per workload: what it runs on and what it does not survive."""

from __future__ import annotations

from freehold.estate.catalog import Catalog, lookup
from freehold.estate.model import Estate
from freehold.estate.standing import GLOBAL_REGION
from freehold.estate.survey import Finding
from freehold.types.homes import Home
from freehold.types.names import ServiceId, SiliconId

NAMED_MAX = 3  # single points told by name; the rest is counted
# What a person acts on first. Kinds not listed come after.
TOLD_FIRST = (
    "other",
    "third-party",
    "identity",
    "policy-plane",
    "edge",
    "dns",
    "network",
    "quota",
    "silicon",
)


def sentence(found: Finding, estate: Estate, catalog: Catalog) -> str:
    homes = [estate.homes[id] for id in found.homes]
    if not homes:
        return f"{found.workload} has no home it may use: {_why_none(found)}."
    models = _and(sorted({home.model or "a model not named" for home in homes if home.api}) or ["its work"])
    places = _and([f"through {surface_words(home, catalog)} {place_words(home, catalog)}" for home in homes])
    operators = _and(sorted({vendor_name(home.operator, catalog) for home in homes}, key=str.lower))
    barred = f" {_barred(found)}" if found.barred else ""
    if found.breaches:
        barred += f" Its policy does not hold: {_and(list(found.breaches))}."
    survives = _survives(found, estate, catalog)
    return f"{found.workload} runs {models} {places}, operated by {operators}; {survives}.{barred}"


def surface_words(home: Home, catalog: Catalog) -> str:
    row = lookup.surface(catalog, home.vendor, home.api)
    if row is not None:
        return row.name
    return f"{vendor_name(home.vendor, catalog)}{f' ({home.api})' if home.api else ''}"


def place_words(home: Home, catalog: Catalog) -> str:
    row = lookup.surface(catalog, home.vendor, home.api)
    where = f"in {home.region}" if home.region else "in a region not known"
    if home.region == GLOBAL_REGION or (home.region is None and row is not None and not row.regional):
        where = "from a global endpoint, region not known"
    if home.profile is not None:
        where += f" with profile {home.profile}"
    if home.silicon is None:
        return f"(silicon unknown) {where}"
    return f"on {silicon_words(home.silicon, catalog)} {where}"


def silicon_words(id: SiliconId, catalog: Catalog) -> str:
    """ "AWS Trainium2" is told as Trainium2."""
    chip = catalog.silicon.get(id)
    if chip is None:
        return id
    name = chip.name.partition(" (")[0]
    brand, _, rest = name.partition(" ")
    return rest if brand.lower() == chip.maker and rest else name


def vendor_name(id: str, catalog: Catalog) -> str:
    known = lookup.vendor(catalog, id)
    return known.name if known is not None else id


def service_name(id: str, estate: Estate) -> str:
    one = estate.services.get(ServiceId(id))
    return one.name if one is not None and one.name else id


def _survives(found: Finding, estate: Estate, catalog: Catalog) -> str:
    placed = all(home in estate.homes and estate.homes[home].region for home in found.homes)
    survives = ["any one region"] if placed and not found.regions_fatal else []
    survives += [] if found.vendors_fatal else ["any one vendor"]
    if not found.single_points and not found.vendors_fatal:
        return "it survives the loss of any one region, vendor or service that is known"
    losses = _losses(found, estate, catalog)
    whose = "" if len(found.homes) == 1 else f", which {_all(len(found.homes))} stand on"
    only = f"it has one home and {len(found.single_points)} single points: "
    if not survives:
        head = only if len(found.homes) == 1 else ""
        return f"{head}it does not survive the loss of {losses}{whose}"
    return f"it survives {_and(survives)}, but not the loss of {losses}{whose}"


def _losses(found: Finding, estate: Estate, catalog: Catalog) -> str:
    """The vendors and regions first, then single points that are not theirs, the rest counted."""
    told = [vendor_name(vendor, catalog) for vendor in found.vendors_fatal]
    told += [service_name(region, estate) for region in found.regions_fatal]
    covered = {*found.regions_fatal}
    rest = [
        point
        for point in found.single_points
        if point not in covered and not _belongs(point, found.vendors_fatal, estate)
    ]
    homes = [point for point in rest if point.startswith("home.")]
    rest = sorted((point for point in rest if point not in homes), key=lambda point: _rank(point, estate))
    told += [service_name(point, estate) for point in rest]
    if not told:
        told = [f"its only home {point.removeprefix('home.')}" for point in homes]
    if len(told) > NAMED_MAX:
        told = [*told[:NAMED_MAX], f"{len(told) - NAMED_MAX} more"]
    return " or ".join([", ".join(told[:-1]), told[-1]]) if len(told) > 1 else told[0]


def _belongs(point: str, vendors: tuple[str, ...], estate: Estate) -> bool:
    one = estate.services.get(ServiceId(point))
    return one is not None and one.vendor in vendors


def _rank(point: str, estate: Estate) -> tuple[int, str]:
    one = estate.services.get(ServiceId(point))
    kind = one.kind if one is not None else ""
    return (TOLD_FIRST.index(kind) if kind in TOLD_FIRST else len(TOLD_FIRST), point)


def _barred(found: Finding) -> str:
    told = [f"{home} ({reasons[0]})" for home, reasons in found.barred.items()]
    return f"It names {_and(told)}, which its policy does not let it use."


def _why_none(found: Finding) -> str:
    if not found.barred:
        return "nothing runs it"
    return "; ".join(f"{home}: {_and(list(reasons))}" for home, reasons in found.barred.items())


def _all(count: int) -> str:
    return "both" if count == 2 else f"all {count}"


def _and(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
