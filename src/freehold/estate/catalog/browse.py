"""The catalog as rows to look through: search, compare, find what is old."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import msgspec

from freehold.estate.catalog.age import days_old, is_stale
from freehold.estate.catalog.load import Catalog
from freehold.estate.catalog.shapes import Figure

AGE_KIND = {
    "vendors": "service", "services": "service", "surfaces": "service", "profiles": "service",
    "silicon": "silicon", "models": "model", "prices": "price", "offers": "offer", "commitments": "offer",
    "incidents": "incident", "classes": "incident",
}  # fmt: skip


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the catalog."""

    section: str
    id: str
    name: str
    entry: Any
    source: str
    as_of: str
    status: str
    stale: bool = False


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    section: str
    id: str
    what: str  # added, or the field that differs
    before: str = ""
    after: str = ""


def items(catalog: Catalog, today: datetime.date) -> Iterator[Item]:
    for section, kind in AGE_KIND.items():
        found = getattr(catalog, section)
        for entry in found.values() if isinstance(found, dict) else found:
            yield _item(section, kind, entry, today)


def _item(section: str, kind: str, entry: Any, today: datetime.date) -> Item:
    source, as_of, status = _origin(entry)
    return Item(
        section=section,
        id=id_of(section, entry),
        name=getattr(entry, "name", "") or getattr(entry, "title", ""),
        entry=entry,
        source=source,
        as_of=as_of,
        status=status,
        stale=is_stale(as_of, kind, today),
    )


def id_of(section: str, entry: Any) -> str:
    parts = {
        "surfaces": ("vendor", "api"), "profiles": ("vendor", "id"),
        "prices": ("model", "vendor", "api", "region", "profile"),
        "offers": ("vendor", "region", "instance"), "commitments": ("vendor", "product", "instance"),
    }.get(section, ("id",))  # fmt: skip
    return "/".join(str(getattr(entry, part)) for part in parts if getattr(entry, part))


def figures(entry: Any) -> dict[str, Figure]:
    found = {name: getattr(entry, name) for name in entry.__struct_fields__}
    return {name: value for name, value in found.items() if isinstance(value, Figure)}


def _origin(entry: Any) -> tuple[str, str, str]:
    """Of the entry itself, else of its oldest figure."""
    if getattr(entry, "source", ""):
        return entry.source, entry.as_of, entry.status
    oldest = min(figures(entry).values(), key=lambda figure: figure.as_of, default=None)
    return ("", "", "") if oldest is None else (oldest.source, oldest.as_of, oldest.status)


def search(catalog: Catalog, words: tuple[str, ...], today: datetime.date) -> list[Item]:
    """Entries in which every word is found, wherever."""
    wanted = [word.lower() for word in words]
    found = []
    for item in items(catalog, today):
        text = f"{item.section} {item.id} {msgspec.json.encode(item.entry).decode()}".lower()
        if all(word in text for word in wanted):
            found.append(item)
    return found


def stale(catalog: Catalog, today: datetime.date) -> list[tuple[Item, int | None]]:
    """What is past its age limit, oldest first; None: it has no date at all."""
    found = [
        (item, days_old(item.as_of, today)) for item in items(catalog, today) if item.stale and item.as_of
    ]
    return sorted(found, key=lambda pair: (-(pair[1] or 0), pair[0].section, pair[0].id))


def differences(before: Catalog, after: Catalog, today: datetime.date) -> list[Difference]:
    """What a user's own file adds and corrects."""
    old = {(item.section, item.id): item for item in items(before, today)}
    found: list[Difference] = []
    for item in items(after, today):
        known = old.get((item.section, item.id))
        if known is None:
            found.append(Difference(section=item.section, id=item.id, what="added", after=item.name))
        elif known.entry != item.entry:
            found.extend(_fields(item, known.entry, item.entry))
    return found


def _fields(item: Item, one: Any, other: Any) -> Iterator[Difference]:
    for name in one.__struct_fields__:
        before, after = _shown(getattr(one, name)), _shown(getattr(other, name))
        if before != after:
            yield Difference(section=item.section, id=item.id, what=name, before=before, after=after)


def _shown(value: Any) -> str:
    if isinstance(value, Figure):
        return f"{value.value:g}"
    if value is None:
        return "unknown"
    return str(value) if isinstance(value, str | int | float | bool) else msgspec.json.encode(value).decode()
