"""Signed thinking: a pocket home signs what it thinks and refuses it back changed, as vendors do."""

from __future__ import annotations

import base64
import hashlib
import hmac

from freehold.dialects import DialectError
from freehold.types.conversation import Conversation, Thinking, ToolUse


def sign(dialect: str, text: str) -> str:
    """Not a secret: it only has to differ when the text or the vendor does."""
    return base64.b64encode(hmac.digest(f"pocket:{dialect}".encode(), text.encode(), hashlib.sha256)).decode()


def check(conversation: Conversation) -> None:
    if conversation.dialect == "gemini":
        _check_calls(conversation)
    for number, turn in enumerate(conversation.turns):
        for block in turn.blocks:
            if isinstance(block, Thinking) and block.signature is not None and block.redacted is None:
                _check_one(conversation.dialect, block, number)


def _check_calls(conversation: Conversation) -> None:
    """Gemini signs the first call of a turn, and wants it back."""
    for number, turn in enumerate(conversation.turns):
        first = next((block for block in turn.blocks if isinstance(block, ToolUse)), None)
        if first is not None and first.signature is None:
            raise DialectError(
                f"Function call is missing a thought_signature in functionCall parts: contents.{number}",
                why=f"the call of {first.name!r} came without it",
                fix="send function calls back exactly as they came",
                code="pocket.bad-signature",
            )


def _check_one(dialect: str, block: Thinking, number: int) -> None:
    if not hmac.compare_digest(block.signature or "", sign(dialect, block.text)):
        raise DialectError(
            f"messages.{number}: invalid `signature` in `thinking` block",
            why="the signature is not of this text, or was made by another vendor",
            fix="send thinking blocks back exactly as they came, to the vendor that made them",
            code="pocket.bad-signature",
        )
