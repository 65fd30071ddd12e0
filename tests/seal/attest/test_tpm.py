"""TPM quotes out of shape."""

from __future__ import annotations

import pytest

from freehold.errors import InputError
from freehold.seal.attest.fake import azure
from freehold.seal.attest.tpm import QUOTE_BYTES_MAX, parse_tpm_quote

QUOTE = azure.tpm_quote(azure.PLAIN)
AFTER_NONCE = 6 + 2 + 34 + 2 + len(azure.PLAIN.nonce)


def test_tpm_quote_is_taken_apart_whole() -> None:
    found = parse_tpm_quote(QUOTE)
    assert (found.extra_data, found.selected) == (azure.PLAIN.nonce, tuple(range(24)))


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (0, b"\x00"),
        (4, b"\x80\x17"),  # another kind of statement
        (6, b"\xff\xff"),
        (AFTER_NONCE + 16, b"\x02"),  # the clock's safe flag
        (AFTER_NONCE + 25, b"\x00\x00\x00\x02"),  # two banks
        (AFTER_NONCE + 29, b"\x00\x04"),  # SHA-1
        (AFTER_NONCE + 31, b"\x04"),
        (AFTER_NONCE + 35, b"\x00\x1f"),
    ],
)
def test_tpm_quote_with_a_field_out_of_range_is_refused(at: int, value: bytes) -> None:
    with pytest.raises(InputError):
        parse_tpm_quote(QUOTE[:at] + value + QUOTE[at + len(value) :])


@pytest.mark.parametrize("data", [b"", QUOTE[:-1], QUOTE + b"\x00", bytes(QUOTE_BYTES_MAX + 1)])
def test_tpm_quote_of_another_length_is_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        parse_tpm_quote(data)
