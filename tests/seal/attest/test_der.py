"""The strict DER reader: what it takes, and the encodings it refuses as two readers would differ."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from freehold.errors import InputError
from freehold.seal.attest import der
from freehold.seal.attest.fake import writer


@given(st.integers(min_value=-(2**256), max_value=2**256))
@example(-128)
def test_der_integers_come_back_as_written(value: int) -> None:
    assert der.whole(writer.integer(value), der.INTEGER).integer() == value


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=8), st.integers(0, 2), st.integers(0, 39))
def test_der_object_identifiers_come_back_as_written(arcs: list[int], first: int, second: int) -> None:
    text = ".".join(map(str, (first, second, *arcs)))
    assert der.whole(writer.oid(text), der.OID).oid() == text


@given(st.integers(0, 4_000_000_000))
def test_der_times_come_back_as_written(at_s: int) -> None:
    assert der.Der(writer.time(at_s), 0, 15 if at_s < 2_524_608_000 else 17).time_s() == at_s
    assert der.whole(writer.generalized_time(at_s), der.GENERALIZED_TIME).time_s() == at_s


@pytest.mark.parametrize(
    "data",
    [
        "",
        "30",
        "3003020101ff",  # a byte after the end
        "30800201010000",  # indefinite length
        "3081030201",  # length not in its shortest form
        "308200030201",
        "3084ffffffff",  # longer than the data
        "3085010000000000",
        "1f8101",  # a tag of several bytes
        "3005020101",  # cut off
    ],
)
def test_der_refuses_what_is_not_der(data: str) -> None:
    with pytest.raises(InputError):
        list(der.whole(bytes.fromhex(data)).children())


@pytest.mark.parametrize("data", ["0200", "02020001", "0202ffff", "020200ff7f"])
def test_der_refuses_padded_or_empty_integers(data: str) -> None:
    with pytest.raises(InputError):
        der.whole(bytes.fromhex(data), der.INTEGER).integer()


@pytest.mark.parametrize("data", ["010101", "0100", "01020000"])
def test_der_refuses_booleans_that_are_neither_00_nor_ff(data: str) -> None:
    with pytest.raises(InputError):
        der.whole(bytes.fromhex(data), der.BOOLEAN).boolean()


@pytest.mark.parametrize("text", [b"991332000000Z", b"9901010000Z", b"990101000000+", b"99010100000\xb2Z"])
def test_der_refuses_times_that_are_none(text: bytes) -> None:
    with pytest.raises(InputError):
        der.Der(writer.tlv(0x17, text), 0, len(text) + 2).time_s()


@given(st.binary(max_size=200))
def test_der_reads_anything_or_raises_its_own_error(data: bytes) -> None:
    try:
        queue = [der.whole(data)]
        while queue:
            element = queue.pop()
            queue.extend(element.children() if element.tag & 0x20 else ())
    except InputError:
        pass
