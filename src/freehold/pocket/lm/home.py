"""The pocket language model as an engine of a pocket home, and the home's ear for new weights.

A conversation is read as human and assistant turns; a last assistant turn is a prefill and is continued
exactly. The model knows no system role, tools or images: it reads the words of human and assistant turns
and nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from freehold.dialects import DialectError
from freehold.pocket.lm.engine import SHIPPED, Choice, PocketModel, generate
from freehold.pocket.lm.marks import parts_of
from freehold.pocket.lm.weights import WEIGHTS_FILE, check_digest
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
from freehold.types.names import Digest

TOKENS_DEFAULT = 256


class ModelEngine:
    """Answers with the shipped model, or the one in `folder`. Greedy unless a temperature is asked for."""

    blocking = True  # a token takes a millisecond or so of real work

    def __init__(self, folder: Path = SHIPPED) -> None:
        self._model = PocketModel.load(folder)

    @property
    def weights(self) -> Digest:
        return self._model.digest

    def load(self, folder: Path, digest: Digest) -> None:
        """Change to other weights, once they are what they should be. Answers under way keep theirs."""
        check_digest(folder / WEIGHTS_FILE, digest)
        self._model = PocketModel.load(folder)

    def answer(self, conversation: Conversation, id: str) -> Iterator[Event]:
        model = self._model
        prompt, kept, cut, prefill = _prompt(model, conversation)
        if len(prompt) >= model.shape.max_position_embeddings:
            raise DialectError(
                "the conversation is longer than the pocket model reads",
                why=f"{len(prompt)} tokens; the most is {model.shape.max_position_embeddings - 1}",
                fix="send less",
                code="pocket.too-long",
            )
        choice = Choice(
            temperature=conversation.temperature or 0.0,
            top_p=1.0 if conversation.top_p is None else conversation.top_p,
            top_k=conversation.top_k or 0,
            seed=int.from_bytes(hashlib.sha256(id.encode()).digest()[:8], "big"),
        )
        writer = _Writer(model, kept, prefill, conversation.stop)
        yield Begin(id=id, model=conversation.model)
        yield BlockStart(index=0, block=Text(text=""))
        for token, _ in generate(model, prompt, conversation.max_tokens or TOKENS_DEFAULT, choice, cut):
            if text := writer.add(token):
                yield TextDelta(index=0, text=text)
            if writer.finish is not None:
                break
        if rest := writer.rest():
            yield TextDelta(index=0, text=rest)
        yield BlockEnd(index=0)
        yield Finished(finish=writer.finish or "length", stop_sequence=writer.stopped_at)
        yield UsageReport(usage=Usage(fresh=len(prompt), output=writer.count))
        yield End()


class _Writer:
    """Turns tokens into text that can be sent: whole characters, nothing said before, nothing of a stop."""

    def __init__(self, model: PocketModel, kept: list[int], prefill: str, stop: tuple[str, ...]) -> None:
        self._tokens = model.tokens
        self._stop = tuple(word for word in stop if word)
        self._ids = list(kept)
        self._sent = len(prefill)
        self.count = 0
        self.finish: Finish | None = None
        self.stopped_at: str | None = None

    def add(self, token: int) -> str:
        self.count += 1
        if token == self._tokens.end:
            self.finish = "stop"
            return ""
        self._ids.append(token)
        return self._take(hold=max((len(stop) - 1 for stop in self._stop), default=0))

    def rest(self) -> str:
        return "" if self.finish == "stop_sequence" else self._take(hold=0)

    def _take(self, hold: int) -> str:
        text = self._tokens.text(self._ids)
        for stop in self._stop:
            place = text.find(stop, max(0, self._sent - len(stop) + 1))
            if place >= 0:
                self.finish, self.stopped_at = "stop_sequence", stop
                text, hold = text[:place], 0
        ready = text[self._sent : max(self._sent, len(text) - hold)]
        self._sent += len(ready)
        return ready


def _prompt(model: PocketModel, conversation: Conversation) -> tuple[list[int], list[int], bytes, str]:
    """Tokens to read, those of them that are the answer so far, the rest of a cut word, and the prefill."""
    parts, then, prefill = parts_of(conversation)
    start = model.tokens.prompt(parts, then)
    kept, cut = model.tokens.continuation(prefill)
    return start + kept, kept, cut, prefill
