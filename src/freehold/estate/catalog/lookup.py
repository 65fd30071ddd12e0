"""Finding things in the catalog: a vendor by any of its names, a surface, a service of a region, a price."""

from __future__ import annotations

import re

import msgspec

from freehold.estate.catalog.load import Catalog
from freehold.estate.catalog.shapes import Profile, Region, Service, Surface, TokenPrice, Vendor
from freehold.types.names import ServiceId, SiliconId

REGION = "{region}"


def vendor(catalog: Catalog, name: str) -> Vendor | None:
    found = catalog.vendors.get(name)
    if found is not None:
        return found
    wanted = name.lower()
    for one in catalog.vendors.values():
        if wanted in (one.id, one.name.lower(), *one.aliases):
            return one
    return None


def region(catalog: Catalog, vendor_name: str, region_name: str | None) -> Region | None:
    owner = vendor(catalog, vendor_name)
    return None if owner is None or region_name is None else owner.regions.get(region_name)


def jurisdiction(
    catalog: Catalog, vendor_name: str, region_name: str | None, profile_name: str | None
) -> str | None:
    """Whose law the machines stand under. None is unknown: a global endpoint, a region nobody described."""
    if profile_name is not None:
        found = profile(catalog, vendor_name, profile_name)
        return None if found is None else found.jurisdiction
    place = region(catalog, vendor_name, region_name)
    return None if place is None else place.jurisdiction


def surface(catalog: Catalog, vendor_name: str, api: str | None) -> Surface | None:
    """How (vendor, api) is reached. A compute home, without an api, is a server of one's own there."""
    owner = vendor(catalog, vendor_name)
    if owner is None:
        return None
    wanted = api or "self-hosted"
    rows = [row for row in catalog.surfaces if row.vendor == owner.id]
    for row in rows:
        if row.api == wanted:
            return row
    for row in rows:
        if wanted in row.aliases:
            return row
    return None


def operator(catalog: Catalog, vendor_name: str, api: str | None, hosting: str | None = None) -> str | None:
    """Who runs the silicon behind (vendor, api), where the catalog knows."""
    row = surface(catalog, vendor_name, api)
    if row is None:
        return None
    return row.hosting.get(hosting, row.operator) if hosting is not None else row.operator


def profile(catalog: Catalog, vendor_name: str, name: str) -> Profile | None:
    owner = vendor(catalog, vendor_name)
    return None if owner is None else catalog.profiles.get((owner.id, name))


def service(catalog: Catalog, id: ServiceId) -> Service | None:
    """A service by its id; `aws.eu-west-1.sts` is made from the row for `aws.{region}.sts`."""
    found = catalog.services.get(id)
    if found is not None:
        return None if REGION in id else found
    parts = id.split(".")
    if len(parts) < 2:
        return None
    template = catalog.services.get(ServiceId(".".join([parts[0], REGION, *parts[2:]])))
    return None if template is None else _in_region(template, parts[1])


def matching(pattern: str) -> re.Pattern[str]:
    """Service ids with `{region}` left open."""
    return re.compile("".join(r"[^.]+" if part == REGION else re.escape(part) for part in _split(pattern)))


def _split(pattern: str) -> list[str]:
    return re.split(r"(\{region\})", pattern)


def _in_region(template: Service, name: str) -> Service:
    def filled(ids: tuple[ServiceId, ...]) -> tuple[ServiceId, ...]:
        return tuple(ServiceId(id.replace(REGION, name)) for id in ids)

    return msgspec.structs.replace(
        template,
        id=ServiceId(template.id.replace(REGION, name)),
        name=template.name.replace(REGION, name),
        region=name,
        all_of=filled(template.all_of),
        any_of=filled(template.any_of),
    )


def silicon_id(catalog: Catalog, name: str | None) -> SiliconId | None:
    """The plain id of a chip by any of its names; a name nobody knows stays as it is."""
    if name is None or name in catalog.silicon:
        return None if name is None else SiliconId(name)
    wanted = name.lower()
    for chip in catalog.silicon.values():
        if wanted in (alias.lower() for alias in chip.aliases):
            return chip.id
    return SiliconId(name)


def token_price(
    catalog: Catalog,
    model: str,
    vendor_name: str,
    api: str | None,
    region_name: str | None,
    profile_name: str | None,
) -> TokenPrice | None:
    """The most particular list price that fits; a row for another profile does not fit."""
    row = surface(catalog, vendor_name, api)
    if row is None:
        return None
    fitting = [
        price
        for price in catalog.prices
        if price.model == model
        and (price.vendor, price.api) == (row.vendor, row.api)
        and price.region in ("", region_name)
        and price.profile in ("", profile_name)
    ]
    return max(fitting, key=lambda price: (bool(price.profile), bool(price.region)), default=None)
