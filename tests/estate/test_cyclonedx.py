"""The bill of materials holds against the official library, version by version."""

from __future__ import annotations

import json

import pytest

from freehold.estate.catalog import Catalog
from freehold.estate.cyclonedx import SPECS, bom
from freehold.estate.graph import graph_of
from freehold.estate.model import Estate
from freehold.estate.survey import survey
from tests.estate.conftest import Read


def made(estate: Estate, catalog: Catalog, spec: str) -> str:
    return bom(estate, catalog, survey(estate, graph_of(estate)), spec)


@pytest.mark.parametrize("spec", SPECS)
def test_bill_is_valid_by_the_official_schema(example: tuple[Estate, Catalog], spec: str) -> None:
    schema = pytest.importorskip("cyclonedx.schema", reason="cyclonedx-python-lib is not installed")
    validation = pytest.importorskip(
        "cyclonedx.validation.json", reason="cyclonedx-python-lib is not installed"
    )
    validator = validation.JsonStrictValidator(schema.SchemaVersion.from_version(spec))
    assert validator.validate_str(made(*example, spec)) is None


def test_every_reference_leads_somewhere(example: tuple[Estate, Catalog]) -> None:
    body = json.loads(made(*example, "1.6"))
    known = {"estate", *(one["bom-ref"] for one in (*body["components"], *body["services"]))}
    used = {ref for one in body["dependencies"] for ref in (one["ref"], *one.get("dependsOn", ()))}
    assert used <= known


def test_bill_is_the_same_every_time(example: tuple[Estate, Catalog]) -> None:
    assert made(*example, "1.7") == made(*example, "1.7")


def test_unknown_facts_are_called_unknown(read: Read) -> None:
    body = json.loads(made(*read('[homes.h]\nvendor = "v"\nchips = 1\n'), "1.6"))
    home = body["services"][0]
    facts = {one["name"]: one["value"] for one in home["properties"]}
    assert facts["freehold:silicon"] == "unknown"
