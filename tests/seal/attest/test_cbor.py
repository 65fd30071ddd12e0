"""The strict CBOR reader against cbor2: the same on what both accept, refusals where cbor2 is lenient."""

from __future__ import annotations

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.errors import InputError
from freehold.seal.attest.cbor import load_first, load_whole

KEYS = st.one_of(st.integers(-(2**32), 2**32), st.text(max_size=8))
VALUES = st.recursive(
    st.one_of(
        st.integers(-(2**63), 2**63), st.binary(max_size=40), st.text(max_size=20), st.booleans(), st.none()
    ),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=12,
)


@given(VALUES)
def test_cbor_reads_what_cbor2_writes(value: object) -> None:
    assert load_whole(cbor2.dumps(value)) == value


@given(st.binary(max_size=64))
def test_cbor_never_reads_a_value_that_cbor2_reads_differently(data: bytes) -> None:
    try:
        value, end = load_first(data)
    except InputError:
        return
    assert cbor2.loads(data[:end]) == value


def test_cbor_refuses_a_key_that_comes_twice() -> None:
    with pytest.raises(InputError, match="twice"):
        load_whole(bytes.fromhex("a2616101616102"))


@pytest.mark.parametrize(
    "data",
    [
        "1801",  # 1 in two bytes
        "190001",
        "5f41004100ff",  # a string in pieces
        "7fff",
        "9f01",  # a list that never ends
        "bf6161ff",  # a key without a value
        "f90000",  # a float
        "f800",
        "ff",
        "c0",
        "a1f501",  # a boolean as key
        "61ff",  # text that is not UTF-8
        "1c",
    ],
)
def test_cbor_refuses_what_no_document_needs(data: str) -> None:
    with pytest.raises(InputError):
        load_whole(bytes.fromhex(data))


def test_cbor_refuses_nesting_without_end() -> None:
    with pytest.raises(InputError, match="nested"):
        load_whole(b"\x81" * 10_000 + b"\x01")


def test_cbor_refuses_a_list_that_claims_billions() -> None:
    with pytest.raises(InputError, match="items"):
        load_whole(bytes.fromhex("9affffffff"))


def test_cbor_reads_lists_and_maps_of_indefinite_length() -> None:
    assert load_whole(bytes.fromhex("bf61619f0102ff6162a0ff")) == {"a": [1, 2], "b": {}}
