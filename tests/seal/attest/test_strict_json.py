from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.errors import InputError
from freehold.seal.attest.strict_json import load_json, load_object

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@given(VALUES)
def test_strict_json_reads_what_json_writes(value: object) -> None:
    assert load_json(json.dumps(value).encode(), "text") == value


@pytest.mark.parametrize(
    "text",
    [
        b'{"a": 1, "a": 2}',
        b'{"b": {"a": 1, "a": 1}}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": ' + b"9" * 40 + b"}",
        b'{"a": 1',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_strict_json_refuses_what_two_readers_read_differently(text: bytes) -> None:
    with pytest.raises(InputError):
        load_json(text, "text")


def test_strict_json_refuses_a_list_where_an_object_is_needed() -> None:
    with pytest.raises(InputError, match="object"):
        load_object(b"[]", "text")
