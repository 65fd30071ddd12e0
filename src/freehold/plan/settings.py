"""The plan room's part of freehold.toml: what planning needs to know beside the estate."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from freehold.config.values import Usd

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)]
Words = Annotated[str, Meta(min_length=1, max_length=200)]
Share = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]
Loss = Literal["vendor", "region", "service", "operator", "silicon", "pool"]
CURVE_POINTS_MAX = 10_000


class WorkSettings(Struct, frozen=True, kw_only=True):
    """What planning needs to know of one workload beside its table under [workloads]."""

    model: Annotated[
        Words | None, Meta(description="The open model it runs on rented chips, such as llama-3.3-70b.")
    ] = None
    precision: Annotated[
        Literal["bf16", "fp8", "int8", "fp4"], Meta(description="The arithmetic it runs in.")
    ] = "bf16"
    speculation: Annotated[
        Annotated[float, Meta(ge=1, le=10)],
        Meta(description="Tokens gained per step by speculative decoding; 1 is none."),
    ] = 1.0
    curve: Annotated[
        tuple[Annotated[float, Meta(ge=0)], ...],
        Meta(description="Demand over a day as shares of requests_per_min, evenly spaced; empty is flat."),
    ] = ()
    trace: Annotated[
        Words | None, Meta(description="A CSV of calls (time, input tokens, output tokens) to plan for.")
    ] = None
    tokens: Annotated[
        Positive | None, Meta(description="Tokens to train on, or to produce in a batch, in all.")
    ] = None
    sequence: Annotated[Count, Meta(description="Tokens in one training sequence.")] = 4096
    chips: Annotated[
        tuple[Count, ...], Meta(description="Sizes of gang to consider; empty tries the usual ones.")
    ] = ()
    chip_hours: Annotated[
        Positive | None, Meta(description="Chip-hours it takes on the silicon named in chip_hours_on.")
    ] = None
    chip_hours_on: Annotated[Words | None, Meta(description="The silicon that chip_hours is about.")] = None
    deadline_hours: Annotated[Positive | None, Meta(description="When it must be done, from now.")] = None
    keep: Annotated[
        Share | None, Meta(description="The share of demand still served after any one loss in outlive.")
    ] = None
    outlive: Annotated[
        tuple[Loss, ...],
        Meta(description="What it must outlive, one at a time. None given: what its policy's distinct says."),
    ] = ()
    spot_share_max: Annotated[Share, Meta(description="The largest share on spot capacity.")] = 0.0
    data_gb: Annotated[
        Annotated[float, Meta(ge=0)], Meta(description="Data that has to move to where it runs.")
    ] = 0.0
    data_at: Annotated[Words | None, Meta(description="The home beside which its data lies.")] = None
    recipe: Annotated[Words | None, Meta(description="The recipe of an align workload, for its roles.")] = (
        None
    )


class CommitmentSettings(Struct, frozen=True, kw_only=True):
    """Chips paid for whether used or not."""

    homes: Annotated[tuple[Name, ...], Meta(description="The homes it covers.")]
    chips: Annotated[Count, Meta(description="How many chips.")]
    chip_hour_usd: Annotated[Usd, Meta(description="What one costs an hour, used or not.")]


class SpotSettings(Struct, frozen=True, kw_only=True):
    """Spot capacity at one home."""

    chip_hour_usd: Annotated[Usd, Meta(description="What one chip costs an hour.")]
    interruptions_per_day: Annotated[
        Annotated[float, Meta(ge=0)], Meta(description="How often it is taken away.")
    ] = 1.0
    hours_lost: Annotated[
        Annotated[float, Meta(ge=0)],
        Meta(description="Work lost each time: since the last checkpoint, and restart."),
    ] = 0.25
    chips: Annotated[
        Count | None, Meta(description="How many there are; none means as many as the home has.")
    ] = None


class PlanSettings(Struct, frozen=True, kw_only=True):
    """Where work should go."""

    candidates: Annotated[
        Literal["listed", "estate"],
        Meta(
            description="Consider the homes a workload lists, or every home of the estate that could run it."
        ),
    ] = "listed"
    hours: Annotated[
        Positive, Meta(description="The time over which what is paid once (moving, training) is spread.")
    ] = 730.0
    keep: Annotated[
        Share, Meta(description="The share still served after a loss, where a workload says nothing.")
    ] = 0.5
    headroom: Annotated[
        Share,
        Meta(description="The share of a replica's speed that is planned with; the rest absorbs bursts."),
    ] = 0.7
    egress_usd_per_gb: Annotated[Usd, Meta(description="What moving data between regions costs.")] = Usd(
        "0.09"
    )
    switch_usd: Annotated[
        Usd, Meta(description="What moving one unit of work to a home it is not on costs, in work and risk.")
    ] = Usd("0")
    unserved_usd_per_hour: Annotated[
        Usd,
        Meta(description="What leaving a whole workload unserved costs; far above any way of serving it."),
    ] = Usd("1000000")
    work: Annotated[dict[Name, WorkSettings], Meta(description="More about a workload, by its name.")] = {}
    commitments: Annotated[
        dict[Name, CommitmentSettings], Meta(description="Capacity already paid for, by name.")
    ] = {}
    spot: Annotated[dict[Name, SpotSettings], Meta(description="Spot prices, by the home's name.")] = {}
