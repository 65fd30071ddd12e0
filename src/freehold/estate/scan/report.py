"""What a scan says: findings, what they add up to, what could not be resolved, what was passed over."""

from __future__ import annotations

from typing import Literal

import msgspec

State = Literal["used", "configured", "permitted", "declared", "disabled"]
STRENGTH: tuple[State, ...] = ("used", "configured", "permitted", "declared", "disabled")


class Finding(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One line that says something about a model's home."""

    file: str
    line: int
    vendor: str  # the operator of the home; "unknown" where the code cannot tell, "self" for own machines
    api: str
    state: State
    what: str
    model: str | None = None
    regions: tuple[str, ...] = ()
    endpoint: str | None = None
    hops: int = 0  # how many other lines had to be followed
    confidence: Literal["high", "medium", "low"] = "high"
    why: str = ""


class Dependency(msgspec.Struct, frozen=True, kw_only=True):
    """Many sites of one dependency, as one."""

    vendor: str
    api: str
    state: State
    models: tuple[str, ...]
    regions: tuple[str, ...]
    endpoints: tuple[str, ...]
    sites: tuple[Finding, ...]


class Unresolved(msgspec.Struct, frozen=True, kw_only=True, order=True):
    file: str
    line: int
    what: str
    why: str


class Skipped(msgspec.Struct, frozen=True, kw_only=True, order=True):
    path: str
    why: str


class Credential(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Something that looks like a live key, by its shape; `masked` is all that is ever shown."""

    file: str
    line: int
    kind: str
    masked: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    root: str
    findings: tuple[Finding, ...] = ()
    unresolved: tuple[Unresolved, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    credentials: tuple[Credential, ...] = ()
    files_seen: int = 0
    files_read: int = 0

    def dependencies(self) -> tuple[Dependency, ...]:
        groups: dict[tuple[str, str], list[Finding]] = {}
        for finding in self.findings:
            groups.setdefault((finding.vendor, finding.api), []).append(finding)
        found = [_dependency(vendor, api, sites) for (vendor, api), sites in groups.items()]
        return tuple(
            sorted(found, key=lambda one: (STRENGTH.index(one.state), -len(one.sites), one.vendor, one.api))
        )


def _dependency(vendor: str, api: str, sites: list[Finding]) -> Dependency:
    state = min((site.state for site in sites), key=STRENGTH.index)
    said = [site for site in sites if site.state in ("used", "configured")] or sites
    return Dependency(
        vendor=vendor,
        api=api,
        state=state,
        models=tuple(sorted({site.model for site in said if site.model})),
        regions=tuple(sorted({region for site in said for region in site.regions})),
        endpoints=tuple(sorted({site.endpoint for site in said if site.endpoint})),
        sites=tuple(sites),
    )
