"""The one error of every parser here: bytes that are not what they claim to be."""

from __future__ import annotations

from freehold.errors import InputError

EVIDENCE_BYTES_MAX = 16 * 1024 * 1024
"""No file of evidence or collateral is larger; a full event log is 256 KiB, a large CRL about 100 KiB."""


def malformed(what: str, *, why: str = "", fix: str = "fetch the evidence again, unmodified") -> InputError:
    return InputError(what, why=why, fix=fix, code="seal.malformed")
