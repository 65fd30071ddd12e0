"""From checked settings to the estate, in which every name refers to something.

Names that refer to nothing are collected and reported together, each with its line and the nearest match.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path as File
from typing import Any, Protocol

import msgspec

from freehold.errors import Problem, ProblemsError, nearest
from freehold.estate.catalog import Catalog, lookup
from freehold.estate.catalog.check import checked, cycle_in
from freehold.estate.catalog.shapes import ModelFacts
from freehold.estate.model import Estate
from freehold.estate.settings import (
    ContractSettings,
    EstateSettings,
    HomeSettings,
    ModelSettings,
    PolicySettings,
    PriceSettings,
    ServiceSettings,
    WorkloadSettings,
)
from freehold.estate.standing import placed, services_of
from freehold.types.homes import (
    ClassRule,
    Contract,
    Home,
    Policy,
    Pool,
    Price,
    Service,
    Substitute,
    Workload,
)
from freehold.types.names import Digest, HomeId, ModelId, PolicyId, PoolId, ServiceId, SiliconId, WorkloadId

DEFAULT_POLICY = "default"  # built in where the file defines none of that name

SUGGEST_AMONG_MAX = 2000  # a nearest match costs a comparison with every known name

UNKNOWN = {
    "contract": "estate.unknown-contract",
    "home": "estate.unknown-home",
    "model": "estate.unknown-model",
    "policy": "estate.unknown-policy",
    "pool": "estate.unknown-pool",
    "service": "estate.unknown-service",
}

Path = tuple[str | int, ...]


class LoadedSections(Protocol):
    """What this file needs from a loaded configuration."""

    @property
    def source(self) -> object: ...
    @property
    def digest(self) -> Digest: ...
    @property
    def sections(self) -> dict[str, Any]: ...
    def line(self, *path: str | int) -> int | None: ...


def build_estate(loaded: LoadedSections) -> Estate:
    """The estate that the settings describe, or a ProblemsError with every name that refers to nothing."""
    sections = loaded.sections
    problems = sorted(estate_problems(loaded), key=lambda problem: problem.line or 0)
    if problems:
        raise ProblemsError(str(loaded.source or "settings"), problems)
    catalog = catalog_of(loaded)
    policies = {PolicyId(name): _policy(name, found, catalog) for name, found in sections["policies"].items()}
    policies.setdefault(PolicyId(DEFAULT_POLICY), Policy())
    estate: EstateSettings = sections["estate"]
    homes = {
        HomeId(name): placed(_home(name, found), catalog, from_catalog=found.catalog)
        for name, found in sections["homes"].items()
    }
    own = {ServiceId(name): _service(name, found) for name, found in sections["services"].items()}
    return Estate(
        name=estate.name,
        digest=loaded.digest,
        homes=homes,
        pools={
            PoolId(name): Pool(id=PoolId(name), **msgspec.structs.asdict(found))
            for name, found in sections["pools"].items()
        },
        workloads={
            WorkloadId(name): _workload(name, found, policies[PolicyId(found.policy)])
            for name, found in sections["workloads"].items()
        },
        policies=policies,
        services=services_of(homes, own, catalog),
        models={
            ModelId(name): _with_facts(found, catalog.models.get(ModelId(name)))
            for name, found in sections["models"].items()
        },
        contracts={name: _contract(name, found) for name, found in sections["contracts"].items()},
    )


def _with_facts(found: ModelSettings, facts: ModelFacts | None) -> ModelSettings:
    """How much a model takes and says, where the file leaves it out and the catalog knows it."""
    if facts is None:
        return found
    known = {
        name: int(figure.value)
        for name, figure in (("context_tokens", facts.context_tokens), ("output_tokens", facts.output_tokens))
        if figure is not None and getattr(found, name) is None
    }
    return msgspec.structs.replace(found, **known) if known else found


def catalog_of(loaded: LoadedSections) -> Catalog:
    """The catalog with the user's own file over it, which is named beside the estate file."""
    own = getattr(loaded.sections.get("estate"), "catalog", None)
    return checked(None if own is None else File(str(loaded.source or ".")).parent / own)


def estate_problems(loaded: LoadedSections) -> Iterator[Problem]:
    """What does not hold together. A table that is itself wrong is None here: known by name only."""
    sections = loaded.sections
    catalog = catalog_of(loaded)
    for name, home in sections["homes"].items():
        if home is not None:
            yield from _home_problems(loaded, name, home, catalog)
    for name, workload in sections["workloads"].items():
        if workload is not None:
            yield from _workload_problems(loaded, name, workload)
    for name, service in sections["services"].items():
        for key in ("all_of", "any_of") if service is not None else ():
            yield from _unknown_services(loaded, ("services", name, key), getattr(service, key), catalog)
    yield from _circles(loaded, catalog)


def _home_problems(
    loaded: LoadedSections, name: str, home: HomeSettings, catalog: Catalog
) -> Iterator[Problem]:
    sections, place = loaded.sections, ("homes", name)
    if home.api is not None and home.model is None:
        yield _problem(
            loaded, place, "estate.home-without-model", f'home "{name}" has an api and no model',
            "a home that serves says which model", "add model = ..., a name under [models]",
        )  # fmt: skip
    if home.api is None and home.chips is None:
        yield _problem(
            loaded, place, "estate.home-does-nothing", f'home "{name}" neither serves nor computes',
            "a serving home has an api and a model, a compute home has chips", "add api and model, or chips",
        )  # fmt: skip
    described = home.model is None or home.model in catalog.models
    if home.model is not None and sections["models"] and not described:  # described once, described all
        yield from _unknown(loaded, (*place, "model"), [home.model], "model", sections["models"])
    if home.pool is not None:
        yield from _unknown(loaded, (*place, "pool"), [home.pool], "pool", sections["pools"])
    if home.contract is not None:
        yield from _unknown(loaded, (*place, "contract"), [home.contract], "contract", sections["contracts"])
    if home.profile is not None:
        yield from _unknown_profile(loaded, (*place, "profile"), name, home, catalog)
    for key in ("needs", "grow_needs"):
        yield from _unknown_services(loaded, (*place, key), getattr(home, key), catalog)
        yield from _twice(loaded, (*place, key), getattr(home, key))


def _workload_problems(loaded: LoadedSections, name: str, workload: WorkloadSettings) -> Iterator[Problem]:
    sections, place = loaded.sections, ("workloads", name)
    if not workload.homes:
        yield _problem(
            loaded, place, "estate.workload-without-homes", f'workload "{name}" has no homes',
            "work runs on a home; without one nothing can run", "add homes = [...]",
        )  # fmt: skip
    yield from _unknown(loaded, (*place, "homes"), workload.homes, "home", sections["homes"])
    yield from _twice(loaded, (*place, "homes"), workload.homes)
    policies = {DEFAULT_POLICY: None, **sections["policies"]}
    yield from _unknown(loaded, (*place, "policy"), [workload.policy], "policy", policies)
    for index, substitute in enumerate(workload.substitutes):
        inner = (*place, "substitutes", index, "home")
        yield from _unknown(loaded, inner, [substitute.home], "home", sections["homes"])
        if substitute.home in workload.homes:
            yield _problem(
                loaded, inner, "estate.duplicate",
                f'workload "{name}" has "{substitute.home}" as home and as substitute',
                "a substitute is another home", "leave it in one of the two",
            )  # fmt: skip


def _unknown_services(
    loaded: LoadedSections, place: Path, names: tuple[str, ...], catalog: Catalog
) -> Iterator[Problem]:
    """A service is known when the file defines it or the catalog has it."""
    own = loaded.sections["services"]
    facts = ("operator.", "silicon.", "pool.")  # what homes imply; see standing.py
    known = {
        name: None
        for name in names
        if name in own or name.startswith(facts) or lookup.service(catalog, ServiceId(name)) is not None
    }
    if len(known) < len(set(names)):
        yield from _unknown(loaded, place, names, "service", {**own, **known})


def _unknown_profile(
    loaded: LoadedSections, place: Path, name: str, home: HomeSettings, catalog: Catalog
) -> Iterator[Problem]:
    owner = lookup.vendor(catalog, home.vendor)
    known = [profile for vendor, profile in catalog.profiles if owner is not None and vendor == owner.id]
    if home.profile not in known:
        yield _problem(
            loaded, place, "estate.unknown-profile",
            f'home "{name}" names profile "{home.profile}", which {home.vendor} is not known to have',
            f"it has {', '.join(known) or 'none in the catalog'}",
            "correct it, or add it to a catalog file of your own",
        )  # fmt: skip


def _circles(loaded: LoadedSections, catalog: Catalog) -> Iterator[Problem]:
    edges = {
        ServiceId(name): tuple(ServiceId(need) for need in (*found.all_of, *found.any_of))
        for name, found in loaded.sections["services"].items()
        if found is not None
    }
    open_ = [need for needs in edges.values() for need in needs]
    while open_:  # what the file's services stand on in the catalog may lead back to them
        id = open_.pop()
        one = None if id in edges else lookup.service(catalog, id)
        if one is not None:
            edges[id] = (*one.all_of, *one.any_of)
            open_.extend(edges[id])
    around = cycle_in(edges)
    if around:
        yield _problem(
            loaded, ("services", around[0]), "estate.cyclic-services",
            f"services need each other in a circle: {' -> '.join(around)}",
            "what stands on what has an order, or nothing could ever have been started",
            "take one of these edges out of all_of or any_of",
        )  # fmt: skip


def _unknown(
    loaded: LoadedSections, place: Path, names: Iterable[str], noun: str, known: Mapping[str, object]
) -> Iterator[Problem]:
    owner = f'{str(place[0]).removesuffix("s")} "{place[1]}"'
    many = not isinstance(names, list)
    for index, name in enumerate(names):
        if name in known:
            continue
        close = nearest(name, known) if len(known) <= SUGGEST_AMONG_MAX else None
        plural = "policies" if noun == "policy" else f"{noun}s"
        count = f"{len(known)} {noun if len(known) == 1 else plural}"
        yield _problem(
            loaded, (*place, index) if many else place, UNKNOWN[noun],
            f'{owner} names {noun} "{name}", which is not in the estate',
            f"the estate has {count}" + (f'; the closest is "{close}"' if close else ""),
            f'write "{close}", or add [{plural}.{name}]' if close else f"add [{plural}.{name}]",
        )  # fmt: skip


def _twice(loaded: LoadedSections, place: Path, names: tuple[str, ...]) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            yield _problem(
                loaded, (*place, index), "estate.duplicate", f'"{name}" is named twice',
                "each name counts once; the same home twice is no second home", "remove one of them",
            )  # fmt: skip
        seen.add(name)


def _problem(loaded: LoadedSections, path: Path, code: str, what: str, why: str, fix: str) -> Problem:
    dotted = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
    return Problem(code=code, what=what, why=why, fix=fix, path=dotted, line=loaded.line(*path))


def _home(name: str, found: HomeSettings) -> Home:
    return Home(
        id=HomeId(name),
        vendor=found.vendor,
        operator=found.operator or "",  # the catalog knows, or the vendor is taken: see standing.placed
        region=found.region,
        silicon=None if found.silicon is None else SiliconId(found.silicon),
        api=found.api,
        model=None if found.model is None else ModelId(found.model),
        model_name=found.model_name,
        url=None if found.url is None else found.url.text,
        credential=None if found.credential is None else found.credential.reference,
        pool=None if found.pool is None else PoolId(found.pool),
        chips=found.chips,
        price=_price(found.price),
        tier=found.tier,
        weight=found.weight,
        needs=tuple(ServiceId(service) for service in found.needs),
        grow_needs=tuple(ServiceId(service) for service in found.grow_needs),
        profile=found.profile,
        contract=found.contract,
        jurisdiction=found.jurisdiction,
        options=dict(found.options),
    )


def _price(found: PriceSettings) -> Price:
    def nano(name: str) -> int | None:
        usd = getattr(found, name)
        return None if usd is None else int(usd.nano)

    return Price(
        input_nano_usd_per_mtok=nano("input_usd_per_mtok"),
        cache_read_nano_usd_per_mtok=nano("cache_read_usd_per_mtok"),
        cache_write_nano_usd_per_mtok=nano("cache_write_usd_per_mtok"),
        output_nano_usd_per_mtok=nano("output_usd_per_mtok"),
        chip_hour_nano_usd=nano("chip_hour_usd"),
        source=found.source,
        as_of="" if found.as_of is None else found.as_of.isoformat(),
    )


def _policy(name: str, found: PolicySettings, catalog: Catalog) -> Policy:
    def ids(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(known.id if (known := lookup.vendor(catalog, one)) else one for one in names)

    fields = msgspec.structs.asdict(found)
    budget = fields.pop("budget_usd_per_month")
    for key in ("vendors", "operators", "operators_barred"):
        fields[key] = ids(fields[key])
    fields["classes"] = {
        name: ClassRule(
            regions=rule.regions,
            jurisdictions=rule.jurisdictions,
            operators=ids(rule.operators),
            tier_min=rule.tier_min,
        )
        for name, rule in found.classes.items()
    }
    return Policy(
        id=PolicyId(name), budget_nano_usd_per_month=None if budget is None else budget.nano, **fields
    )


def _service(name: str, found: ServiceSettings) -> Service:
    return Service(
        id=ServiceId(name),
        name=found.name,
        kind=found.kind,
        vendor=found.vendor,
        all_of=tuple(ServiceId(need) for need in found.all_of),
        any_of=tuple(ServiceId(need) for need in found.any_of),
        outages_per_year=found.outages_per_year,
        hours_per_outage=found.hours_per_outage,
        source=found.source or "this estate's own file",
        status="documented",
    )


def _contract(name: str, found: ContractSettings) -> Contract:
    minimum = found.minimum_usd_per_month
    return Contract(
        id=name,
        operator=found.operator,
        minimum_nano_usd_per_month=None if minimum is None else int(minimum.nano),
        starts="" if found.starts is None else found.starts.isoformat(),
        expires="" if found.expires is None else found.expires.isoformat(),
        term_months=found.term_months,
        notice_days=found.notice_days,
        exclusive=found.exclusive,
        exclusive_for=found.exclusive_for,
    )


def _workload(name: str, found: WorkloadSettings, policy: Policy) -> Workload:
    return Workload(
        id=WorkloadId(name),
        kind=found.kind,
        homes=tuple(HomeId(home) for home in found.homes),
        policy=policy,
        data_class=found.data_class,
        requests_per_min=found.requests_per_min,
        input_tokens=found.input_tokens,
        output_tokens=found.output_tokens,
        substitutes=tuple(
            Substitute(home=HomeId(one.home), quality=one.quality, uses=one.uses) for one in found.substitutes
        ),
    )
