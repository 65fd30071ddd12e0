"""Everything an answer depends on besides the evidence, handed to each verifier in one value."""

from __future__ import annotations

import msgspec

from freehold.seal.attest.anchors import Anchor
from freehold.seal.attest.binding import Binding
from freehold.seal.attest.collateral import Collateral
from freehold.seal.attest.policy import AttestPolicy
from freehold.seal.attest.signature import Memo


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """`nonce` and `binding` are what the caller expects; None is no pass."""

    collateral: Collateral
    anchors: tuple[Anchor, ...]
    policy: AttestPolicy
    at_s: int
    nonce: bytes | None = None
    binding: Binding | None = None
    memo: Memo
    event_logs: tuple[bytes, ...] = ()
