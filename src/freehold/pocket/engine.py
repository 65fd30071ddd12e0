"""What a pocket home answers with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from freehold.types.conversation import (
    Begin,
    BlockEnd,
    BlockStart,
    Conversation,
    End,
    Event,
    Finish,
    Finished,
    Text,
    TextDelta,
    Usage,
    UsageReport,
)

TOKENS_DEFAULT = 256


class Engine(Protocol):
    def answer(self, conversation: Conversation, id: str) -> Iterator[Event]: ...


class EchoEngine:
    """Says the last user text back, one word a token, within the limit asked for."""

    def answer(self, conversation: Conversation, id: str) -> Iterator[Event]:
        words = _last_text(conversation).split(" ")
        limit = conversation.max_tokens or TOKENS_DEFAULT
        said = words[:limit]
        finish: Finish = "stop" if len(said) == len(words) else "length"
        yield Begin(id=id, model=conversation.model)
        yield BlockStart(index=0, block=Text(text=""))
        for number, word in enumerate(said):
            yield TextDelta(index=0, text=word if number == 0 else f" {word}")
        yield BlockEnd(index=0)
        yield Finished(finish=finish)
        yield UsageReport(usage=Usage(fresh=_count(conversation), output=len(said)))
        yield End()


def _texts(conversation: Conversation) -> Iterator[str]:
    for text in conversation.system:
        if isinstance(text, Text):
            yield text.text
    for turn in conversation.turns:
        for block in turn.blocks:
            if isinstance(block, Text):
                yield block.text


def _last_text(conversation: Conversation) -> str:
    return ([*_texts(conversation)] or [""])[-1]


def _count(conversation: Conversation) -> int:
    return sum(len(text.split()) for text in _texts(conversation))
