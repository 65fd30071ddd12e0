"""Which struct reads which section of freehold.toml. Imported only when a command needs its settings."""

from __future__ import annotations

import importlib
from functools import cache
from typing import NamedTuple

from freehold.config import MissingRoom, SectionType


class Section(NamedTuple):
    target: str  # module:Struct
    named: bool = False  # [section.NAME] tables
    extra: str = ""  # what to install where the module is not there


SECTIONS: dict[str, Section] = {
    "estate": Section("freehold.estate.settings:EstateSettings"),
    "services": Section("freehold.estate.settings:ServiceSettings", named=True),
    "pools": Section("freehold.estate.settings:PoolSettings", named=True),
    "models": Section("freehold.estate.settings:ModelSettings", named=True),
    "homes": Section("freehold.estate.settings:HomeSettings", named=True),
    "policies": Section("freehold.estate.settings:PolicySettings", named=True),
    "workloads": Section("freehold.estate.settings:WorkloadSettings", named=True),
    "contracts": Section("freehold.estate.settings:ContractSettings", named=True),
    "plan": Section("freehold.plan.settings:PlanSettings"),
    "gateway": Section("freehold.gateway.settings:GatewaySettings"),
    "state": Section("freehold.gateway.settings:StateSettings"),
    "otel": Section("freehold.gateway.telemetry.settings:OtelSettings"),
    "ledger": Section("freehold.ledger.settings:LedgerSettings"),
    "jobs": Section("freehold.jobs.settings:JobsSettings"),
    "monitors": Section("freehold.watch.settings:MonitorSettings", named=True, extra="align"),
    "seal": Section("freehold.seal.settings:SealSettings"),
    "console": Section("freehold.console.settings:ConsoleSettings"),
}


@cache
def section_types() -> dict[str, SectionType]:
    return {name: section_type(row) for name, row in SECTIONS.items()}


def section_type(row: Section) -> SectionType:
    """The struct of one row, or MissingRoom where its module cannot be imported."""
    module, _, name = row.target.partition(":")
    try:
        struct = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError:
        if not row.extra:
            raise
        return MissingRoom(extra=row.extra)
    if not row.named:
        return struct
    from freehold.estate.settings import ModelName, Name

    key = ModelName if name == "ModelSettings" else Name
    return dict[key, struct]  # type: ignore[valid-type]  # made at run time, from the table
