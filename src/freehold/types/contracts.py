"""What rooms need from each other without importing each other. `cli` passes the objects in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from freehold.types.homes import Policy
from freehold.types.names import Digest, RecordId
from freehold.types.records import AnyRecord
from freehold.types.sampling import Judged, NotSupported, Sample, SampleRequest, ScoreRequest, Scores, Verdict


class Admit(msgspec.Struct, frozen=True, kw_only=True):
    """Work may start. `recorded` is False where the policy lets it run with the gap recorded later."""

    recorded: bool = True


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Work may not start, and why."""

    code: str
    why: str
    fix: str = ""


class Recorder(Protocol):
    """Where evidence goes. Implemented by the ledger room; used by every room that acts."""

    def admit(self, policy: Policy) -> Admit | Refused:
        """May this work start, given the state of the evidence store?"""
        ...

    def record(self, entry: AnyRecord) -> None:
        """Never blocks, never raises; the caller made entry.id."""
        ...

    async def durable(self, id: RecordId) -> None:
        """Return once the record is on disk; for policy `strict`."""
        ...


class Sampler(Protocol):
    async def sample(self, requests: Sequence[SampleRequest]) -> Sequence[Sample]: ...
    async def score(self, items: Sequence[ScoreRequest]) -> Scores | NotSupported: ...


class Publisher(Protocol):
    """New weights to the homes that sample: the digest is checked, staleness counted."""

    async def publish(self, weights: Path, digest: Digest) -> None: ...


class Monitor(Protocol):
    async def judge(self, items: Sequence[Judged]) -> Sequence[Verdict]: ...


class Signer(Protocol):
    """Holds a key and signs with it. Checkpoints are always Ed25519, in an HSM too."""

    @property
    def name(self) -> str: ...
    @property
    def algorithm(self) -> str: ...
    @property
    def public_key(self) -> bytes: ...
    def sign(self, message: bytes) -> bytes: ...


class ContentKeys(Protocol):
    """Per-tenant content keys. Destroying one erases what it encrypted; the tree stays whole."""

    def key(self, tenant: str) -> bytes: ...
    def destroy(self, tenant: str) -> None: ...
