"""What one can run on, and the rules for choosing: homes, pools, workloads, policies."""

from __future__ import annotations

from typing import Literal

import msgspec

from freehold.types.names import (
    HomeId,
    ModelId,
    PolicyId,
    PoolId,
    ServiceId,
    SiliconId,
    Tier,
    WorkKind,
    WorkloadId,
)


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """What work costs at a home. Unknown is None, never zero; `source` and `as_of` say who claims it."""

    input_nano_usd_per_mtok: int | None = None
    cache_read_nano_usd_per_mtok: int | None = None
    cache_write_nano_usd_per_mtok: int | None = None
    output_nano_usd_per_mtok: int | None = None
    chip_hour_nano_usd: int | None = None
    source: str = ""
    as_of: str = ""


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """One concrete place where work can run. Unknown facts are None."""

    id: HomeId
    vendor: str
    operator: str  # who runs the silicon; not always the vendor whose URL it is
    region: str | None = None
    silicon: SiliconId | None = None
    api: str | None = None  # a row of the transports table; None for a compute home
    model: ModelId | None = None
    model_name: str | None = None  # what the model, profile or deployment is called at this home
    url: str | None = None
    credential: str | None = None  # a reference: env:NAME, file:PATH or cmd:...
    pool: PoolId | None = None
    chips: int | None = None
    price: Price = Price()
    tier: Tier = "contract"
    weight: int = 1
    needs: tuple[ServiceId, ...] = ()  # everything it stands on directly, every one of them
    grow_needs: tuple[ServiceId, ...] = ()  # what it stands on to take more load than it has now
    profile: str | None = None  # a cross-region profile: us, eu, global, ...
    contract: str | None = None  # the contract it is bought under
    jurisdiction: str | None = (
        None  # whose law its machines stand under; None is unknown, which no rule accepts
    )
    options: dict[str, str] = {}  # transport settings: api_version, project, deployment, profile


Status = Literal["documented", "reported", "assumed"]
"""How far a figure or an edge can be trusted: its owner says so, somebody else does, or we reason so."""


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """Something homes stand on that can fail by itself.

    It is dead when it has failed itself, when any of `all_of` is dead, or when every one of `any_of` is.
    Rates that nobody gave are None: unknown, never zero.
    """

    id: ServiceId
    name: str = ""
    kind: str = "other"
    vendor: str | None = None
    region: str | None = None
    all_of: tuple[ServiceId, ...] = ()
    any_of: tuple[ServiceId, ...] = ()
    outages_per_year: float | None = None
    hours_per_outage: float | None = None
    source: str = ""
    as_of: str = ""
    status: Status = "assumed"


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """What binds you to an operator: what was promised, for how long, and how it ends."""

    id: str
    operator: str
    minimum_nano_usd_per_month: int | None = None
    starts: str = ""
    expires: str = ""
    term_months: int | None = None
    notice_days: int | None = None
    exclusive: bool = False
    exclusive_for: tuple[str, ...] = ()


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """A bucket of capacity that several homes may share."""

    id: PoolId
    requests_per_min: int | None = None
    tokens_per_min: int | None = None
    chips: int | None = None


class Substitute(msgspec.Struct, frozen=True, kw_only=True):
    """Another home or model allowed to stand in, with a stated quality from 0 to 1 (None: not measured)."""

    home: HomeId
    quality: float | None = None
    uses: tuple[str, ...] = ()


class ClassRule(msgspec.Struct, frozen=True, kw_only=True):
    """Where data of one class may go, on top of the policy it is part of. Empty allows everything."""

    regions: tuple[str, ...] = ()
    jurisdictions: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    tier_min: Tier = "contract"


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What must hold. An empty tuple allows everything; a rule that cannot be checked does not pass."""

    id: PolicyId = PolicyId("default")
    homes_min: int = 1
    distinct: tuple[Literal["vendor", "operator", "region", "silicon", "pool"], ...] = ()
    regions: tuple[str, ...] = ()
    jurisdictions: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    operators_barred: tuple[str, ...] = ()
    vendors: tuple[str, ...] = ()
    data_classes: tuple[str, ...] = ()
    classes: dict[str, ClassRule] = {}  # data class -> what holds for it in addition
    tier_min: Tier = "contract"
    substitution: bool = False
    on_cut: Literal["error", "continue", "reask", "restart"] = "error"
    shop_refusals: bool = False
    evidence: Literal["default", "strict"] = "default"
    unrecorded: Literal["refuse", "run"] = "refuse"  # when the evidence store is full or away
    budget_nano_usd_per_month: int | None = None


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    id: WorkloadId
    kind: WorkKind = "serve"
    homes: tuple[HomeId, ...] = ()  # in order of preference
    policy: Policy = Policy()
    data_class: str | None = None
    requests_per_min: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    substitutes: tuple[Substitute, ...] = ()
