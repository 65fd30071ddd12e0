"""AMD's attestation report, 1184 bytes, versions 2 to 5, taken apart. All integers are little endian.

The order of the parts of a TCB version follows the CPU's family, not the report's version: Turin puts the FMC
first.
"""

from __future__ import annotations

import msgspec

from freehold.seal.attest.malformed import malformed

REPORT_BYTES, SIGNED_BYTES, COORDINATE_BYTES = 1184, 0x2A0, 72
ECDSA_P384_SHA384 = 1
VERSIONS = (2, 3, 4, 5)
SIGNING_KEYS = {0: "VCEK", 1: "VLEK", 7: "none"}
POLICY_BITS = {
    16: "smt-allowed", 17: "always-1", 18: "migrate-ma", 19: "debug", 20: "single-socket", 21: "cxl-allowed",
    22: "aes-256-xts", 23: "rapl-disable", 24: "ciphertext-hiding", 25: "page-swap-disable",
    **dict.fromkeys(range(16), "abi"),
}  # fmt: skip
PLATFORM_BITS = {
    0: "smt", 1: "tsme", 2: "ecc", 3: "rapl-disabled", 4: "ciphertext-hiding", 5: "alias-check", 7: "tio",
}  # fmt: skip
TCB_ORDER = {
    "Milan": {"bootloader": 0, "tee": 1, "snp": 6, "microcode": 7},
    "Genoa": {"bootloader": 0, "tee": 1, "snp": 6, "microcode": 7},
    "Turin": {"fmc": 0, "bootloader": 1, "tee": 2, "snp": 3, "microcode": 7},
}
PRODUCTS = (
    (0x19, range(0x10), "Milan"),
    (0x19, range(0x10, 0x20), "Genoa"),
    (0x19, range(0xA0, 0xB0), "Genoa"),  # Bergamo and Siena have Genoa's keys
    (0x1A, range(0x12), "Turin"),
)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    signed: bytes
    version: int
    guest_svn: int
    policy: int
    family_id: bytes
    image_id: bytes
    vmpl: int
    platform_info: int
    author_key_used: bool
    chip_masked: bool
    signing_key: str
    report_data: bytes
    measurement: bytes
    host_data: bytes
    id_key_digest: bytes
    author_key_digest: bytes
    report_id: bytes
    migration_report_id: bytes
    chip_id: bytes
    tcbs: dict[str, bytes]
    product: str | None
    mitigations: tuple[int, int] | None
    signature_rs: tuple[int, int]
    reserved_set: tuple[str, ...]


def parse_report(data: bytes) -> Report:
    if len(data) != REPORT_BYTES:
        raise malformed(f"the report has {len(data)} bytes, not {REPORT_BYTES}")
    version = _number(data, 0x00, 4)
    if version not in VERSIONS:
        raise malformed(
            f"report version {version} is not known", why=f"known are {', '.join(map(str, VERSIONS))}"
        )
    if (algorithm := _number(data, 0x34, 4)) != ECDSA_P384_SHA384:
        raise malformed(
            f"the signature algorithm is {algorithm}", why="only ECDSA P-384 with SHA-384 (1) is defined"
        )
    policy, key_bits = _number(data, 0x08, 8), _number(data, 0x48, 4)
    if not policy >> 17 & 1:
        raise malformed("guest policy bit 17 is 0", why="the firmware always sets it")
    signing_key = SIGNING_KEYS.get(key_bits >> 2 & 7)
    if signing_key is None:
        raise malformed(
            f"the signing key is number {key_bits >> 2 & 7}", why="defined are VCEK 0, VLEK 1 and none 7"
        )
    return Report(
        signed=data[:SIGNED_BYTES], version=version, guest_svn=_number(data, 0x04, 4), policy=policy,
        family_id=data[0x10:0x20], image_id=data[0x20:0x30], vmpl=_number(data, 0x30, 4),
        platform_info=_number(data, 0x40, 8), author_key_used=bool(key_bits & 1),
        chip_masked=bool(key_bits & 2),
        signing_key=signing_key, report_data=data[0x50:0x90], measurement=data[0x90:0xC0],
        host_data=data[0xC0:0xE0], id_key_digest=data[0xE0:0x110], author_key_digest=data[0x110:0x140],
        report_id=data[0x140:0x160], migration_report_id=data[0x160:0x180], chip_id=data[0x1A0:0x1E0],
        tcbs={
            "current": data[0x38:0x40], "reported": data[0x180:0x188], "committed": data[0x1E0:0x1E8],
            "launch": data[0x1F0:0x1F8],
        },
        product=_product(data, version),
        mitigations=(_number(data, 0x1F8, 8), _number(data, 0x200, 8)) if version >= 5 else None,
        signature_rs=_signature(data), reserved_set=_reserved(data, version),
    )  # fmt: skip


def _number(data: bytes, at: int, length: int) -> int:
    return int.from_bytes(data[at : at + length], "little")


def _signature(data: bytes) -> tuple[int, int]:
    """R and S, little endian; the rest is not signed and must be zero, or it could be anything."""
    r_end, s_end = SIGNED_BYTES + COORDINATE_BYTES, SIGNED_BYTES + 2 * COORDINATE_BYTES
    if any(data[s_end:]):
        raise malformed("the bytes after the signature are not zero")
    return int.from_bytes(data[SIGNED_BYTES:r_end], "little"), int.from_bytes(data[r_end:s_end], "little")


def _product(data: bytes, version: int) -> str | None:
    """The line of chips, from version 3 on. None: not said, or not known."""
    if version < 3:
        return None
    family, model = data[0x188], data[0x189]
    return next((name for fam, models, name in PRODUCTS if fam == family and model in models), None)


def _reserved(data: bytes, version: int) -> tuple[str, ...]:
    """Reserved areas that are not zero. They are signed, so they come from firmware newer than this table."""
    areas = [(0x4C, 0x50), (0x18B if version >= 3 else 0x188, 0x1A0), (0x1EB, 0x1EC), (0x1EF, 0x1F0)]
    areas.append((0x208 if version >= 5 else 0x1F8, SIGNED_BYTES))
    found = [f"{start:#05x}-{end - 1:#05x}" for start, end in areas if any(data[start:end])]
    if _number(data, 0x48, 4) >> 5:
        found.append("key bits 5-31")
    return tuple(found)


def tcb_parts(raw: bytes, product: str) -> dict[str, int]:
    return {name: raw[at] for name, at in TCB_ORDER[product].items()}
