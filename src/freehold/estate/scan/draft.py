"""A draft of freehold.toml from what was found, with the evidence as comments.

One workload for each home that the code names: whether two homes stand in for each other is nothing that a
scan can see, and to claim it would hide a single point of failure. Whoever knows better puts them together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from freehold.estate import catalog
from freehold.estate.catalog import lookup
from freehold.estate.scan import knowledge as know
from freehold.estate.scan.report import Dependency, Finding, Report

SITES_SHOWN_MAX = 5
HOMES_MAX = 200
_SURFACES = {
    "bedrock": "bedrock-converse",
    "azure": "azure-openai",
    "foundry": "foundry-claude",
    "gemini": "gemini",
    "vertex": "vertex-gemini",
    "anthropic": "anthropic",
    "openai": "openai",
    "ollama": "self-hosted",
}
_CREDENTIALS = {
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "azure": "AZURE_OPENAI_API_KEY",
    "foundry": "AZURE_AI_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "bedrock": "AWS_BEARER_TOKEN_BEDROCK",
}
_OPERATORS = {
    know.SELF: "self",
    know.UNKNOWN: "unknown",
}


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """One home to write: a dependency in one region, for one model."""

    name: str
    dependency: Dependency
    region: str | None
    model: str | None
    sites: tuple[Finding, ...]


def draft(report: Report) -> str:
    """The text of a file that `freehold check` accepts."""
    homes = list(_homes(report))[:HOMES_MAX]
    lines = [
        "# Drafted by `freehold scan` from code and configuration. Every home says where it was seen.",
        "# What the code does not tell is left out and shows as unknown. Correct it, then: freehold map",
        "",
        "[estate]",
        'name = "scanned"',
    ]
    for model in sorted({_model(home) for home in homes}):
        lines += ["", f"[models.{_key(model)}]"]
    for home in homes:
        lines += ["", *_home(home)]
    if report.unresolved:
        lines += ["", "# What the scan could not resolve:"]
        lines += [
            f"#   {one.file}:{one.line}  {_plain(one.what)}: {_plain(one.why)}"
            for one in report.unresolved[:50]
        ]
    return "\n".join(lines) + "\n"


def _homes(report: Report) -> Iterable[Draft]:
    taken: set[str] = set()
    for dependency in report.dependencies():
        if dependency.state not in ("used", "configured"):
            continue
        groups: dict[tuple[str | None, str | None], list[Finding]] = {}
        sites = [site for site in dependency.sites if site.state in ("used", "configured")]
        known_regions = dependency.regions or (None,)
        for site in sites:
            for region in site.regions or known_regions:
                groups.setdefault((region, site.model if dependency.models else None), []).append(site)
        placed = {region for region, model in groups if model is not None}
        for (region, model), seen in sorted(
            groups.items(), key=lambda item: (item[0][0] or "", item[0][1] or "")
        ):
            if model is None and region in placed:
                continue  # a line without a model speaks of the homes that have one
            yield Draft(
                name=_unique(_name(dependency, region, model), taken),
                dependency=dependency,
                region=region,
                model=model,
                sites=tuple(seen),
            )


def _home(home: Draft) -> list[str]:
    dependency = home.dependency
    lines = [
        f"# {_plain(site.file)}:{site.line}  {_plain(site.what)} ({site.state})"
        for site in home.sites[:SITES_SHOWN_MAX]
    ]
    if len(home.sites) > SITES_SHOWN_MAX:
        lines.append(f"# ... and {len(home.sites) - SITES_SHOWN_MAX} more places")
    vendor = _OPERATORS.get(dependency.vendor, dependency.vendor)
    lines += [f"[homes.{home.name}]", f"vendor = {_quoted(vendor)}"]
    if home.region is not None and home.region not in know.PROFILES:
        lines.append(f"region = {_quoted(home.region)}")
    if home.region is not None and home.region in know.PROFILES:
        lines.append(_profile(vendor, home.region))
    lines += [f"api = {_quoted(_surface(dependency, home.model))}", f"model = {_quoted(_model(home))}"]
    if home.model is not None:
        lines.append(f"model_name = {_quoted(home.model)}")
    else:
        lines.append("# which model: not said in the code")
    credential = _CREDENTIALS.get(dependency.api) if dependency.vendor != know.SELF else None
    if credential and dependency.vendor in ("openai", "anthropic", "microsoft", "google", "aws"):
        lines.append(f'credential = "env:{credential}"')
    return [*lines, "", f"[workloads.{home.name}]", f"homes = [{_quoted(home.name)}]"]


def _profile(vendor: str, name: str) -> str:
    """A profile only where the catalog knows it for this vendor; `freehold check` would refuse another."""
    known = catalog.load()
    owner = lookup.vendor(known, vendor)
    if owner is not None and (owner.id, name) in known.profiles:
        return f"profile = {_quoted(name)}"
    return f"# it answers from the set {_quoted(name)}; which regions that is, the code does not tell"


def _surface(dependency: Dependency, model: str | None) -> str:
    if dependency.vendor == know.SELF:
        return "self-hosted"
    if dependency.api == "vertex" and model is not None and "claude" in model:
        return "vertex-claude"
    if dependency.api == "foundry" and not (model and "claude" in model):
        return "azure-openai"
    return _SURFACES.get(dependency.api, "openai")


def _model(home: Draft) -> str:
    if home.model is None:
        return "unknown"
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", home.model).strip("-._")
    return name[:64].rstrip("-._") or "unknown"


def _name(dependency: Dependency, region: str | None, model: str | None) -> str:
    parts = [
        dependency.vendor
        if dependency.api in (dependency.vendor, "openai")
        else f"{dependency.vendor}-{dependency.api}"
    ]
    parts += [part for part in (region, model) if part]
    return re.sub(r"[^A-Za-z0-9_-]+", "-", "-".join(parts)).strip("-")[:60].rstrip("-")


def _unique(name: str, taken: set[str]) -> str:
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name[:56]}-{number}", number + 1
    taken.add(candidate)
    return candidate


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)


def _quoted(text: str) -> str:
    return '"' + _plain(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _plain(text: str) -> str:
    """One line, without control characters."""
    return "".join(" " if ord(character) < 32 or ord(character) == 127 else character for character in text)
