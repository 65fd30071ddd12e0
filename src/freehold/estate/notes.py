"""What is not wrong with an estate file, and probably not meant either."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from freehold.errors import nearest
from freehold.estate.allowed import barred_homes, breaches
from freehold.estate.catalog import Catalog, lookup
from freehold.estate.model import Estate
from freehold.estate.standing import GLOBAL_REGION
from freehold.types.homes import Home


def notes(estate: Estate, catalog: Catalog) -> list[str]:
    """In the order of the file. What is merely unknown is not noted here: `freehold map` tells it."""
    found = [note for home in estate.homes.values() for note in _of_home(home, catalog)]
    for work in estate.workloads.values():
        for id, reasons in barred_homes(work, estate).items():
            why = "; ".join(reasons)
            found.append(f"{work.id} names {id}, which its policy does not let it use: {why}")
        found.extend(f"the policy of {work.id} does not hold: {one}" for one in breaches(work, estate))
    return found


def _of_home(home: Home, catalog: Catalog) -> Iterator[str]:
    """Names that the catalog does not have: a slip of the pen, or something to add to a file of one's own."""
    if home.silicon is not None and home.silicon not in catalog.silicon:
        close = _close(home.silicon, catalog.silicon)
        yield f"{home.id}: silicon {home.silicon!r} is not in the catalog{close}"
    owner = lookup.vendor(catalog, home.vendor)
    if owner is None or home.region in (None, GLOBAL_REGION) or not owner.regions:
        return
    if home.region not in owner.regions:
        close = _close(home.region or "", owner.regions)
        yield f"{home.id}: region {home.region!r} of {owner.name} is not in the catalog{close}"


def _close(word: str, known: Iterable[str]) -> str:
    close = nearest(word, known)
    return f"; the closest is {close!r}" if close else ""
