"""Which homes a workload may use. A rule that cannot be checked does not pass."""

from __future__ import annotations

from freehold.estate.model import Estate
from freehold.types.homes import ClassRule, Home, Workload
from freehold.types.names import HomeId, Tier

TIER_RANK: dict[Tier, int] = {"contract": 0, "vouched": 1, "attested": 2}


def reasons_against(home: Home, workload: Workload) -> tuple[str, ...]:
    """Why the workload may not run there; empty if it may."""
    policy = workload.policy
    found = [
        *_place(home, policy.regions, policy.jurisdictions),
        *_operator(home, policy.operators),
        *_tier(home, policy.tier_min),
    ]
    if home.operator in policy.operators_barred:
        found.append(f"its operator {home.operator} is barred")
    if policy.vendors and home.vendor not in policy.vendors:
        found.append(f"its vendor {home.vendor} is not one of {_or(policy.vendors)}")
    if policy.data_classes and workload.data_class not in policy.data_classes:
        found.append(_data_class(workload, policy.data_classes))
    rule = policy.classes.get(workload.data_class or "")
    return tuple(found if rule is None else [*found, *_class(home, rule, workload.data_class or "")])


def allowed_homes(workload: Workload, estate: Estate) -> tuple[HomeId, ...]:
    """The workload's homes, best first, then its substitutes where the policy lets them stand in."""
    substitutes = [one.home for one in workload.substitutes] if workload.policy.substitution else []
    listed = dict.fromkeys((*workload.homes, *substitutes))
    return tuple(id for id in listed if not reasons_against(estate.homes[id], workload))


def barred_homes(workload: Workload, estate: Estate) -> dict[HomeId, tuple[str, ...]]:
    """The homes it names and may not use, each with its reasons."""
    found = {id: reasons_against(estate.homes[id], workload) for id in workload.homes}
    return {id: reasons for id, reasons in found.items() if reasons}


def breaches(workload: Workload, estate: Estate) -> tuple[str, ...]:
    """What the policy asks of the homes together and does not get. Unknown is not distinct from anything."""
    policy = workload.policy
    homes = [estate.homes[id] for id in allowed_homes(workload, estate)]
    found = []
    if len(homes) < policy.homes_min:
        found.append(f"it asks for {_homes(policy.homes_min)} and has {len(homes)} it may use")
    for fact in policy.distinct:
        known = {value for home in homes if (value := getattr(home, fact)) is not None}
        if len(known) < policy.homes_min <= len(homes):
            found.append(f"it asks for {_homes(policy.homes_min)} of distinct {fact} and has {len(known)}")
    return tuple(found)


def _homes(count: int) -> str:
    return f"{count} home{'s' if count != 1 else ''}"


def _place(home: Home, regions: tuple[str, ...], jurisdictions: tuple[str, ...]) -> list[str]:
    found = []
    if regions and (home.region not in regions or home.profile is not None):
        where = f"profile {home.profile}" if home.profile else home.region
        found.append(f"its region ({where or 'unknown'}) is not one of {_or(regions)}")
    if jurisdictions and home.jurisdiction not in jurisdictions:
        found.append(
            f"its jurisdiction ({home.jurisdiction or 'unknown'}) is not one of {_or(jurisdictions)}"
        )
    return found


def _operator(home: Home, operators: tuple[str, ...]) -> list[str]:
    if operators and home.operator not in operators:
        return [f"its operator {home.operator} is not one of {_or(operators)}"]
    return []


def _tier(home: Home, least: Tier) -> list[str]:
    if TIER_RANK[home.tier] < TIER_RANK[least]:
        return [f"its evidence is {home.tier}, and {least} is the least allowed"]
    return []


def _class(home: Home, rule: ClassRule, name: str) -> list[str]:
    reasons = [
        *_place(home, rule.regions, rule.jurisdictions),
        *_operator(home, rule.operators),
        *_tier(home, rule.tier_min),
    ]
    return [f"for data of class {name}, {reason}" for reason in reasons]


def _data_class(workload: Workload, classes: tuple[str, ...]) -> str:
    if workload.data_class is None:
        return f"the workload's data class is not stated, and the policy takes {_or(classes)}"
    return f"the workload's data class {workload.data_class} is not one of {_or(classes)}"


def _or(words: tuple[str, ...]) -> str:
    return " or ".join(words)
