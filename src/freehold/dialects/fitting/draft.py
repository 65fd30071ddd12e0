"""A conversation while it is fitted to one home: what has changed, and what speaks against the home."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.dialects.capabilities import Capability
from freehold.types.conversation import Conversation


class Draft:
    """Rules read its fields and say: `change`, `leave_out` (this home cannot), `refuse` (none can)."""

    __slots__ = ("_changes", "_given", "can", "form", "notes", "origin", "own", "reasons", "refusals")

    def __init__(self, conversation: Conversation, can: Capability, form: str, origin: str) -> None:
        self._given = conversation
        self._changes: dict[str, Any] = {}
        self.can = can
        self.form = form  # the dialect whose request form the home takes
        self.origin = origin  # whose signatures the home takes back
        self.own = conversation.dialect == form
        self.notes: list[str] = []
        self.reasons: list[str] = []
        self.refusals: list[str] = []

    def __getattr__(self, name: str) -> Any:
        """The conversation's fields, as changed so far."""
        if name in self._changes:
            return self._changes[name]
        return getattr(self._given, name)

    def change(self, note: str, **fields: Any) -> None:
        self._changes.update(fields)
        self.note(note)

    def note(self, note: str) -> None:
        if note and note not in self.notes:
            self.notes.append(note)

    def leave_out(self, reason: str) -> None:
        if reason not in self.reasons:
            self.reasons.append(reason)

    def refuse(self, reason: str) -> None:
        self.refusals.append(reason)

    def conversation(self) -> Conversation:
        return msgspec.structs.replace(self._given, **self._changes) if self._changes else self._given
