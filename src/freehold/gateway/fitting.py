"""Can this home do what the call asks, and as what? Decided before the hop, from the capability table."""

from __future__ import annotations

import msgspec

from freehold.dialects import Inbound, Target
from freehold.dialects.capabilities import Capability, capability
from freehold.types.conversation import Conversation


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A home that cannot do what this call asks, and why."""

    home: str
    why: str


def fitted(conversation: Conversation, target: Target, inbound: Inbound) -> Conversation | LeftOut:
    """The conversation as this home can take it."""
    return conversation


def capability_of(target: Target) -> Capability:
    return capability(target.api, target.model, target.api_version)
