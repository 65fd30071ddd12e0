"""What becomes of one request at one home."""

from __future__ import annotations

import msgspec

from freehold.types.conversation import Conversation


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """The request as this home takes it, and every change that was made to it."""

    conversation: Conversation
    notes: tuple[str, ...] = ()


class LeaveOut(msgspec.Struct, frozen=True, kw_only=True):
    """This home cannot do what is asked; another may."""

    reason: str


class Refuse(msgspec.Struct, frozen=True, kw_only=True):
    """No home can do what is asked."""

    reason: str
