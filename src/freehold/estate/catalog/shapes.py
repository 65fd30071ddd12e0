"""What the catalog holds. Every figure says who claims it, as of when, and how far that can be trusted."""

from __future__ import annotations

from typing import Literal

import msgspec

from freehold.types.homes import Service, Status
from freehold.types.names import ModelId, ServiceId, SiliconId

__all__ = [
    "Commitment",
    "DrillClass",
    "Effect",
    "Figure",
    "Incident",
    "ModelFacts",
    "Offer",
    "Profile",
    "Region",
    "Service",
    "Silicon",
    "Status",
    "Surface",
    "TokenPrice",
    "Vendor",
]


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One number. The unit is the last part of the name of the field that holds it."""

    value: float
    source: str
    as_of: str  # 2025-10-20, 2025-10 or 2025
    status: Status = "reported"


class Region(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    vendor: str
    place: str = ""
    jurisdiction: str | None = (
        None  # us, eu, uk, ch, jp, ...; None: not known, which no residency rule accepts
    )


class Vendor(msgspec.Struct, frozen=True, kw_only=True):
    """Whom one buys from, and where it has regions."""

    id: str
    name: str
    kind: Literal["cloud", "lab", "edge", "chips", "self"] = "cloud"
    home: str = ""  # the jurisdiction whose law it answers to
    aliases: tuple[str, ...] = ()
    regions: dict[str, Region] = {}
    source: str = ""
    as_of: str = ""
    status: Status = "reported"


class Surface(msgspec.Struct, frozen=True, kw_only=True):
    """One way to reach models: whose URL, who runs the silicon, and what it stands on.

    `needs` and `grow_needs` are service ids in which `{region}` and `{vendor}` are filled in.
    """

    vendor: str
    api: str
    name: str
    operator: str  # who runs the silicon
    regional: bool = True  # False: one endpoint for the whole world, processing region not known
    needs: tuple[str, ...] = ()
    grow_needs: tuple[str, ...] = ()
    global_needs: tuple[str, ...] = ()  # instead of `needs` where the region is "global"
    profile_needs: str = ""  # the service a cross-region profile adds, with {region} and {profile}
    pool_scope: Literal["region", "profile", "account"] = "region"  # what shares one quota
    models: tuple[str, ...] = ()  # makers whose models it serves; empty: any
    silicon: tuple[SiliconId, ...] = ()  # what is known to run it; empty: unknown
    aliases: tuple[str, ...] = ()
    hosting: dict[str, str] = {}  # options.hosting -> operator, where one URL has several operators
    operator_needs: dict[str, tuple[str, ...]] = {}  # operator -> what more it stands on there
    credentials: tuple[str, ...] = ()
    note: str = ""
    source: str = ""
    as_of: str = ""
    status: Status = "reported"


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A cross-region profile: enters in a source region, runs in one of `regions`."""

    id: str  # us, eu, apac, global, datazone-us, ...
    vendor: str
    regions: tuple[str, ...] = ()  # empty: anywhere
    jurisdiction: str | None = None  # None: unknown, as for every global profile
    source: str = ""
    as_of: str = ""
    status: Status = "documented"


class Silicon(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of chip. Rates are dense; a rate nobody disclosed is None."""

    id: SiliconId
    name: str
    maker: str
    bf16_tflops: Figure | None = None
    fp8_tflops: Figure | None = None
    fp4_tflops: Figure | None = None
    int8_tops: Figure | None = None
    memory_gb: Figure | None = None
    bandwidth_tb_per_s: Figure | None = None
    link_gb_per_s: Figure | None = None  # chip to chip
    power_w: Figure | None = None
    link: str = ""
    rented_by: tuple[str, ...] = ()  # vendor ids
    shapes: tuple[str, ...] = ()  # machine shapes it comes in
    stacks: tuple[str, ...] = ()  # software stacks
    aliases: tuple[str, ...] = ()  # what price lists call it
    chips_per_machine_max: int | None = None
    note: str = ""


class ModelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One model. Parameter counts only where the maker disclosed them."""

    id: ModelId
    family: str
    maker: str
    context_tokens: Figure | None = None
    output_tokens: Figure | None = None
    parameters_total_b: Figure | None = None
    parameters_active_b: Figure | None = None
    layers: int | None = None
    kv_dim: int | None = None  # key-value heads x head size: what one token costs in cache per layer
    open_weights: bool = False
    retires: str = ""  # the announced date, where there is one
    names: dict[str, str] = {}  # surface api -> what the model is called there
    source: str = ""
    as_of: str = ""
    status: Status = "reported"


class TokenPrice(msgspec.Struct, frozen=True, kw_only=True):
    """The list price of a model at a surface; `region` and `profile` empty: unless a row says otherwise."""

    model: ModelId
    vendor: str
    api: str
    region: str = ""
    profile: str = ""
    input_usd_per_mtok: Figure | None = None
    output_usd_per_mtok: Figure | None = None
    cache_read_usd_per_mtok: Figure | None = None
    cache_write_usd_per_mtok: Figure | None = None


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """Chips for rent by the hour. A price that is not known is None, never zero."""

    vendor: str
    region: str
    instance: str
    silicon: SiliconId
    chips: int
    chip_hour_usd: Figure | None = None
    spot_chip_hour_usd: Figure | None = None
    suspect: str = ""  # why the price is not to be trusted; empty: nothing found against it
    confidential: bool = False  # a confidential-computing shape


class Commitment(msgspec.Struct, frozen=True, kw_only=True):
    """Chips bought ahead: the rate, and what one signs for it."""

    vendor: str
    product: str
    instance: str
    silicon: SiliconId
    chips: int
    regions: tuple[str, ...]
    chip_hour_usd: Figure
    terms: str = ""
    days_max: int | None = None
    upfront: bool = True


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """One service during an incident, in minutes from its start."""

    service: ServiceId
    from_min: float
    to_min: float | None = None  # None: its recovery was not recorded; the end of the incident is taken
    how: Literal["down", "no-growth", "wrong", "slow"] = "down"
    note: str = ""


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """An outage that happened: when, what failed first, what came down with it."""

    id: str
    title: str
    starts: str  # UTC, such as 2025-10-20T06:48Z; a date alone where the hour is not recorded
    minutes: float | None
    vendor: str
    root: ServiceId
    cascade: str  # in words
    effects: tuple[Effect, ...]
    source: str
    as_of: str
    status: Status
    note: str = ""


class DrillClass(msgspec.Struct, frozen=True, kw_only=True):
    """A way of failing, drawn from the incidents, played against every place of an estate that it fits.

    `kinds` takes away services of these kinds, `fact` the homes that have one fact in common; each match is
    a drill of its own. What is multiplied, is multiplied on the survivors.
    """

    id: str
    title: str
    group: Literal["technical", "partner"]
    teaches: str
    kinds: tuple[str, ...] = ()
    fact: Literal[
        "", "silicon", "model", "contract", "operator", "vendor", "pool", "operator-in-jurisdiction"
    ] = ""
    how: Literal["down", "no-growth", "wrong", "price"] = "down"
    minutes: float | None = None  # None: for good
    unseen_min: float = 0  # nobody is told for so long: traffic moves late unless own probes see it
    freeze_growth: bool = False  # no home anywhere can launch more meanwhile
    capacity_times: float = 1.0
    price_times: float = 1.0
    return_demand_times: float = 1.0  # demand when it comes back ...
    return_min: float = 0  # ... and for how long
    source: str
    as_of: str
    status: Status
