"""NVIDIA's device report: an SPDM 1.1 request and the signed response to it, taken apart. Little endian."""

from __future__ import annotations

import msgspec

from freehold.seal.attest.malformed import malformed
from freehold.seal.attest.reader import Reader

SPDM_1_1, GET_MEASUREMENTS, MEASUREMENTS = 0x11, 0xE0, 0x60
REQUEST_BYTES, NONCE_BYTES, SIGNATURE_BYTES = 37, 32, 96
REPORT_BYTES_MAX = 64 * 1024
BLOCKS_MAX = 255
SIGNATURE_ASKED = 0x01
DMTF = 1
FIELDS = {
    3: "driver-version", 4: "gpu-info", 6: "vbios-version", 11: "nvdec0-status", 12: "measurement-counts",
    13: "cpr-info", 14: "board-id", 15: "chip-sku", 16: "chip-sku-mod", 17: "project", 18: "project-sku",
    19: "project-sku-mod", 20: "fwid", 21: "protected-pcie", 22: "switch-pdi", 23: "floorswept-ports",
    24: "position-id", 25: "lock-status", 26: "switch-gpu-pdis", 32: "gpu-links", 33: "sys-enable",
    34: "opaque-version",
    35: "chip-info", 36: "feature-flag",
}  # fmt: skip


class DeviceReport(msgspec.Struct, frozen=True, kw_only=True):
    """`measurements` by block index; an index that comes twice is refused."""

    signed: bytes
    signature: bytes
    nonce: bytes
    measurements: dict[int, bytes]
    fields: dict[str, bytes]
    unknown_fields: tuple[int, ...]
    trailing: int


def parse_device_report(data: bytes) -> DeviceReport:
    if len(data) > REPORT_BYTES_MAX:
        raise malformed(
            f"the device report has {len(data)} bytes", why=f"at most {REPORT_BYTES_MAX} are read"
        )
    reader = Reader(data, "device report")
    nonce = _request(reader)
    if (reader.number(1, "SPDM version"), reader.number(1, "response code")) != (SPDM_1_1, MEASUREMENTS):
        raise malformed("the response is not SPDM 1.1 MEASUREMENTS")
    reader.take(2, "response parameters")
    count = reader.number(1, "block count")
    record = Reader(
        reader.take(reader.number(3, "record length"), "measurement record"), "measurement record"
    )
    measurements = _blocks(record, count)
    reader.take(NONCE_BYTES, "responder nonce")
    fields, unknown = _fields(
        Reader(reader.take(reader.number(2, "opaque length"), "opaque data"), "opaque data")
    )
    signed = data[: reader.at]
    signature = reader.take(SIGNATURE_BYTES, "signature")
    return DeviceReport(
        signed=signed, signature=signature, nonce=nonce, measurements=measurements, fields=fields,
        unknown_fields=unknown, trailing=reader.left,
    )  # fmt: skip


def _request(reader: Reader) -> bytes:
    if (reader.number(1, "SPDM version"), reader.number(1, "request code")) != (SPDM_1_1, GET_MEASUREMENTS):
        raise malformed("the report does not begin with an SPDM 1.1 GET_MEASUREMENTS request")
    if not reader.number(1, "request attributes") & SIGNATURE_ASKED:
        raise malformed("the request did not ask for a signature")
    reader.take(1, "measurement operation")
    nonce = reader.take(NONCE_BYTES, "nonce")
    reader.take(1, "slot")
    return nonce


def _blocks(record: Reader, count: int) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for _ in range(count):
        index, specification = record.number(1, "block index"), record.number(1, "block specification")
        block = Reader(record.take(record.number(2, "block size"), "block"), "measurement block")
        if specification != DMTF or index in found or index == 0:
            raise malformed(f"measurement block {index} comes twice or is not in the DMTF form")
        block.take(1, "measurement type")
        found[index] = block.take(block.number(2, "measurement size"), "measurement")
        block.finish()
    record.finish()
    return found


def _fields(opaque: Reader) -> tuple[dict[str, bytes], tuple[int, ...]]:
    found: dict[str, bytes] = {}
    unknown: list[int] = []
    while opaque.left:
        number = opaque.number(2, "field type")
        value = opaque.take(opaque.number(2, "field size"), "field")
        name = FIELDS.get(number)
        if name is None:
            unknown.append(number)
        elif name in found:
            raise malformed(f"opaque field {name} comes twice")
        else:
            found[name] = value
    return found, tuple(unknown)
