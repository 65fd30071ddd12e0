import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.errors import InputError
from freehold.units import nano_usd, parse_duration_ns, parse_size_bytes, show_count, show_duration, show_usd


@pytest.mark.parametrize(
    ("text", "ns"),
    [("250ms", 250_000_000), ("1m30s", 90_000_000_000), ("2 h", 7_200_000_000_000), ("0.5us", 500)],
)
def test_duration_reads_what_people_write(text: str, ns: int) -> None:
    assert parse_duration_ns(text) == ns


@pytest.mark.parametrize("text", ["", "5", "5 parsecs", "s5", "-1s", "1s x"])
def test_duration_refuses_anything_else(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_duration_ns(text)
    assert caught.value.code == "units.duration"


def test_size_knows_both_kinds_of_prefix() -> None:
    assert (parse_size_bytes("64 MiB"), parse_size_bytes("1.5GB")) == (64 * 2**20, 1_500_000_000)


@pytest.mark.parametrize("text", ["", "64", "64 elephants"])
def test_size_refuses_anything_else(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_size_bytes(text)
    assert caught.value.code == "units.size"


@given(st.integers(min_value=0, max_value=10**15))
def test_money_is_exact_in_nano_dollars(nano: int) -> None:
    assert nano_usd(f"{nano // 10**9}.{nano % 10**9:09d}") == nano


def test_unknown_is_shown_as_unknown_and_never_as_zero() -> None:
    assert show_usd(None) == show_duration(None) == show_count(None) == "unknown"
    assert show_usd(0) == "$0"


def test_small_and_large_money_are_both_readable() -> None:
    assert show_usd(nano_usd("0.00025")) == "$0.00025"
    assert show_usd(nano_usd(1234.5)) == "$1,234.50"
