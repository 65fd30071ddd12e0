"""A conversation while it is fitted to one home: what has changed, and what speaks against the home."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.dialects.capabilities import Capability
from freehold.types.conversation import Conversation, Text, ToolResult, ToolUse, Turn


class Draft:
    """Rules read `now` and say: `change`, `leave_out` (this home cannot), `refuse` (none can)."""

    __slots__ = (
        "can", "form", "notes", "now", "origin", "own", "plain", "reasons", "refusals", "results", "uses",
    )  # fmt: skip

    def __init__(self, conversation: Conversation, can: Capability, form: str, origin: str) -> None:
        self.now = conversation  # as changed so far
        self.can = can
        self.form = form  # the dialect whose request form the home takes
        self.origin = origin  # whose signatures the home takes back
        self.own = conversation.dialect == form
        self.uses: list[ToolUse] = []  # no rule before those of the tools changes one
        self.results: list[ToolResult] = []
        # Plain turns hold nothing that most rules look for, so that these need not look.
        self.plain = _plain_system(conversation) and self._look(conversation.turns)
        self.notes: list[str] = []
        self.reasons: list[str] = []
        self.refusals: list[str] = []

    def _look(self, turns: tuple[Turn, ...]) -> bool:
        """Are there but texts, unsigned calls and results of text, with no mark and no field of one dialect?
        Finds the calls and results on the way."""
        plain = True
        for turn in turns:
            if turn.extra or turn.role == "system":
                plain = False
            for block in turn.blocks:
                if type(block) is Text:
                    if not block.text or block.extra or block.cache is not None:
                        plain = False
                elif type(block) is ToolUse:
                    self.uses.append(block)
                    if block.signature is not None or block.cache is not None:
                        plain = False
                elif type(block) is ToolResult:
                    self.results.append(block)
                    if block.cache is not None or not _plain_texts(block.content):
                        plain = False
                else:
                    plain = False
        return plain

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


def _plain_system(conversation: Conversation) -> bool:
    return not conversation.system or _plain_texts(conversation.system)


def _plain_texts(blocks: tuple[Any, ...]) -> bool:
    return not [block for block in blocks if type(block) is not Text or block.cache is not None]
