"""One sentence per workload: what it stands on."""

from __future__ import annotations

from freehold.estate.model import Estate
from freehold.types.homes import Home, Workload


def sentence(workload: Workload, estate: Estate) -> str:
    homes = [estate.homes[id] for id in workload.homes]
    if not homes:
        return f"{workload.id} has no home: nothing runs it."
    models = _list(sorted({home.model or "a model not named" for home in homes}))
    where = _list([_where(home) for home in homes])
    operators = _list(sorted({home.operator for home in homes}))
    return f"{workload.id} runs {models} {where}, operated by {operators}; {_survives(homes)}."


def _where(home: Home) -> str:
    silicon = home.silicon or "silicon unknown"
    region = home.region or "a region not named"
    return f"through {home.vendor} ({home.api or 'no API named'}) on {silicon} in {region}"


def _survives(homes: list[Home]) -> str:
    if len(homes) == 1:
        return f"it has one home, so the loss of {homes[0].id} takes it down"
    shared = [
        f"{noun} {next(iter(values))}"
        for noun, values in (
            ("vendor", {home.vendor for home in homes}),
            ("operator", {home.operator for home in homes}),
            ("region", {home.region for home in homes}),
        )
        if len(values) == 1 and None not in values
    ]
    if shared:
        return f"it survives any one home, but not the loss of {_list(shared)}, which all of them stand on"
    return "it survives any one home, vendor, operator or region that the estate names"


def _list(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
