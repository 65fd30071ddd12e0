"""How a conversation becomes tokens, and where an answer ends: one small class per way of writing it.

Stages speak in neutral conversations. What a critique or a revision is asked by is marked at the start of a
human turn ("CritiqueRequest: ..."), as the published prompts mark it; a chat model reads the mark as words,
the pocket model and the paper's text layout turn it into a part of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from freehold.errors import InputError
from freehold.pocket.lm.marks import MARKS, parts_of
from freehold.pocket.lm.tokens import PocketTokens
from freehold.types.conversation import Conversation


class Layout(Protocol):
    """Words to ids and back for one family of models."""

    end_ids: tuple[int, ...]
    pad_id: int

    def prompt(self, conversation: Conversation) -> list[int]:
        """Everything said so far, up to where the answer goes on."""
        ...

    def answer(self, text: str) -> list[int]:
        """The ids of a whole answer, its end included: what training predicts."""
        ...

    def continuation(self, text: str) -> list[int]:
        """The ids of words that follow a prompt, without an end."""
        ...

    def decode(self, ids: Sequence[int]) -> str: ...
    def stops(self, ids: Sequence[int]) -> bool:
        """Does the text end here though no end token was written?"""
        ...


class PocketLayout:
    """Role tokens, as the pocket model was trained."""

    def __init__(self, tokens: PocketTokens) -> None:
        self._tokens = tokens
        self.end_ids: tuple[int, ...] = (tokens.end,)
        self.pad_id = tokens.pad

    def prompt(self, conversation: Conversation) -> list[int]:
        parts, then, prefill = parts_of(conversation)
        return self._tokens.prompt(parts, then, prefill)

    def answer(self, text: str) -> list[int]:
        return [*self._tokens.encode(text), self._tokens.end]

    def continuation(self, text: str) -> list[int]:
        return self._tokens.encode(text)

    def decode(self, ids: Sequence[int]) -> str:
        return self._tokens.decode(ids)

    def stops(self, ids: Sequence[int]) -> bool:
        return False


_NAMES = {
    "human": "Human", "assistant": "Assistant", "critique_request": "CritiqueRequest", "critique": "Critique",
    "revision_request": "RevisionRequest", "revision": "Revision", "compare": "Human", "answer": "Assistant",
}  # fmt: skip
_STOPS = tuple(
    f"\n\n{name}:"
    for name in ("Human", "Assistant", "CritiqueRequest", "RevisionRequest", "Critique", "Revision")
)
STOP_TAIL_TOKENS = 24  # a stop text is never longer than this


class TextLayout:
    """The paper's layout, for any tokenizer: blank line, name, colon."""

    def __init__(self, tokenizer: Path, end_ids: tuple[int, ...], pad_id: int) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self.end_ids, self.pad_id = end_ids, pad_id

    def prompt(self, conversation: Conversation) -> list[int]:
        parts, then, prefill = parts_of(conversation)
        text = "".join(f"\n\n{_NAMES[role]}: {words}" for role, words in parts) + f"\n\n{_NAMES[then]}:"
        return self._encode(f"{text} {prefill}" if prefill else text)

    def answer(self, text: str) -> list[int]:
        return [*self._encode(f" {text}"), *self.end_ids[:1]]

    def continuation(self, text: str) -> list[int]:
        return self._encode(f" {text}")

    def decode(self, ids: Sequence[int]) -> str:
        text = str(self._tokenizer.decode(list(ids), skip_special_tokens=True))
        places = [place for stop in _STOPS if (place := text.find(stop)) >= 0]
        return text[: min(places)].strip() if places else text.strip()

    def stops(self, ids: Sequence[int]) -> bool:
        tail = str(self._tokenizer.decode(list(ids[-STOP_TAIL_TOKENS:]), skip_special_tokens=True))
        return any(stop in tail for stop in _STOPS)

    def _encode(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)


def layout_for(folder: Path, eos: tuple[int, ...]) -> Layout:
    """By the tokenizer that lies in a model's folder: ours has role tokens, others get text."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise InputError(
            f"{folder} has no tokenizer.json",
            why="a model is of no use without the words it was trained on",
            fix="copy tokenizer.json beside the weights",
            code="align.no-tokenizer",
        )
    raw = msgspec.json.decode(path.read_bytes(), type=dict[str, msgspec.Raw])
    added = msgspec.json.decode(raw.get("added_tokens", msgspec.Raw(b"[]")), type=list[dict[str, object]])
    if any(token.get("content") == "<|critique_request|>" for token in added):
        return PocketLayout(PocketTokens.load(path))
    return TextLayout(path, eos or (0,), 0)


__all__ = ["MARKS", "Layout", "PocketLayout", "TextLayout", "layout_for"]
