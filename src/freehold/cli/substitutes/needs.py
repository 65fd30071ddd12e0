"""What a workload uses that a stand-in cannot do: by the capability table, the policy, the limits. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from freehold.cli.substitutes.prompts import Prompt
from freehold.dialects import Target
from freehold.dialects.fitting import Fit, fit
from freehold.estate.allowed import reasons_against
from freehold.estate.model import Estate
from freehold.gateway.rescuable import goes_on
from freehold.gateway.transports import api_of
from freehold.types.homes import Home, Workload

LISTED_MAX: Final = 20


class Lack(msgspec.Struct, frozen=True, kw_only=True):
    """One thing, and in how many prompts it matters; None: it is about the workload as a whole."""

    what: str
    prompts: int | None = None


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    cannot: tuple[Lack, ...]  # prompts with one of these are not asked
    changes: tuple[Lack, ...]  # what is asked differently there, in its own words
    asked: tuple[Prompt, ...]  # what both homes can be asked


def target_of(home: Home) -> Target:
    options = dict(home.options)
    if home.region is not None:
        options.setdefault("location", home.region)
    return Target(
        api=api_of(home.api or ""), model=home.model_name or home.model or "",
        api_version=home.options.get("api_version"), options=options,
    )  # fmt: skip


def needs(estate: Estate, workload: Workload, own: Home, other: Home, prompts: Sequence[Prompt]) -> Needs:
    """Only what the stand-in lacks and the workload's own home has."""
    cannot: Counter[str] = Counter()
    changes: Counter[str] = Counter()
    asked: list[Prompt] = []
    here, there = target_of(own), target_of(other)
    for prompt in prompts:
        at_own, at_other = fit(prompt.conversation, here), fit(prompt.conversation, there)
        if not isinstance(at_own, Fit):
            cannot[f"not even {own.id} can: {at_own.reason}"] += 1
        elif not isinstance(at_other, Fit):
            cannot[at_other.reason] += 1
        else:
            asked.append(prompt)
            changes.update(set(at_other.notes) - set(at_own.notes))
    declared = (Lack(what=what) for what in _declared(estate, workload, own, other))
    return Needs(
        cannot=(*declared, *_lacks(cannot)), changes=tuple(_lacks(changes)), asked=tuple(asked),
    )  # fmt: skip


def _lacks(counted: Counter[str]) -> list[Lack]:
    return [Lack(what=what, prompts=count) for what, count in counted.most_common(LISTED_MAX)]


def _declared(estate: Estate, workload: Workload, own: Home, other: Home) -> list[str]:
    """What the estate itself says of the workload and of the stand-in."""
    found = [f"the policy does not let it: {why}" for why in reasons_against(other, workload)]
    facts = None if other.model is None else estate.models.get(other.model)
    typical = (workload.input_tokens or 0) + (workload.output_tokens or 0)
    if facts is not None and facts.context_tokens is not None and typical > facts.context_tokens:
        found.append(
            f"a typical call has {typical:,} tokens, and {other.model} takes {facts.context_tokens:,}"
        )
    output = workload.output_tokens or 0
    if facts is not None and facts.output_tokens is not None and output > facts.output_tokens:
        found.append(
            f"a typical answer has {output:,} tokens, and {other.model} gives {facts.output_tokens:,}"
        )
    if workload.policy.on_cut == "continue" and goes_on(own) and not goes_on(other):
        found.append("it cannot go on with an answer that another home had begun, as the policy wants")
    return found
