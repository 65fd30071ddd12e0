"""A conversation while it is fitted to one home: what has changed, and what speaks against the home."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.dialects.capabilities import Capability
from freehold.types.conversation import Conversation


class Draft:
    """Rules read `now` and say: `change`, `leave_out` (this home cannot), `refuse` (none can)."""

    __slots__ = ("can", "form", "kinds", "notes", "now", "origin", "own", "reasons", "refusals")

    def __init__(self, conversation: Conversation, can: Capability, form: str, origin: str) -> None:
        self.now = conversation  # as changed so far
        self.can = can
        self.form = form  # the dialect whose request form the home takes
        self.origin = origin  # whose signatures the home takes back
        self.own = conversation.dialect == form
        # What kinds of blocks there are: most rules have nothing to look for, and need not look.
        self.kinds = {type(block) for turn in conversation.turns for block in turn.blocks}
        self.notes: list[str] = []
        self.reasons: list[str] = []
        self.refusals: list[str] = []

    def change(self, note: str, **fields: Any) -> None:
        self.now = msgspec.structs.replace(self.now, **fields)
        self.note(note)

    def note(self, note: str) -> None:
        if note and note not in self.notes:
            self.notes.append(note)

    def leave_out(self, reason: str) -> None:
        if reason not in self.reasons:
            self.reasons.append(reason)

    def refuse(self, reason: str) -> None:
        self.refusals.append(reason)
