"""An alignment run as what it is: several models at work together, each of which may sit on other silicon.

Each role (policy, feedback, judge, trainer) is predicted on every chip; the trainer and the policy's
sampler are chosen together, because new weights move from one to the other after every sync.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from freehold.plan.perf.chip import Chip
from freehold.plan.perf.constants import Constants
from freehold.plan.perf.predict import SECONDS_PER_HOUR, Prediction, Work, predict
from freehold.plan.perf.shape import ModelShape, shape_of
from freehold.plan.prices import ChipPrice
from freehold.types.sampling import AlignShape, RoleLoad

PROMPT_TOKENS = 500.0  # a typical prompt or judged answer, where only ratios are known
ANSWER_TOKENS = 250.0
READER = 4.0  # reads so many times what it writes, or more
MOVE_GB_PER_S_NEAR, MOVE_GB_PER_S_FAR = 5.0, 0.5  # weights within a region, and between regions
EGRESS_USD_PER_GB = 0.09


class RolePlan(msgspec.Struct, frozen=True, kw_only=True):
    """One role on one kind of chip: how long its share of the run takes, and what it costs."""

    role: str
    model: str
    silicon: str
    chips: int
    hours: float
    usd: float
    usd_low: float
    usd_high: float
    vendor: str
    region: str
    rests_on: str


class AlignPrediction(msgspec.Struct, frozen=True, kw_only=True):
    """The cheapest silicon for each role, what the weights' way costs, and every alternative."""

    roles: tuple[RolePlan, ...]
    moving_usd: float
    moving_hours: float
    usd: float
    usd_low: float
    usd_high: float
    hours: float  # roles one after the other, as a run goes
    alternatives: dict[str, tuple[RolePlan, ...]]
    unknown: dict[str, str]  # silicon that was not considered, and why


def predict_align(
    shape: AlignShape,
    chips: Mapping[str, Chip],
    prices: Mapping[str, ChipPrice],
    constants: Constants,
    precision: str = "bf16",
) -> AlignPrediction | str:
    """The best choice, or which role has none."""
    unknown = {id: "its price is unknown" for id in chips if id not in prices}
    options: dict[str, tuple[RolePlan, ...]] = {}
    for load in shape.roles:
        model = shape_of(load.model)
        found = [
            plan
            for id, chip in chips.items()
            if id in prices
            for plan in [_role(load, model, shape.policy_tokens, chip, prices[id], constants, precision)]
            if plan is not None
        ]
        if not found:
            return f"the role {load.role} with {load.model} fits on no chip that has a price"
        options[load.role] = tuple(sorted(found, key=lambda plan: plan.usd))
    chosen, moving = _together(shape, options)
    usd = sum(plan.usd for plan in chosen) + moving[0]
    return AlignPrediction(
        roles=tuple(chosen), moving_usd=moving[0], moving_hours=moving[1], usd=usd,
        usd_low=sum(plan.usd_low for plan in chosen) + moving[0],
        usd_high=sum(plan.usd_high for plan in chosen) + moving[0],
        hours=sum(plan.hours for plan in chosen) + moving[1], alternatives=options, unknown=unknown,
    )  # fmt: skip


def _role(
    load: RoleLoad,
    model: ModelShape,
    policy_tokens: int,
    chip: Chip,
    price: ChipPrice,
    constants: Constants,
    precision: str,
) -> RolePlan | None:
    """Sampling by its output tokens, training by its trained tokens; a role may do both."""
    parts: list[tuple[float, Prediction]] = []
    if load.output_ratio > 0 or load.input_ratio > 0:
        inputs, outputs = call_tokens(load)
        work = Work(kind="batch", precision=precision, inputs=inputs, outputs=outputs)
        tokens = policy_tokens * (load.output_ratio or load.input_ratio / inputs)
        parts.append((tokens, predict(model, work, chip, constants, chip_hour_usd=price.chip_hour_usd)))
    if load.train_ratio > 0:
        work = Work(kind="train", precision="bf16")
        said = predict(model, work, chip, constants, chip_hour_usd=price.chip_hour_usd)
        parts.append((policy_tokens * load.train_ratio, said))
    if not parts or any(said.usd_per_mtok is None for _, said in parts):
        return None

    def usd(which: str) -> float:
        return sum(tokens / 1e6 * float(getattr(said, which)) for tokens, said in parts)

    return RolePlan(
        role=load.role, model=load.model, silicon=chip.id, chips=max(said.chips or 1 for _, said in parts),
        hours=sum(tokens / (said.tokens_per_s or 1.0) / SECONDS_PER_HOUR for tokens, said in parts),
        usd=usd("usd_per_mtok"), usd_low=usd("usd_per_mtok_low"), usd_high=usd("usd_per_mtok_high"),
        vendor=price.vendor, region=price.region, rests_on=parts[-1][1].rests_on,
    )  # fmt: skip


def call_tokens(load: RoleLoad) -> tuple[float, float]:
    """Tokens read and written by one call of a role, of which the recipe gives the ratio only.

    Who mostly reads (a judge, a critic that gives a verdict) reads a prompt; who writes, writes an answer.
    """
    if load.output_ratio * READER <= load.input_ratio:
        return PROMPT_TOKENS, max(1.0, PROMPT_TOKENS * load.output_ratio / (load.input_ratio or 1.0))
    return ANSWER_TOKENS * load.input_ratio / load.output_ratio, ANSWER_TOKENS


def _together(
    shape: AlignShape, options: Mapping[str, tuple[RolePlan, ...]]
) -> tuple[list[RolePlan], tuple[float, float]]:
    """Trainer and policy as the pair that is cheapest with the weights' way between them; the rest one by
    one."""
    trainer = next((load for load in shape.roles if load.train_ratio > 0), None)
    sampler = next((load for load in shape.roles if load.role == "policy" and load is not trainer), None)
    best = {role: found[0] for role, found in options.items()}
    if trainer is None or sampler is None or not shape.weight_syncs:
        return list(best.values()), (0.0, 0.0)
    weights_gb = shape_of(trainer.model).weights_gb("bf16")

    def total(pair: tuple[RolePlan, RolePlan]) -> float:
        return pair[0].usd + pair[1].usd + moved(shape, weights_gb, *pair)[0]

    pairs = ((a, b) for a in options[trainer.role] for b in options[sampler.role])
    one, other = min(pairs, key=total)
    best[trainer.role], best[sampler.role] = one, other
    return list(best.values()), moved(shape, weights_gb, one, other)


def moved(shape: AlignShape, weights_gb: float, one: RolePlan, other: RolePlan) -> tuple[float, float]:
    """Dollars and hours of carrying new weights from the trainer to the sampler, over the whole run."""
    near = (one.vendor, one.region) == (other.vendor, other.region)
    speed = MOVE_GB_PER_S_NEAR if near else MOVE_GB_PER_S_FAR
    hours = shape.weight_syncs * weights_gb / speed / SECONDS_PER_HOUR
    egress = 0.0 if near else shape.weight_syncs * weights_gb * EGRESS_USD_PER_GB
    waiting = hours * (one.usd / one.hours + other.usd / other.hours) if one.hours and other.hours else 0.0
    return egress + waiting, hours
