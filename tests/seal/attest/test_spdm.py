"""Device reports out of shape: blocks and fields twice, lengths that lie, requests for something else."""

from __future__ import annotations

import pytest

from freehold.errors import InputError
from freehold.seal.attest.fake import nvidia
from freehold.seal.attest.spdm import REQUEST_BYTES, parse_device_report

REPORT = nvidia.report()
BLOCK = 4 + 3 + 48
RECORD = REQUEST_BYTES + 8


def changed(at: int, value: bytes) -> bytes:
    return REPORT[:at] + value + REPORT[at + len(value) :]


def test_spdm_report_is_taken_apart_whole() -> None:
    found = parse_device_report(REPORT)
    assert len(found.measurements) == 64
    assert found.fields["driver-version"] == nvidia.DRIVER.encode() + b"\x00"
    assert (found.trailing, found.unknown_fields) == (0, ())


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (0, b"\x12"),
        (1, b"\xe1"),
        (2, b"\x00"),  # no signature asked for
        (REQUEST_BYTES, b"\x12"),
        (REQUEST_BYTES + 1, b"\x61"),
        (REQUEST_BYTES + 4, b"\x3f"),  # fewer blocks than the record holds
        (REQUEST_BYTES + 4, b"\x41"),
        (REQUEST_BYTES + 5, b"\xff\xff\xff"),
        (RECORD, b"\x00"),  # index 0
        (RECORD, b"\x02"),  # the index of the next block
        (RECORD + 1, b"\x02"),  # not in the DMTF form
        (RECORD + 2, b"\x34\x00"),
        (RECORD + 5, b"\x31\x00"),
        (RECORD + 64 * BLOCK + 32, b"\xff\xff"),
    ],
)
def test_spdm_report_with_a_field_out_of_range_is_refused(at: int, value: bytes) -> None:
    with pytest.raises(InputError):
        parse_device_report(changed(at, value))


def test_spdm_report_with_an_opaque_field_twice_is_refused() -> None:
    at = RECORD + 64 * BLOCK + 32
    length = int.from_bytes(REPORT[at : at + 2], "little")
    opaque = REPORT[at + 2 : at + 2 + length] + b"\x03\x00\x01\x00x"
    body = REPORT[:at] + len(opaque).to_bytes(2, "little") + opaque + REPORT[at + 2 + length :]
    with pytest.raises(InputError, match="twice"):
        parse_device_report(body)


@pytest.mark.parametrize("length", [0, 1, 36, 37, 44, 100, len(REPORT) - 97, len(REPORT) - 1])
def test_spdm_report_that_is_cut_off_is_refused(length: int) -> None:
    with pytest.raises(InputError):
        parse_device_report(REPORT[:length])
