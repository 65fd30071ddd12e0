"""What an answer says of itself, for its record: who wrote it, why it ended, what the vendor calls it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from freehold.dialects.anthropic.answer import FINISH_IN as ANTHROPIC
from freehold.dialects.gemini.answer import FINISH_IN as GEMINI
from freehold.dialects.openai.answer import FINISH_IN as OPENAI
from freehold.gateway.wires import RESPONSES_CALL, Whole
from freehold.types.conversation import Answer

NAME_LENGTH_MAX: Final = 200
GEMINI_CALLS: Final = "CALLS"  # Gemini says STOP after a call too

# The dialects' words for why an answer ended, in ours.
FINISHES: Final[dict[str, Mapping[str, str]]] = {
    "openai": OPENAI,
    "anthropic": ANTHROPIC,
    "responses": {
        "completed": "stop", RESPONSES_CALL: "tool_use", "max_output_tokens": "length",
        "content_filter": "content_filter",
    },
    "gemini": {**GEMINI, GEMINI_CALLS: "tool_use"},
}  # fmt: skip


class Told(Protocol):
    """Empty where the answer does not say."""

    @property
    def model(self) -> str: ...
    @property
    def finish(self) -> str: ...
    @property
    def vendor_id(self) -> str: ...
    @property
    def keeps(self) -> str:
        """What the vendor keeps for later calls beside the answer itself, such as a container."""
        ...


def named(value: object) -> str:
    """What a home calls its answer or model, if that is a name at all: words have no place in a record."""
    if isinstance(value, str) and len(value) <= NAME_LENGTH_MAX and value.isascii():
        return value if value.isprintable() and " " not in value else ""
    return ""


def whole_of(answer: Answer) -> Whole:
    """An answer that was read in full."""
    return Whole(answer.finish != "error", answer.usage, answer.model, answer.finish, named(answer.id))
