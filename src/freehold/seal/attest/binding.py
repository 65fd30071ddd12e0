"""What evidence is bound to: this request, this key, this ledger, these GPUs.

Genuine evidence proves nothing to you if it was made for somebody else. So the guest puts one hash into the
field the hardware signs. Every part is tagged and has its length in front, so that no two sets of parts hash
alike.

    report data = SHA-512("freehold-ra-v1" || parts)          the CPU's report, 64 bytes
    TPM nonce   = SHA-256("freehold-ra-v1-tpm" || parts)      where a virtual TPM takes at most 32 bytes
    GPU nonce   = SHA-256("freehold-ra-v1-gpu" || parts)      before the GPU evidence exists
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

_CPU, _GPU, _TPM = b"freehold-ra-v1", b"freehold-ra-v1-gpu", b"freehold-ra-v1-tpm"
REPORT_DATA_BYTES = 64


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """The parts a guest and its verifier agree on; None where one is not used."""

    nonce: bytes | None = None
    tls_key: bytes | None = None  # SubjectPublicKeyInfo
    hpke_key: bytes | None = None  # the raw public key that secrets are sealed to
    ledger: bytes | None = None
    gpu_evidence: bytes | None = None  # see gpu_evidence_digest

    def report_data(self) -> bytes:
        return hashlib.sha512(_CPU + self._parts(gpu=True)).digest()

    def quote_nonce(self) -> bytes:
        return hashlib.sha256(_TPM + self._parts(gpu=True)).digest()

    def gpu_nonce(self) -> bytes:
        return hashlib.sha256(_GPU + self._parts(gpu=False)).digest()

    def _parts(self, *, gpu: bool) -> bytes:
        hashed = (_sha256(self.tls_key), _sha256(self.hpke_key))
        values = (self.nonce, *hashed, self.ledger, self.gpu_evidence if gpu else None)
        return b"".join(
            tag.to_bytes(1, "big") + len(value).to_bytes(4, "big") + value
            for tag, value in enumerate(values, start=1)
            if value is not None
        )

    @property
    def public_keys(self) -> tuple[bytes, ...]:
        """The public keys it names, as they may stand in a field of their own."""
        return tuple(key for key in (self.tls_key, self.hpke_key) if key is not None)


def gpu_evidence_digest(reports: Iterable[bytes]) -> bytes | None:
    """One digest for all device reports of a guest, whatever order they are listed in."""
    digests = sorted(hashlib.sha256(report).digest() for report in reports)
    return hashlib.sha256(b"".join(digests)).digest() if digests else None


def padded(nonce: bytes, length: int = REPORT_DATA_BYTES) -> bytes | None:
    """A short nonce as it stands in a fixed field: followed by zeros. None where it does not fit."""
    return nonce.ljust(length, b"\x00") if len(nonce) <= length else None


def _sha256(data: bytes | None) -> bytes | None:
    return None if data is None else hashlib.sha256(data).digest()
