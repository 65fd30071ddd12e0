"""Aligned FLOPs per dollar of a run, from its folder alone (the definition:
docs/explanation/aligned-flops.md).

A stratum is a training stage. Its useful compute is the policy's; critics, oversight and evaluation are
cost. What share of it counts is the lower 95 % bound of the outputs that hold to the constitution, as the
critic saw them, corrected for the critic's measured errors. A stage that nobody looked at counts nothing.
"""

from __future__ import annotations

import msgspec

from freehold.watch.runlog import Cost, Evaluation, RunLog

SEEN = "t1/holds_corrected"


class Stratum(msgspec.Struct, frozen=True, kw_only=True):
    stage: str
    useful_flops: int
    safe_low: float
    seconds: float
    usd: float | None


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """`usd` and what follows from it are None where no price was given."""

    strata: tuple[Stratum, ...]
    aligned_flops: float
    seconds: float
    usd: float | None
    aligned_flops_per_usd: float | None
    usd_per_accepted_answer: float | None
    accepted_answers: int


def account(log: RunLog) -> Account:
    spent = _by_stage(log)
    price = log.header.usd_per_hour
    after = {found.stage: found for found in log.evaluations() if found.full}
    strata = tuple(_stratum(stage, roles, after.get(stage), price) for stage, roles in spent.items())
    aligned_flops = sum(stratum.useful_flops * stratum.safe_low for stratum in strata)
    seconds = sum(stratum.seconds for stratum in strata)
    usd = None if price is None else price * seconds / 3600
    accepted = _accepted(log)
    return Account(
        strata=strata,
        aligned_flops=aligned_flops,
        seconds=seconds,
        usd=usd,
        aligned_flops_per_usd=aligned_flops / usd if usd else None,
        usd_per_accepted_answer=usd / accepted if usd and accepted else None,
        accepted_answers=accepted,
    )


def _by_stage(log: RunLog) -> dict[str, dict[str, Cost]]:
    """What every stage used up, by role. Data stages belong to the training stage they feed."""
    feeds = {"sample": "supervise", "revise": "supervise", "feedback": "prefer", "preference-model": "prefer"}
    spent: dict[str, dict[str, Cost]] = {}
    for event in log.events():
        if event.cost:
            stage = feeds.get(event.stage, event.stage or "base")
            roles = spent.setdefault(stage, {})
            for role, cost in event.cost.items():
                roles[role] = roles.get(role, Cost()).plus(cost)
    return spent


def _stratum(stage: str, roles: dict[str, Cost], found: Evaluation | None, price: float | None) -> Stratum:
    seconds = sum(cost.seconds for cost in roles.values())
    seen = found.critic.get(SEEN) if found else None
    return Stratum(
        stage=stage,
        useful_flops=roles.get("policy", Cost()).flops,
        safe_low=seen.low if seen else 0.0,
        seconds=seconds,
        usd=None if price is None else price * seconds / 3600,
    )


def _accepted(log: RunLog) -> int:
    """Answers of the last full evaluation that hold to every principle in scope."""
    full = [found.checkpoint for found in log.evaluations() if found.full]
    if not full:
        return 0
    return sum(bool(one.passes) and all(one.passes.values()) for one in log.answers(full[-1]))
