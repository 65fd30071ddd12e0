"""How models are talked to: each wire protocol as a codec, both ways.

Knows: the bytes of each vendor's protocol, the neutral conversation, what a reply means for a call.
Must not know: sockets, homes, credentials, policies; who calls it (gateway, pocket homes, training loops).
Start with `base` (the contract), then `table` (the dialects and their native paths), then one dialect.
A codec is pure: no I/O, no clock, no randomness.
"""

from freehold.dialects.base import (
    Codec,
    DialectError,
    Failure,
    Inbound,
    Outcome,
    Target,
    WireReply,
    WireRequest,
)
from freehold.dialects.callers import Caller, caller_key
from freehold.dialects.table import codec, codec_for, route

__all__ = [
    "Caller", "Codec", "DialectError", "Failure", "Inbound", "Outcome", "Target", "WireReply", "WireRequest",
    "caller_key", "codec", "codec_for", "route",
]  # fmt: skip
