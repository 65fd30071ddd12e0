"""What is not wrong with an estate file, and probably not meant either."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator

from freehold.errors import nearest
from freehold.estate.allowed import barred_homes, breaches
from freehold.estate.candidates import model_facts
from freehold.estate.catalog import Catalog, lookup
from freehold.estate.catalog.age import as_date
from freehold.estate.model import Estate
from freehold.estate.standing import GLOBAL_REGION
from freehold.types.homes import Contract, Home

NOTICE_SOON_DAYS = 60


def notes(estate: Estate, catalog: Catalog, today: datetime.date) -> list[str]:
    """In the order of the file. What is merely unknown is not noted here: `freehold map` tells it."""
    found = [note for home in estate.homes.values() for note in _of_home(home, catalog)]
    found += list(dict.fromkeys(_retiring(estate, catalog, today)))
    found += [note for contract in estate.contracts.values() for note in _of_contract(contract, today)]
    found += [note for home in estate.homes.values() for note in _bought(home, estate, catalog)]
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


def _retiring(estate: Estate, catalog: Catalog, today: datetime.date) -> Iterator[str]:
    """Models whose announced end is near or past, by the catalog's word."""
    for home in estate.homes.values():
        facts = model_facts(home, catalog)
        ends = as_date(facts.retires) if facts is not None and facts.retires else None
        if facts is None or ends is None or (ends - today).days > NOTICE_SOON_DAYS:
            continue
        word = "was to be retired" if ends < today else "is to be retired"
        yield f"model {facts.id} {word} on {ends} ({facts.source}, {facts.as_of})"


def _of_contract(contract: Contract, today: datetime.date) -> Iterator[str]:
    """Contracts that have ended, or whose last day for notice is near."""
    ends = as_date(contract.expires)
    if ends is None:
        return
    if ends < today:
        yield f"contract {contract.id} with {contract.operator} ended on {ends}"
        return
    last = ends - datetime.timedelta(days=contract.notice_days or 0)
    if (last - today).days <= NOTICE_SOON_DAYS:
        word = "was" if last < today else "is"
        yield f"contract {contract.id} ends on {ends}; the last day for notice {word} {last}"


def _bought(home: Home, estate: Estate, catalog: Catalog) -> Iterator[str]:
    contract = None if home.contract is None else estate.contracts.get(home.contract)
    if contract is None:
        return
    owner = lookup.vendor(catalog, contract.operator)
    if (owner.id if owner is not None else contract.operator) not in (home.vendor, home.operator):
        yield f"{home.id} is bought under {contract.id}, which is with {contract.operator}"


def _close(word: str, known: Iterable[str]) -> str:
    close = nearest(word, known)
    return f"; the closest is {close!r}" if close else ""
