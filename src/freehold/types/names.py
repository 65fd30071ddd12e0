"""Look-alike strings, told apart by type."""

from __future__ import annotations

from typing import Literal, NewType

HomeId = NewType("HomeId", str)
ServiceId = NewType("ServiceId", str)
PoolId = NewType("PoolId", str)
ModelId = NewType("ModelId", str)
WorkloadId = NewType("WorkloadId", str)
PolicyId = NewType("PolicyId", str)
SiliconId = NewType("SiliconId", str)
KeyId = NewType("KeyId", str)
RecordId = NewType("RecordId", str)
"""A 26-character ULID, made by the caller at ingress (see clock.ulid)."""
Digest = NewType("Digest", str)
"""Always `sha256:<64 hex digits>`."""

Tier = Literal["attested", "vouched", "contract"]
"""Evidence that a home is what it says: hardware evidence we verified, an operator's token, a contract."""
WorkKind = Literal["serve", "batch", "train", "align"]
DialectName = Literal["openai", "responses", "anthropic", "bedrock", "gemini"]
