"""The estate's part of freehold.toml: what one can run on, and the rules for choosing."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from freehold.config.secrets import Secret
from freehold.config.values import Url, Usd
from freehold.types.names import Tier, WorkKind

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)]
ModelName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$", max_length=200)]
Words = Annotated[str, Meta(min_length=1, max_length=200)]
Note = Annotated[str, Meta(max_length=2000)]
Count = Annotated[int, Meta(ge=1)]
Rate = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Distinct = Literal["vendor", "operator", "region", "silicon", "pool"]
ServiceKind = Literal[
    "region", "control-plane", "policy-plane", "identity", "dns", "edge", "network", "storage", "compute",
    "endpoint", "capacity", "observability", "silicon", "quota", "operator", "model", "third-party", "other",
]  # fmt: skip


class EstateSettings(Struct, frozen=True, kw_only=True):
    """The estate as a whole."""

    name: Annotated[Name, Meta(description="What this estate is called in reports.")] = "estate"
    description: Annotated[Note, Meta(description="A few words for whoever reads the reports.")] = ""
    catalog: Annotated[
        Words | None, Meta(description="A catalog file of your own, beside this one: it adds and corrects.")
    ] = None


class ServiceSettings(Struct, frozen=True, kw_only=True):
    """Something homes stand on that can fail by itself: a region, an identity service, DNS, a chip supply."""

    kind: Annotated[ServiceKind, Meta(description="What sort of thing it is.")] = "other"
    all_of: Annotated[tuple[Name, ...], Meta(description="Services it needs, every one of them.")] = ()
    any_of: Annotated[tuple[Name, ...], Meta(description="Services of which it needs at least one.")] = ()
    outages_per_year: Annotated[
        Rate | None, Meta(description="How often it fails; none means unknown, never zero.")
    ] = None
    hours_per_outage: Annotated[Rate | None, Meta(description="How long a failure lasts on average.")] = None
    source: Annotated[Note, Meta(description="Who says so, and when.")] = ""
    name: Annotated[Note, Meta(description="What people call it.")] = ""
    vendor: Annotated[Words | None, Meta(description="Whose it is; it dies with its vendor.")] = None


class PoolSettings(Struct, frozen=True, kw_only=True):
    """A bucket of capacity that several homes may share."""

    requests_per_min: Annotated[Count | None, Meta(description="Calls per minute the pool admits.")] = None
    tokens_per_min: Annotated[Count | None, Meta(description="Tokens per minute the pool admits.")] = None
    chips: Annotated[Count | None, Meta(description="Chips in the pool, for compute.")] = None


class PriceSettings(Struct, frozen=True, kw_only=True):
    """What work costs at a home. A price left out is unknown, never zero."""

    input_usd_per_mtok: Annotated[Usd | None, Meta(description="Dollars per million input tokens.")] = None
    cache_read_usd_per_mtok: Annotated[
        Usd | None, Meta(description="Dollars per million input tokens read from the vendor's cache.")
    ] = None
    cache_write_usd_per_mtok: Annotated[
        Usd | None, Meta(description="Dollars per million input tokens written to the vendor's cache.")
    ] = None
    output_usd_per_mtok: Annotated[Usd | None, Meta(description="Dollars per million output tokens.")] = None
    chip_hour_usd: Annotated[Usd | None, Meta(description="Dollars per chip and hour, for compute.")] = None
    source: Annotated[Note, Meta(description="Where the price is published or agreed.")] = ""
    as_of: Annotated[datetime.date | None, Meta(description="The day on which the price was read.")] = None


class HomeSettings(Struct, frozen=True, kw_only=True):
    """One concrete place where work can run: it serves a model (api, model) or computes (silicon, chips)."""

    vendor: Annotated[Words, Meta(description="Whom you buy it from.")]
    operator: Annotated[
        Words | None, Meta(description="Who runs the silicon, where that is not the vendor.")
    ] = None
    region: Annotated[Words | None, Meta(description="Where it is, as the vendor names it.")] = None
    silicon: Annotated[Words | None, Meta(description="The chip it runs on, such as trainium2 or h200.")] = (
        None
    )
    api: Annotated[
        Name | None, Meta(description="How it is talked to: a row of the transports table. None for compute.")
    ] = None
    model: Annotated[ModelName | None, Meta(description="The model it serves: a name under [models].")] = None
    model_name: Annotated[
        Words | None, Meta(description="What this home calls the model: an id, a profile or a deployment.")
    ] = None
    url: Annotated[Url | None, Meta(description="Its address: http or https, without credentials.")] = None
    credential: Annotated[
        Secret | None, Meta(description="Where its key is: env:NAME, file:PATH or cmd:COMMAND.")
    ] = None
    pool: Annotated[Name | None, Meta(description="The pool whose capacity it shares.")] = None
    chips: Annotated[Count | None, Meta(description="How many chips, for compute.")] = None
    price: Annotated[PriceSettings, Meta(description="What work costs here.")] = PriceSettings()
    tier: Annotated[
        Tier, Meta(description="Evidence that it is what it says. `attested` counts only once verified.")
    ] = "contract"
    weight: Annotated[
        Annotated[int, Meta(ge=0, le=1000)],
        Meta(description="Share of the calls among homes that are equally good."),
    ] = 1
    needs: Annotated[
        tuple[Name, ...], Meta(description="Services it stands on beside those of the catalog, every one.")
    ] = ()
    grow_needs: Annotated[
        tuple[Name, ...], Meta(description="Services it needs to take more load than it has now.")
    ] = ()
    catalog: Annotated[
        bool, Meta(description="Take what it stands on from the catalog. false: only what `needs` says.")
    ] = True
    profile: Annotated[
        Words | None, Meta(description="A cross-region profile, such as us, eu or global.")
    ] = None
    jurisdiction: Annotated[
        Words | None, Meta(description="Whose law its machines stand under, where the catalog cannot know.")
    ] = None
    contract: Annotated[Name | None, Meta(description="The contract it is bought under.")] = None
    options: Annotated[
        dict[Name, Words],
        Meta(description="Settings of its transport, such as api_version, project, location."),
    ] = {}


class ModelSettings(Struct, frozen=True, kw_only=True):
    """A model that homes serve. The empty table is enough; facts left out are unknown."""

    lab: Annotated[Words | None, Meta(description="Who trained it.")] = None
    parameters_active: Annotated[
        Count | None, Meta(description="Parameters at work per token, where disclosed.")
    ] = None
    parameters_total: Annotated[Count | None, Meta(description="Parameters in all, where disclosed.")] = None
    context_tokens: Annotated[Count | None, Meta(description="The longest input it takes.")] = None
    output_tokens: Annotated[Count | None, Meta(description="The longest answer it gives.")] = None


class SubstituteSettings(Struct, frozen=True, kw_only=True):
    """Another home, with another model, that may stand in."""

    home: Annotated[Name, Meta(description="The home that stands in.")]
    quality: Annotated[
        Share | None,
        Meta(description="Measured quality beside the original, 0 to 1; none means not measured."),
    ] = None
    uses: Annotated[
        tuple[Words, ...], Meta(description="What it may stand in for; empty means anything.")
    ] = ()


class ClassSettings(Struct, frozen=True, kw_only=True):
    """Where data of one class may go, on top of the policy."""

    regions: Annotated[tuple[Words, ...], Meta(description="Regions it may go to; empty allows all.")] = ()
    jurisdictions: Annotated[
        tuple[Words, ...], Meta(description="Jurisdictions it may go to; an unknown one never passes.")
    ] = ()
    operators: Annotated[tuple[Words, ...], Meta(description="Operators it may go to.")] = ()
    tier_min: Annotated[Tier, Meta(description="The weakest evidence that is enough for it.")] = "contract"


class PolicySettings(Struct, frozen=True, kw_only=True):
    """What must hold. An empty list allows everything; a rule that cannot be checked does not pass."""

    homes_min: Annotated[
        Annotated[int, Meta(ge=1, le=100)], Meta(description="Homes a workload must have.")
    ] = 1
    distinct: Annotated[tuple[Distinct, ...], Meta(description="In what those homes must differ.")] = ()
    regions: Annotated[tuple[Words, ...], Meta(description="Regions work may run in; empty allows all.")] = ()
    jurisdictions: Annotated[
        tuple[Words, ...],
        Meta(description="Jurisdictions work may run in, such as eu; an unknown one never passes."),
    ] = ()
    operators: Annotated[tuple[Words, ...], Meta(description="Operators allowed; empty allows all.")] = ()
    operators_barred: Annotated[tuple[Words, ...], Meta(description="Operators never allowed.")] = ()
    vendors: Annotated[tuple[Words, ...], Meta(description="Vendors allowed; empty allows all.")] = ()
    data_classes: Annotated[
        tuple[Words, ...], Meta(description="Data classes allowed; empty allows all.")
    ] = ()
    classes: Annotated[
        dict[Name, ClassSettings], Meta(description="What holds for one data class in addition.")
    ] = {}
    tier_min: Annotated[Tier, Meta(description="The weakest evidence that is enough.")] = "contract"
    substitution: Annotated[bool, Meta(description="May a workload's substitutes stand in?")] = False
    on_cut: Annotated[
        Literal["error", "continue", "reask", "restart"],
        Meta(description="What happens when a stream is cut after its first content."),
    ] = "error"
    shop_refusals: Annotated[bool, Meta(description="May a refusal be taken to another home?")] = False
    evidence: Annotated[
        Literal["default", "strict"],
        Meta(description="strict: answer, and end a stream, only once the record is on disk."),
    ] = "default"
    unrecorded: Annotated[
        Literal["refuse", "run"], Meta(description="When the evidence store is full or away: refuse, or run.")
    ] = "refuse"
    budget_usd_per_month: Annotated[Usd | None, Meta(description="The most to spend in a month.")] = None


class WorkloadSettings(Struct, frozen=True, kw_only=True):
    """What you run, where it may run, and under which policy."""

    kind: Annotated[WorkKind, Meta(description="What sort of work it is.")] = "serve"
    homes: Annotated[tuple[Name, ...], Meta(description="Homes it may run on, best first.")] = ()
    policy: Annotated[
        Name, Meta(description="A name under [policies]. Where none is called default, that one is built in.")
    ] = "default"
    data_class: Annotated[Words | None, Meta(description="How sensitive its data is, in your words.")] = None
    requests_per_min: Annotated[Rate | None, Meta(description="Calls per minute it is expected to make.")] = (
        None
    )
    input_tokens: Annotated[Count | None, Meta(description="Tokens in a typical request.")] = None
    output_tokens: Annotated[Count | None, Meta(description="Tokens in a typical answer.")] = None
    substitutes: Annotated[
        tuple[SubstituteSettings, ...], Meta(description="Homes with another model that may stand in.")
    ] = ()


class ContractSettings(Struct, frozen=True, kw_only=True):
    """A commitment to an operator: what was promised, for how long, and how it ends."""

    operator: Annotated[Words, Meta(description="With whom.")]
    minimum_usd_per_month: Annotated[Usd | None, Meta(description="The least that is billed per month.")] = (
        None
    )
    starts: Annotated[datetime.date | None, Meta(description="The first day.")] = None
    expires: Annotated[datetime.date | None, Meta(description="The last day.")] = None
    term_months: Annotated[Count | None, Meta(description="How long it runs, and renews for.")] = None
    notice_days: Annotated[
        Annotated[int, Meta(ge=0)] | None, Meta(description="How long before the end it must be cancelled.")
    ] = None
    exclusive: Annotated[bool, Meta(description="Does it bar you from using others?")] = False
    exclusive_for: Annotated[
        tuple[Words, ...], Meta(description="What the exclusivity covers; empty means everything.")
    ] = ()
