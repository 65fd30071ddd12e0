"""Changes that might help a workload: a home it could use, one from the catalog, another region, a pool."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from freehold.estate.allowed import allowed_homes
from freehold.estate.catalog import Catalog, ModelFacts, Offer, Surface, lookup
from freehold.estate.model import Estate
from freehold.estate.standing import FACT_KINDS, GLOBAL_REGION, placed
from freehold.types.homes import Home, Price, Workload
from freehold.types.names import HomeId, ServiceId
from freehold.units import nano_usd

REGIONS_TRIED = 3  # of each vendor
HOURS_A_MONTH = 730.0
MACHINES_TIMES_MAX = 2  # nobody replaces eight chips by a hundred small ones
MINUTES_A_MONTH = 43_800.0
PROFILE_PREFIXES = ("us.", "eu.", "apac.", "jp.", "au.", "us-gov.", "global.")
# Regions offered first, so that advice names places people know; then in catalog order.
USUAL = {
    "aws": ("us-west-2", "us-east-2", "eu-central-1", "eu-west-1"),
    "google": ("us-east5", "us-central1", "europe-west4", "europe-west1"),
    "azure": ("eastus2", "swedencentral", "westus3", "germanywestcentral"),
}


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Homes added to the workload, or changed where the id is one it has."""

    kind: str
    words: str
    homes: tuple[Home, ...]
    toml: str
    usd_month: float | None = None
    per: str = "at the stated demand"
    source: str = ""
    as_of: str = ""
    price_kind: str = "price"  # whose age limit holds


def changes(workload: Workload, estate: Estate, catalog: Catalog) -> Iterator[Change]:
    mine = [estate.homes[id] for id in allowed_homes(workload, estate)]
    named = [estate.homes[id] for id in workload.homes]
    yield from _own_homes(workload, named, estate, catalog)
    yield from _own_pools(mine, estate)
    yield from _other_regions(workload, mine, catalog)
    yield from _profiles(workload, mine, catalog)
    yield from _new_homes(workload, named, catalog)
    yield from _new_machines(workload, named, catalog)


def model_facts(home: Home, catalog: Catalog) -> ModelFacts | None:
    """The catalog's model behind a home: by the estate's name for it, else by the vendor's."""
    known = catalog.models.get(home.model) if home.model is not None else None
    if known is not None or home.model_name is None:
        return known
    name = home.model_name
    for prefix in PROFILE_PREFIXES:
        name = name.removeprefix(prefix)
    return next((facts for facts in catalog.models.values() if name in facts.names.values()), None)


def _maker(home: Home, catalog: Catalog) -> str | None:
    facts = model_facts(home, catalog)
    if facts is not None:
        return facts.maker
    return next((facts.maker for facts in catalog.models.values() if facts.family == home.model), None)


def _own_homes(workload: Workload, named: list[Home], estate: Estate, catalog: Catalog) -> Iterator[Change]:
    models = {home.model for home in named}
    for home in estate.homes.values():
        if home.id in workload.homes or home.model not in models:
            continue
        usd = _usd(workload, home.price)
        yield Change(
            kind="own-home", words=f"let it use {home.id}, which this estate has", homes=(home,),
            usd_month=usd, source=home.price.source, as_of=home.price.as_of,
            toml=_homes_line(workload, home.id),
        )  # fmt: skip


def _own_pools(mine: list[Home], estate: Estate) -> Iterator[Change]:
    for home in mine:
        shared = [other.id for other in mine if other.pool == home.pool and other.id != home.id]
        if home.pool is None or not shared:
            continue
        fresh = f"{home.id}-own"
        needs = tuple(ServiceId(f"pool.{fresh}") if n == f"pool.{home.pool}" else n for n in home.needs)
        yield Change(
            kind="pool", words=f"give {home.id} a pool of its own, apart from {', '.join(shared)}",
            homes=(msgspec.structs.replace(home, pool=fresh, needs=needs),),
            source="ask the vendor for separate quota",
            toml=f'[pools.{fresh}]\n\n[homes.{home.id}]\npool = "{fresh}"',
        )  # fmt: skip


def _other_regions(workload: Workload, mine: list[Home], catalog: Catalog) -> Iterator[Change]:
    """Two homes that enter through one region: move one. A global endpoint: name a region."""
    for home in mine[1:] or mine:
        row = lookup.surface(catalog, home.vendor, home.api)
        if row is None or not row.regional or home.chips is not None:
            continue
        for region in _regions(home.vendor, {one.region for one in mine}, workload, catalog):
            moved = _rebuilt(home, catalog, region=region, profile=_profile_in(home, region, catalog))
            usd = _usd(workload, home.price)
            was = "its global endpoint" if home.region == GLOBAL_REGION else home.region or "where it is"
            yield Change(
                kind="region", words=f"move {home.id} from {was} to {region}", homes=(moved,), usd_month=usd,
                source=home.price.source, as_of=home.price.as_of,
                toml=f'[homes.{home.id}]\nregion = "{region}"',
            )  # fmt: skip


def _profiles(workload: Workload, mine: list[Home], catalog: Catalog) -> Iterator[Change]:
    """The same source region, run in any of several: it takes away what the model runs on in one region."""
    for home in mine:
        row = lookup.surface(catalog, home.vendor, home.api)
        if row is None or not row.profile_needs or home.region is None:
            continue
        for known in catalog.profiles.values():
            fits = known.vendor == row.vendor and home.region in known.regions and known.id != home.profile
            if fits:
                moved = _rebuilt(home, catalog, region=home.region, profile=known.id)
                yield Change(
                    kind="profile", words=f"let {home.id} use profile {known.id}", homes=(moved,),
                    source="profiles may cost more: see the price list",
                    toml=f'[homes.{home.id}]\nprofile = "{known.id}"\n# model_name = "{known.id}...."',
                )  # fmt: skip


def _new_homes(workload: Workload, named: list[Home], catalog: Catalog) -> Iterator[Change]:
    """The same model through a surface that the workload does not use yet."""
    served = [home for home in named if home.api is not None and _maker(home, catalog) is not None]
    if not served:
        return
    model = served[0]
    facts, maker = model_facts(model, catalog), _maker(model, catalog)
    used = {(home.vendor, home.region) for home in named}
    for row in catalog.surfaces:
        if (maker not in row.models and row.models) or row.api == "self-hosted":
            continue
        name = None if facts is None else facts.names.get(row.api)
        if facts is not None and name is None:
            continue
        for region in _regions_of(row, used, workload, catalog):
            yield _new_home(row, region, name, model, facts, workload, catalog)


def _new_home(
    row: Surface,
    region: str | None,
    name: str | None,
    model: Home,
    facts: ModelFacts | None,
    workload: Workload,
    catalog: Catalog,
) -> Change:
    listed = (
        None if facts is None else lookup.token_price(catalog, facts.id, row.vendor, row.api, region, None)
    )
    figures = (listed.input_usd_per_mtok, listed.output_usd_per_mtok) if listed is not None else (None, None)
    price = Price()
    if figures[0] is not None and figures[1] is not None:
        price = Price(
            input_nano_usd_per_mtok=nano_usd(figures[0].value),
            output_nano_usd_per_mtok=nano_usd(figures[1].value),
            source=figures[0].source,
            as_of=figures[0].as_of,
        )
    id = HomeId(f"{row.vendor}-{row.api}-{region or 'global'}")
    bare = Home(
        id=id, vendor=row.vendor, operator="", region=region, api=row.api, model=model.model,
        model_name=name, price=price, tier="contract", needs=_own_needs(model),
    )  # fmt: skip
    where = f"in {region}" if region else "with its global endpoint"
    return Change(
        kind="new-home", words=f"add a home: {row.name} {where}", homes=(placed(bare, catalog),),
        usd_month=_usd(workload, price), source=price.source, as_of=price.as_of, toml=_home_toml(bare),
    )  # fmt: skip


def _own_needs(home: Home) -> tuple[ServiceId, ...]:
    """What the file says a home needs is likely needed by its twin; what came from the catalog is not."""
    return tuple(need for need in home.needs if "." not in need and need.partition(".")[0] not in FACT_KINDS)


def _new_machines(workload: Workload, named: list[Home], catalog: Catalog) -> Iterator[Change]:
    """For work on chips of one's own choosing: as much memory elsewhere, each vendor's cheapest offer."""
    hosted = next((home for home in named if home.chips is not None and home.silicon is not None), None)
    if hosted is None or hosted.chips is None or hosted.silicon is None:
        return
    chip = catalog.silicon.get(hosted.silicon)
    memory = None if chip is None or chip.memory_gb is None else hosted.chips * chip.memory_gb.value
    best: dict[str, tuple[float, Offer, int]] = {}
    for offer in catalog.offers:
        if offer.chip_hour_usd is None or offer.suspect or any(offer.vendor == h.vendor for h in named):
            continue
        count = _chips_for(memory, offer, catalog)
        if count is None or count > MACHINES_TIMES_MAX * hosted.chips:
            continue
        usd = count * offer.chip_hour_usd.value * HOURS_A_MONTH
        if offer.vendor not in best or usd < best[offer.vendor][0]:
            best[offer.vendor] = (usd, offer, count)
    for usd, offer, count in best.values():
        yield _machines(usd, offer, count, hosted, catalog)


def _chips_for(memory: float | None, offer: Offer, catalog: Catalog) -> int | None:
    chip = catalog.silicon.get(offer.silicon)
    if memory is None or chip is None or chip.memory_gb is None:
        return None
    machines = -(-memory // (chip.memory_gb.value * offer.chips))
    return int(machines) * offer.chips


def _machines(usd: float, offer: Offer, count: int, hosted: Home, catalog: Catalog) -> Change:
    id = HomeId(f"{offer.vendor}-{offer.silicon}-{offer.region}")
    bare = Home(
        id=id, vendor=offer.vendor, operator="", region=offer.region, silicon=offer.silicon,
        api=hosted.api, model=hosted.model, chips=count, needs=_own_needs(hosted),
    )  # fmt: skip
    figure = offer.chip_hour_usd
    return Change(
        kind="new-machines", words=f"add {count} {offer.silicon} at {offer.vendor} in {offer.region}",
        homes=(placed(bare, catalog),), usd_month=usd, per="whatever the demand", price_kind="offer",
        source=figure.source if figure else "", as_of=figure.as_of if figure else "", toml=_home_toml(bare),
    )  # fmt: skip


def _regions_of(
    row: Surface, used: set[tuple[str, str | None]], workload: Workload, catalog: Catalog
) -> list[str | None]:
    if not row.regional:
        return [] if (row.vendor, None) in used else [None]
    taken = {region for vendor, region in used if vendor == row.vendor}
    return list(_regions(row.vendor, taken, workload, catalog))


def _regions(vendor: str, taken: set[str | None], workload: Workload, catalog: Catalog) -> list[str]:
    """A few regions of a vendor that the policy allows and that are not in use."""
    owner = lookup.vendor(catalog, vendor)
    if owner is None:
        return []
    policy = workload.policy
    rule = policy.classes.get(workload.data_class or "")
    fits = [
        region.id
        for region in owner.regions.values()
        if region.id not in taken
        and (not policy.regions or region.id in policy.regions)
        and (not policy.jurisdictions or region.jurisdiction in policy.jurisdictions)
        and (rule is None or not rule.jurisdictions or region.jurisdiction in rule.jurisdictions)
    ]
    usual = USUAL.get(owner.id, ())
    fits.sort(key=lambda id: usual.index(id) if id in usual else len(usual))
    return fits[:REGIONS_TRIED]


def _profile_in(home: Home, region: str, catalog: Catalog) -> str | None:
    """A profile can be kept only where the new region is one of its sources."""
    if home.profile is None:
        return None
    found = lookup.profile(catalog, home.vendor, home.profile)
    return home.profile if found is not None and (not found.regions or region in found.regions) else None


def _rebuilt(home: Home, catalog: Catalog, *, region: str, profile: str | None) -> Home:
    own = tuple(need for need in home.needs if "." not in need)
    bare = msgspec.structs.replace(
        home, region=region, profile=profile, needs=own, grow_needs=(), jurisdiction=None
    )
    return placed(bare, catalog)


def _usd(workload: Workload, price: Price) -> float | None:
    """What all of the stated demand would cost there in a month."""
    if (
        workload.requests_per_min is None
        or workload.input_tokens is None
        or workload.output_tokens is None
        or price.input_nano_usd_per_mtok is None
        or price.output_nano_usd_per_mtok is None
    ):
        return None
    nano = (
        workload.input_tokens * price.input_nano_usd_per_mtok
        + workload.output_tokens * price.output_nano_usd_per_mtok
    )
    return workload.requests_per_min * MINUTES_A_MONTH * nano / 1e15


def _homes_line(workload: Workload, id: HomeId) -> str:
    homes = ", ".join(f'"{home}"' for home in (*workload.homes, id))
    return f"[workloads.{workload.id}]\nhomes = [{homes}]"


def _home_toml(home: Home) -> str:
    lines = [f"[homes.{home.id}]", f'vendor = "{home.vendor}"']
    for key in ("region", "silicon", "api", "model", "model_name"):
        value = getattr(home, key)
        if value is not None:
            lines.append(f'{key} = "{value}"')
    if home.chips is not None:
        lines.append(f"chips = {home.chips}")
    if home.needs:
        lines.append(f"needs = [{', '.join(f'{chr(34)}{need}{chr(34)}' for need in home.needs)}]")
    return "\n".join(lines)
