"""Reading a policy: from a file of its own, or from the table of the estate file that `cli` passes in."""

from __future__ import annotations

import tomllib
from typing import Any

import msgspec

from freehold.config.values import Duration
from freehold.errors import InputError, nearest
from freehold.seal.attest.result import CHECKS
from freehold.seal.policy import AttestPolicy, TrustedIssuer

POLICY_BYTES_MAX = 256 * 1024
DEFAULT = AttestPolicy()


def read_policy(text: bytes, source: str) -> AttestPolicy:
    """A policy from a TOML file of its own, with the same keys as a `[seal.policies.NAME]` table."""
    if len(text) > POLICY_BYTES_MAX:
        raise _invalid(source, f"it has {len(text)} bytes, at most {POLICY_BYTES_MAX} are read")
    try:
        values = tomllib.loads(text.decode("utf-8"))
        policy = msgspec.convert(values, AttestPolicy, dec_hook=_setting)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, msgspec.ValidationError) as error:
        raise _invalid(source, str(error)) from error
    return validated(policy, source)


def _setting(kind: type, value: Any) -> object:
    return kind.read(value) if kind is Duration else value


def validated(policy: AttestPolicy, source: str) -> AttestPolicy:
    """The rule that types cannot say: a waiver names a check that exists."""
    for name in policy.waive:
        if name not in CHECKS:
            close = nearest(name, CHECKS)
            hint = f"the closest is {close!r}" if close else f"known are {', '.join(CHECKS)}"
            raise _invalid(source, f"waive names the check {name!r}, which does not exist; {hint}")
    return policy


def _invalid(source: str, why: str) -> InputError:
    return InputError(
        f"the attestation policy {source} cannot be used",
        why=why,
        fix="see docs/reference/attest.md for the settings of a policy",
        code="seal.policy",
    )


__all__ = ["DEFAULT", "POLICY_BYTES_MAX", "AttestPolicy", "TrustedIssuer", "read_policy", "validated"]
