"""Which homes a workload's policy allows: decided before health or price are looked at, and never left.

A rule that cannot be checked does not pass: a home without a known region is outside every list of regions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from freehold.estate.allowed import reasons_against
from freehold.types.homes import Home, Policy, Workload
from freehold.types.names import HomeId, ModelId


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    home: Home
    substitute: bool = False
    quality: float | None = None


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A home that the policy does not allow, with the rule that says so."""

    home: HomeId
    rule: str


class Candidates(msgspec.Struct, frozen=True, kw_only=True):
    allowed: tuple[Candidate, ...]
    left_out: tuple[LeftOut, ...]
    refusal: str = ""  # the rule because of which none may be used

    def why_none(self) -> str:
        return self.refusal or "; ".join(f"{one.home}: {one.rule}" for one in self.left_out)


def candidates(
    workload: Workload, homes: Mapping[HomeId, Home], attested: frozenset[HomeId] = frozenset()
) -> Candidates:
    """The homes a call of this workload may go to. `attested`: homes whose evidence was verified."""
    policy = workload.policy
    left_out: list[LeftOut] = []
    allowed: list[Candidate] = []
    model = _model_of(workload, homes)
    for candidate in _named(workload, homes):
        rule = _barred(candidate, workload, model, attested)
        if rule:
            left_out.append(LeftOut(home=candidate.home.id, rule=f"policy {policy.id}: {rule}"))
        else:
            allowed.append(candidate)
    refusal = _too_alike(allowed, policy)
    return Candidates(allowed=() if refusal else tuple(allowed), left_out=tuple(left_out), refusal=refusal)


def _named(workload: Workload, homes: Mapping[HomeId, Home]) -> list[Candidate]:
    own = [Candidate(home=homes[home]) for home in workload.homes]
    other = [
        Candidate(home=homes[one.home], substitute=True, quality=one.quality) for one in workload.substitutes
    ]
    return [one for one in own + other if one.home.api is not None]


def _model_of(workload: Workload, homes: Mapping[HomeId, Home]) -> ModelId | None:
    """The model the workload means: that of its first home."""
    return next((homes[home].model for home in workload.homes), None)


def _barred(
    candidate: Candidate, workload: Workload, model: ModelId | None, attested: frozenset[HomeId]
) -> str:
    """The estate's own rules, and two that only calls have: whose model it is, and what was verified."""
    home, policy = candidate.home, workload.policy
    if (candidate.substitute or home.model != model) and not policy.substitution:
        return f"substitution is off, and this home serves {home.model or 'an unknown model'}"
    declared = home.tier == "attested" and home.id not in attested
    if declared:
        home = msgspec.structs.replace(home, tier="contract")
    reasons = reasons_against(home, workload)
    if declared and any("evidence" in reason for reason in reasons):
        reasons = (*reasons, "it declares to be attested, and that was not verified")
    return "; ".join(reasons)


def _too_alike(allowed: Sequence[Candidate], policy: Policy) -> str:
    """The policy wants so many homes, and wants them to differ; fewer would be less than was asked for."""
    own = [one.home for one in allowed if not one.substitute]
    if len(own) < policy.homes_min and (own or not allowed):
        if not own:
            return ""  # each home's own rule says why
        return f"policy {policy.id}: homes_min is {policy.homes_min}, and {len(own)} may be used"
    for trait in policy.distinct:
        known = {getattr(home, trait) for home in own} - {None}
        if own and len(known) < policy.homes_min:
            return (
                f"policy {policy.id}: distinct {trait}, and the homes have {len(known)} of {policy.homes_min}"
            )
    return ""
