"""The JSON schema and the check accept the same and refuse the same."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from msgspec import inspect

from freehold.cli.settings import section_types
from freehold.config import json_schema
from freehold.config.walk import INVALID, Walker

WHOLE: dict[str, Any] = {
    "estate": {"name": "e", "description": "d"},
    "services": {
        "s": {"kind": "region", "all_of": ["t"], "any_of": [], "outages_per_year": 1.5, "source": "x"}
    },
    "pools": {"p": {"requests_per_min": 10, "chips": 4}},
    "plan": {"hours": 24},
    "models": {"m/x:1": {"lab": "l", "parameters_active": 7_000_000_000}},
    "homes": {
        "h": {
            "vendor": "v",
            "api": "openai",
            "model": "m/x:1",
            "url": "https://h.example:8443/v1",
            "credential": "env:KEY",
            "tier": "vouched",
            "weight": 0,
            "needs": ["s"],
            "options": {"version": "1"},
            "price": {"input_usd_per_mtok": 3, "output_usd_per_mtok": "0.25", "as_of": "2026-01-31"},
        }
    },
    "policies": {"strict": {"homes_min": 2, "distinct": ["vendor"], "substitution": True, "on_cut": "reask"}},
    "workloads": {
        "w": {"kind": "batch", "homes": ["h"], "substitutes": [{"home": "g", "quality": 0.9, "uses": ["u"]}]}
    },
    "contracts": {
        "c": {"operator": "o", "minimum_usd_per_month": 1000, "notice_days": 0, "exclusive": False}
    },
    "gateway": {
        "host": "::1",
        "port": 1,
        "body_max": "1.5 MiB",
        "timeouts": {"connect": "1m30s", "total": "2 h"},
    },
    "state": {"postgres": "file:/run/x", "lease": "1s"},
    "ledger": {"writer": "w-1", "strict": True, "size_max": "1GB"},
    "otel": {"endpoint": "http://127.0.0.1:4318", "headers": {"x-a": "env:A"}, "sample_share": 0.5},
    "jobs": {"engines": {"e": {"kind": "ray", "address": "http://head:8265"}}},
    "monitors": {"m": {"constitution": "c.md", "sampling_p": 1}},
    "seal": {"policies": {"p": {"kinds": ["tdx"], "measurements": ["sha384:" + "a" * 96]}}},
    "console": {"port": 65535},
}

WRONG: tuple[Any, ...] = (None, True, 7.5, -(2**70), "", "no such\n", [None], {"no-such": 1}, [], {})
Place = tuple[Any, ...]


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = json_schema(section_types())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def checked(document: dict[str, Any]) -> bool:
    walker = Walker({})
    types = section_types()
    for name, value in document.items():
        if name not in types or walker.value(inspect.type_info(types[name]), value, (name,)) is INVALID:
            return False
    return not walker.problems


def places(value: Any, place: Place = ()) -> Iterator[Place]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield (*place, key)
        yield from places(inner, (*place, key))


def changed(place: Place, value: Any) -> dict[str, Any]:
    document = copy.deepcopy(WHOLE)
    inner: Any = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return document


def test_schema_and_check_accept_the_whole(validator: jsonschema.Draft202012Validator) -> None:
    assert validator.is_valid(WHOLE) and checked(WHOLE)


@pytest.mark.parametrize("place", list(places(WHOLE)), ids=lambda place: ".".join(map(str, place)))
def test_schema_and_check_agree_on_changed_values(validator: Any, place: Place) -> None:
    refused = 0
    for value in WRONG:
        document = changed(place, value)
        assert validator.is_valid(document) == checked(document), value
        refused += not checked(document)
    assert refused >= 5


@pytest.mark.parametrize("place", [place for place in places(WHOLE) if len(place) > 1], ids=str)
def test_schema_and_check_agree_when_something_is_left_out(validator: Any, place: Place) -> None:
    document = copy.deepcopy(WHOLE)
    inner: Any = document
    for key in place[:-1]:
        inner = inner[key]
    del inner[place[-1]]
    assert validator.is_valid(document) == checked(document)


NEAR_MISSES = [
    (("homes", "h", "url"), "https://user:pass@h/"),
    (("homes", "h", "url"), "https://h/?q=1"),
    (("homes", "h", "url"), "ftp://h"),
    (("homes", "h", "credential"), "KEY"),
    (("homes", "h", "weight"), 1001),
    (("homes", "h", "credential"), "env:a b"),
    (("homes", "h", "price", "as_of"), "today"),
    (("homes", "h", "price", "input_usd_per_mtok"), -1),
    (("gateway", "port"), 0),
    (("gateway", "port"), 65536),
    (("gateway", "body_max"), "1.5"),
    (("gateway", "timeouts", "connect"), "5 parsecs"),
    (("monitors", "m", "sampling_p"), 0),
    (("ledger", "writer"), "W"),
    (("homes", "bad name"), {"vendor": "v"}),
]


@pytest.mark.parametrize(("place", "value"), NEAR_MISSES, ids=str)
def test_schema_and_check_refuse_near_misses(validator: Any, place: Place, value: Any) -> None:
    document = changed(place, value)
    assert not validator.is_valid(document) and not checked(document)


def test_schema_names_every_section(validator: Any) -> None:
    assert set(WHOLE) == set(validator.schema["properties"]) == set(section_types())
