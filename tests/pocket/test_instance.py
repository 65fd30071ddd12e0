import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.pocket.instance import instance

LEAVES = st.one_of(
    st.builds(lambda low, span: {"type": "integer", "minimum": low, "maximum": low + span},
              st.integers(-99, 99), st.integers(0, 9)),
    st.builds(lambda low: {"type": "number", "exclusiveMinimum": low}, st.integers(-99, 99)),
    st.builds(lambda values: {"enum": values}, st.lists(st.text(), min_size=1, max_size=3)),
    st.builds(lambda least: {"type": "string", "minLength": least}, st.integers(0, 50)),
    st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"type": ["string", "null"]}, {"const": 7}, {}]),
)  # fmt: skip


def objects(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    properties = st.dictionaries(st.text(max_size=5), inner, max_size=3)
    return properties.map(
        lambda found: {
            "type": "object", "properties": found, "required": list(found), "additionalProperties": False,
        }
    )  # fmt: skip


def arrays(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda items, least: {"type": "array", "items": items, "minItems": least}, inner, st.integers(0, 3)
    )


SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: objects(inner) | arrays(inner) | inner.map(lambda one: {"anyOf": [one, {"type": "null"}]}),
    max_leaves=8,
)


@given(SCHEMAS)
def test_instance_satisfies_the_schema_it_is_of(schema: dict[str, Any]) -> None:
    made = instance(schema)
    assert jsonschema.validators.validator_for(schema)(schema).is_valid(made), made


def test_references_are_followed_where_they_point() -> None:
    schema = {
        "$defs": {
            "City": {"type": "object", "properties": {"zip": {"type": "integer"}}, "required": ["zip"]}
        },
        "type": "object",
        "properties": {"home": {"$ref": "#/$defs/City"}},
        "required": ["home"],
    }
    assert instance(schema) == {"home": {"zip": 1}}


def test_all_of_is_everything_at_once() -> None:
    schema = {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            {"properties": {"b": {"type": "boolean"}}, "required": ["b"]},
        ]
    }
    assert instance(schema) == {"a": 1, "b": True}


@pytest.mark.parametrize(
    "schema", [{"$ref": "#"}, {"$ref": "#/nowhere"}, {"type": "object", "required": ["self"],
                                                       "properties": {"self": {"$ref": "#"}}}, True, 3, "x"]
)  # fmt: skip
def test_schema_that_never_ends_or_is_none_ends(schema: object) -> None:
    assert json.dumps(instance(schema))


KEYWORDS = st.sampled_from(
    ["type", "properties", "required", "items", "enum", "minimum", "maximum", "exclusiveMinimum",
     "multipleOf", "minItems", "minLength", "maxLength", "anyOf", "allOf", "$ref", "format"]
)  # fmt: skip
NONSENSE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["object", "array", "number", "#/a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYWORDS, inner, max_size=4),
    max_leaves=10,
)


@given(NONSENSE)
def test_schema_that_makes_no_sense_still_gets_a_value(schema: object) -> None:
    assert json.dumps(instance(schema))
