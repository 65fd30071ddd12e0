"""What a home stands on: from the catalog by (vendor, api, region, profile), added to what it says itself.

A home that says `catalog = false` stands only on what it names. What cannot be known (no region, a surface
the catalog does not have) is left out and told by `unknowns`; it is never filled with a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from freehold.estate.catalog import Catalog, lookup
from freehold.estate.catalog.shapes import Surface
from freehold.types.homes import Home, Service
from freehold.types.names import HomeId, ServiceId

GLOBAL_REGION = "global"
HOSTING = "hosting"  # the option that says whose machines serve a surface that has several operators

FACT_KINDS = {"operator": "operator", "silicon": "silicon", "pool": "quota"}

Find = Callable[[ServiceId], Service | None]


def placed(home: Home, catalog: Catalog, *, from_catalog: bool = True) -> Home:
    """The home with its operator, jurisdiction and needs filled in from the catalog."""
    owner = lookup.vendor(catalog, home.vendor)
    row = lookup.surface(catalog, home.vendor, home.api) if from_catalog else None
    operator = home.operator or lookup.operator(catalog, home.vendor, home.api, home.options.get(HOSTING))
    known = lookup.vendor(catalog, operator) if operator else None
    operator = known.id if known is not None else operator or (owner.id if owner else home.vendor)
    home = msgspec.structs.replace(
        home,
        vendor=owner.id if owner is not None else home.vendor,
        operator=operator,
        silicon=lookup.silicon_id(catalog, home.silicon),
        jurisdiction=home.jurisdiction
        or lookup.jurisdiction(catalog, home.vendor, home.region, home.profile),
    )
    needs, grow = _from_catalog(home, row, catalog) if from_catalog else ((), ())
    facts = [ServiceId(f"operator.{operator}")]
    if home.silicon is not None:
        facts.append(ServiceId(f"silicon.{home.silicon}"))
    if home.pool is not None:
        facts.append(ServiceId(f"pool.{home.pool}"))
    return msgspec.structs.replace(
        home,
        needs=tuple(dict.fromkeys((*home.needs, *needs, *facts))),
        grow_needs=tuple(dict.fromkeys((*home.grow_needs, *grow))),
    )


def _from_catalog(
    home: Home, row: Surface | None, catalog: Catalog
) -> tuple[tuple[ServiceId, ...], tuple[ServiceId, ...]]:
    """Direct needs and what more load needs. Without a region, only what does not depend on one."""
    if row is None:
        place = ServiceId(f"{home.vendor}.{home.region}")
        known = home.region is not None and lookup.service(catalog, place) is not None
        return ((place,) if known else ()), ()
    if home.region == GLOBAL_REGION and row.global_needs:
        return _filled(row.global_needs, None), ()
    needs = [
        *_filled(row.needs, home.region),
        *_filled(row.operator_needs.get(home.operator, ()), home.region),
    ]
    if row.profile_needs and home.profile is not None:
        if _profile_regions(home, catalog):
            needs.append(profile_service(home, row))
    elif row.profile_needs and home.region is not None:
        needs.extend(_filled((row.profile_needs,), home.region))
    return tuple(needs), _filled(row.grow_needs, home.region)


def _filled(ids: Iterable[str], region: str | None) -> tuple[ServiceId, ...]:
    return tuple(
        ServiceId(id.replace(lookup.REGION, region or ""))
        for id in ids
        if region is not None or lookup.REGION not in id
    )


def _profile_regions(home: Home, catalog: Catalog) -> tuple[str, ...]:
    found = lookup.profile(catalog, home.vendor, home.profile or "")
    return () if found is None else found.regions


def profile_service(home: Home, row: Surface) -> ServiceId:
    """The service that is dead when every region of the profile is: aws.profile-us.bedrock-models."""
    return ServiceId(f"{home.vendor}.profile-{home.profile}.{row.profile_needs.rpartition('.')[2]}")


def services_of(
    homes: Mapping[HomeId, Home], own: Mapping[ServiceId, Service], catalog: Catalog
) -> dict[ServiceId, Service]:
    """Every service that the homes stand on, however far down, the user's own over the catalog's."""
    find = _finder(homes, own, catalog)
    found: dict[ServiceId, Service] = {}
    open_ = [need for home in homes.values() for need in (*home.needs, *home.grow_needs)] + list(own)
    while open_:
        id = open_.pop()
        if id in found:
            continue
        one = find(id)
        if one is None:
            continue  # build.py has reported it
        found[id] = one
        open_.extend((*one.all_of, *one.any_of))
    return dict(sorted(found.items()))


def _finder(homes: Mapping[HomeId, Home], own: Mapping[ServiceId, Service], catalog: Catalog) -> Find:
    made = _made(homes, catalog)

    def find(id: ServiceId) -> Service | None:
        found = own.get(id) or made.get(id) or lookup.service(catalog, id)
        prefix, _, rest = id.partition(".")
        if found is None and prefix in FACT_KINDS:  # a fact that no home has, named by a service
            return Service(id=id, name=rest, kind=FACT_KINDS[prefix])
        return found

    return find


def _made(homes: Mapping[HomeId, Home], catalog: Catalog) -> dict[ServiceId, Service]:
    """Services that the facts of homes imply: operators, silicon, pools, cross-region profiles."""
    made: dict[ServiceId, Service] = {}
    for home in homes.values():
        owner = lookup.vendor(catalog, home.operator)
        name = owner.name if owner is not None else home.operator
        _put(made, f"operator.{home.operator}", name, "operator", home.operator)
        if home.silicon is not None:
            chip = catalog.silicon.get(home.silicon)
            _put(made, f"silicon.{home.silicon}", chip.name if chip else home.silicon, "silicon")
        if home.pool is not None:
            _put(made, f"pool.{home.pool}", f"pool {home.pool}", "quota")
        row = lookup.surface(catalog, home.vendor, home.api)
        if row is not None and row.profile_needs and home.profile is not None:
            _put_profile(made, home, row, catalog)
    return made


def _put(made: dict[ServiceId, Service], id: str, name: str, kind: str, vendor: str | None = None) -> None:
    made[ServiceId(id)] = Service(
        id=ServiceId(id), name=name, kind=kind, vendor=vendor, source="the homes of this estate"
    )


def _put_profile(made: dict[ServiceId, Service], home: Home, row: Surface, catalog: Catalog) -> None:
    regions = _profile_regions(home, catalog)
    if regions:
        id = profile_service(home, row)
        made[id] = Service(
            id=id,
            name=f"{row.name}, anywhere in profile {home.profile}",
            kind="capacity",
            vendor=home.vendor,
            any_of=tuple(ServiceId(row.profile_needs.replace(lookup.REGION, region)) for region in regions),
            source=row.source,
            as_of=row.as_of,
            status=row.status,
        )


def unknowns(home: Home, catalog: Catalog) -> tuple[str, ...]:
    """What is not known about where a home stands, in words for people."""
    found = []
    row = lookup.surface(catalog, home.vendor, home.api)
    if lookup.vendor(catalog, home.vendor) is None:
        found.append(f"vendor {home.vendor} is not in the catalog: it stands only on what the file says")
    elif row is None and home.api is not None:
        found.append(f"{home.vendor} with api {home.api} is not in the catalog: only its region is known")
    if home.region is None and (row is None or row.regional):
        found.append("region unknown")
    if row is not None and row.hosting and HOSTING not in home.options:
        found.append(
            f"who runs it depends on options.{HOSTING}, which is not stated: {home.operator} is taken"
        )
    if home.silicon is None:
        found.append("silicon unknown")
    if home.jurisdiction is None:
        found.append("where it is processed is unknown, so no residency rule lets it pass")
    return tuple(found)
