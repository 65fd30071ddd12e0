"""What is known of a request whose top was read, and no more."""

from __future__ import annotations

import msgspec

from freehold.dialects.base import Inbound
from freehold.types.conversation import StoredState


class Peeked(msgspec.Struct, frozen=True, kw_only=True):
    """The top of a request: enough to choose a home by, and to splice from."""

    inbound: Inbound
    body: bytes
    fields: dict[str, msgspec.Raw]
    model: str
    stream: bool
    stream_usage: bool  # does the caller want the usage in its stream?
    max_tokens: int | None = None
    stored: tuple[StoredState, ...] = ()  # what the top names; file ids further down are not looked for
