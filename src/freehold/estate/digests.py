"""The digest of a policy: what a record names, so that "which rules were in force" has one answer."""

from __future__ import annotations

import hashlib

import msgspec

from freehold.types.homes import Policy
from freehold.types.names import Digest


def policy_digest(policy: Policy) -> Digest:
    """Of its rules in JSON, with the keys sorted; a rule left out counts as its default."""
    return Digest(f"sha256:{hashlib.sha256(msgspec.json.encode(policy, order='deterministic')).hexdigest()}")
