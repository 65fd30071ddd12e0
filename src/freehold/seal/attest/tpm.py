"""A TPM 2.0 quote, taken apart. TPM integers are big endian."""

from __future__ import annotations

import msgspec

from freehold.seal.attest.malformed import malformed
from freehold.seal.attest.reader import Reader

MAGIC, QUOTE = 0xFF544347, 0x8018
SHA256 = 0x000B
PCRS = 24
QUOTE_BYTES_MAX = 4096


class TpmQuote(msgspec.Struct, frozen=True, kw_only=True):
    extra_data: bytes
    reset_count: int
    restart_count: int
    firmware_version: int
    selected: tuple[int, ...]
    pcr_digest: bytes


def parse_tpm_quote(data: bytes) -> TpmQuote:
    if len(data) > QUOTE_BYTES_MAX:
        raise malformed(f"the TPM quote has {len(data)} bytes", why=f"at most {QUOTE_BYTES_MAX} are read")
    reader = Reader(data, "TPM quote", "big")
    if (reader.number(4, "magic"), reader.number(2, "type")) != (MAGIC, QUOTE):
        raise malformed("the TPM's statement is not a quote made inside the TPM")
    reader.take(reader.number(2, "signer length"), "signer name")
    extra = reader.take(reader.number(2, "extra data length"), "extra data")
    reader.take(8, "clock")
    reset, restart = reader.number(4, "reset count"), reader.number(4, "restart count")
    if reader.number(1, "safe") not in (0, 1):
        raise malformed("the TPM clock's safe flag is neither 0 nor 1")
    firmware = reader.number(8, "firmware version")
    if reader.number(4, "bank count") != 1 or reader.number(2, "bank") != SHA256:
        raise malformed("the quote is not over the SHA-256 bank alone")
    bits = int.from_bytes(reader.take(reader.number(1, "selection length"), "selection"), "little")
    digest = reader.take(reader.number(2, "digest length"), "PCR digest")
    reader.finish()
    if bits >> PCRS or len(digest) != 32:
        raise malformed(f"the quote selects PCRs from {PCRS} up, or its digest has {len(digest)} bytes")
    selected = tuple(number for number in range(PCRS) if bits >> number & 1)
    return TpmQuote(
        extra_data=extra, reset_count=reset, restart_count=restart, firmware_version=firmware,
        selected=selected, pcr_digest=digest,
    )  # fmt: skip
