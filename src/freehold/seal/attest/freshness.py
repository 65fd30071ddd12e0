"""Is the evidence fresh, and is it ours? Nonce and binding, as every kind of evidence carries them."""

from __future__ import annotations

import hashlib
import hmac

from freehold.seal.attest.binding import padded
from freehold.seal.attest.context import Context
from freehold.seal.attest.result import Checks

NONCE_BYTES_MIN, NONCE_BYTES_MAX = 8, 512
"""Shorter nonces can be guessed and prepared for; only a policy that waives `nonce` accepts none at all."""


def check_binding(checks: Checks, report_data: bytes, context: Context) -> None:
    """A field of 64 bytes that the guest filled: our hash over nonce and keys, or the nonce alone.

    Stops a replay (the nonce is another one) and a relay (genuine evidence that names somebody else's key).
    """
    if context.binding is not None:
        same = hmac.compare_digest(report_data, context.binding.report_data())
        bad = (
            "the report data is not the hash of this nonce and these keys: made for somebody else, or earlier"
        )
        if context.binding.nonce is None:
            checks.open("nonce", "no nonce was asked for, so this may be a replay")
        else:
            checks.expect("nonce", same, "the report data holds this request's nonce", bad)
        checks.expect("binding", same, "the report data names exactly these keys", bad)
        return
    if context.nonce is None:
        checks.open("nonce", "no nonce was given to compare with, so this may be a replay")
    else:
        same = report_data == padded(context.nonce, len(report_data))
        checks.expect("nonce", same, "the report data is this nonce", "the report data is another nonce")
    checks.open("binding", "no key was given, so this evidence may be relayed from somewhere else")


def check_nonce(checks: Checks, found: bytes | None, context: Context, where: str) -> None:
    """A field that holds a nonce and nothing else."""
    expected = context.nonce
    if expected is None:
        checks.open("nonce", "no nonce was given to compare with, so this may be a replay")
    else:
        same = found is not None and hmac.compare_digest(found, expected)
        checks.expect(
            "nonce",
            same,
            f"{where} is this nonce",
            f"{where} is {'absent' if found is None else 'another nonce'}",
        )


def device_nonce(context: Context) -> bytes | None:
    """The 32 bytes a device was asked with: from the binding, else the nonce itself, hashed if it is not 32
    bytes."""
    if context.binding is not None:
        return context.binding.gpu_nonce()
    if context.nonce is None or len(context.nonce) == 32:
        return context.nonce
    return hashlib.sha256(context.nonce).digest()
