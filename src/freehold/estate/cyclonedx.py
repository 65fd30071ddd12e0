"""The estate as a CycloneDX bill of materials: models are components, homes and what they need are services.

Versions 1.6 and 1.7, which differ here only in their number. The file is a function of the estate: its serial
number comes from the estate's digest, and it carries no time of its own making.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import msgspec

from freehold.estate.catalog import Catalog
from freehold.estate.model import Estate
from freehold.estate.sentence import sentence, vendor_name
from freehold.estate.survey import Finding
from freehold.types.homes import Home, Service
from freehold.types.names import ModelId, WorkloadId

SPECS = ("1.6", "1.7")
PREFIX = "freehold:"
NAMESPACE = uuid.UUID("6f2d4e0a-5c1b-5c52-9a53-0d9a5a2f7c11")  # any fixed one: it makes serials repeatable


def bom(estate: Estate, catalog: Catalog, findings: Mapping[WorkloadId, Finding], spec: str = "1.6") -> str:
    body = {
        "$schema": f"http://cyclonedx.org/schema/bom-{spec}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": spec,
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, estate.digest or estate.name)}",
        "version": 1,
        "metadata": {
            "component": {"type": "platform", "bom-ref": "estate", "name": estate.name or "estate"},
            "tools": {"components": [{"type": "application", "name": "freehold"}]},
        },
        "components": [
            *(_model(id, estate, catalog) for id in _models(estate)),
            *(_workload(found, estate, catalog) for found in findings.values()),
        ],
        "services": [
            *(_home(home, catalog) for home in estate.homes.values()),
            *(_service(one, catalog) for one in estate.services.values()),
        ],
        "dependencies": _dependencies(estate, findings),
    }
    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode()


def _models(estate: Estate) -> list[ModelId]:
    return sorted({home.model for home in estate.homes.values() if home.model is not None})


def _model(id: ModelId, estate: Estate, catalog: Catalog) -> dict[str, Any]:
    facts, own = catalog.models.get(id), estate.models.get(id)
    made: dict[str, Any] = {"type": "machine-learning-model", "bom-ref": f"model:{id}", "name": id}
    maker = facts.maker if facts is not None else getattr(own, "lab", None)
    if maker:
        made["supplier"] = {"name": vendor_name(maker, catalog)}
    if facts is not None:
        made["modelCard"] = {"modelParameters": {"architectureFamily": facts.family}}
        if facts.source:
            made["description"] = f"Facts from {facts.source}, {facts.as_of}."
    return made


def _workload(found: Finding, estate: Estate, catalog: Catalog) -> dict[str, Any]:
    counts = {f"cut-sets-{size}": str(count) for size, count in enumerate(found.counts, 1)}
    return {
        "type": "application",
        "bom-ref": f"workload:{found.workload}",
        "name": found.workload,
        "description": sentence(found, estate, catalog),
        "properties": _properties(
            {"single-homed": str(found.single_homed).lower(), **counts},
            [("single-point", point) for point in found.single_points],
        ),
    }


def _home(home: Home, catalog: Catalog) -> dict[str, Any]:
    facts = {
        "operator": home.operator, "region": home.region, "jurisdiction": home.jurisdiction,
        "silicon": home.silicon, "api": home.api, "profile": home.profile, "tier": home.tier,
        "contract": home.contract, "pool": home.pool,
    }  # fmt: skip
    made: dict[str, Any] = {
        "bom-ref": f"home:{home.id}",
        "name": home.id,
        "provider": {"name": vendor_name(home.vendor, catalog)},
        "properties": _properties(
            {key: "unknown" if value is None else value for key, value in facts.items()}
        ),
    }
    if home.url is not None:
        made["endpoints"] = [home.url]
    return made


def _service(one: Service, catalog: Catalog) -> dict[str, Any]:
    made: dict[str, Any] = {
        "bom-ref": f"service:{one.id}",
        "name": one.name or one.id,
        "properties": _properties(
            {"id": one.id, "kind": one.kind, "source": one.source, "as-of": one.as_of, "status": one.status}
        ),
    }
    if one.vendor is not None:
        made["provider"] = {"name": vendor_name(one.vendor, catalog)}
    return made


def _properties(facts: Mapping[str, str], more: list[tuple[str, str]] | None = None) -> list[dict[str, str]]:
    pairs = [*facts.items(), *(more or [])]
    return [{"name": f"{PREFIX}{key}", "value": value} for key, value in pairs if value]


def _dependencies(estate: Estate, findings: Mapping[WorkloadId, Finding]) -> list[dict[str, Any]]:
    """CycloneDX knows only `depends on`: alternatives are listed together; the counts tell them apart."""
    made: list[dict[str, Any]] = [
        {"ref": "estate", "dependsOn": [f"workload:{id}" for id in findings]},
        *({"ref": f"model:{id}"} for id in _models(estate)),
    ]
    for found in findings.values():
        made.append(_depends(f"workload:{found.workload}", [f"home:{id}" for id in found.homes]))
    for home in estate.homes.values():
        needs = [f"service:{need}" for need in home.needs]
        model = [] if home.model is None else [f"model:{home.model}"]
        made.append(_depends(f"home:{home.id}", [*model, *needs]))
    for one in estate.services.values():
        made.append(_depends(f"service:{one.id}", [f"service:{need}" for need in (*one.all_of, *one.any_of)]))
    return made


def _depends(ref: str, on: list[str]) -> dict[str, Any]:
    return {"ref": ref, "dependsOn": list(dict.fromkeys(on))} if on else {"ref": ref}
