"""A stream told as events: what has been said so far, and how a second home takes it up.

Used where dialects differ, and after a cut. The joining rules are here and nowhere else: nothing already said
is repeated, nothing is lost, and half-sent tool arguments are never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from freehold.dialects import DialectError
from freehold.dialects.base import StreamReader, StreamWriter
from freehold.dialects.usage import merged
from freehold.gateway.instream import kind_of
from freehold.gateway.passing import ENDED, FAILED, FINISHED, HOLD, LIVE
from freehold.types.conversation import (
    Begin,
    BlockEnd,
    BlockStart,
    Conversation,
    End,
    Event,
    Finished,
    Ping,
    StreamError,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolDelta,
    Turn,
    UnknownEvent,
    Usage,
    UsageReport,
)

TEXT_KEPT_MAX: Final = 4 * 1024 * 1024  # characters of one answer that a rescue can go on from
OVERLAP_MAX: Final = 400  # characters in which a re-asked model may repeat itself
REASK = (
    "Your answer was interrupted. Continue it exactly where the text above stops: do not repeat any of it, "
    "do not comment on the interruption, and keep its language and format."
)
_LIFECYCLE = (Begin, Ping, UnknownEvent, UsageReport, BlockStart)
_SENTENCE_ENDS = ".!?\n"


class Story:
    """What one answer has said, from the events that were forwarded."""

    __slots__ = ("begin", "deltas", "finished", "next_index", "open_text", "other", "pieces", "size", "usage")

    def __init__(self) -> None:
        self.begin: Begin | None = None
        self.pieces: list[str] = []
        self.size = 0
        self.deltas = 0
        self.next_index = 0
        self.open_text: int | None = None  # index of the text block that is still open
        self.other = ""  # what else was said, and cannot be taken up by another home
        self.finished: Finished | None = None
        self.usage = Usage()

    def note(self, event: Event) -> None:
        if isinstance(event, TextDelta):
            self.deltas += 1
            self.size += len(event.text)
            if self.size <= TEXT_KEPT_MAX:
                self.pieces.append(event.text)
        elif isinstance(event, BlockStart):
            self.next_index = max(self.next_index, event.index + 1)
            if isinstance(event.block, Text):
                self.open_text = event.index
            else:
                self.other = "thinking" if isinstance(event.block, Thinking) else "a tool call"
        elif isinstance(event, ToolDelta):
            self.other = "a tool call"
        elif isinstance(event, BlockEnd):
            if event.index == self.open_text:
                self.open_text = None
        elif isinstance(event, Begin):
            self.begin = event
            self.usage = merged(self.usage, event.usage)
        elif isinstance(event, Finished):
            self.finished = event
            self.usage = merged(self.usage, event.usage)
        elif isinstance(event, UsageReport):
            self.usage = merged(self.usage, event.usage)

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def why_not_continue(self) -> str:
        """Why another home cannot take this answer up; empty if it can."""
        if self.other:
            return f"{self.other} was already sent, which no home can take up"
        if self.size > TEXT_KEPT_MAX:
            return f"more than {TEXT_KEPT_MAX} characters were already sent"
        return ""


def continued(conversation: Conversation, story: Story) -> Conversation:
    """The request that asks a home to go on: what was said, as the beginning of the assistant's turn."""
    said = story.text.rstrip()
    turns = conversation.turns
    if not said:  # nothing but white space was sent: the question is asked as it was
        return _limited(conversation, story)
    if turns and turns[-1].role == "assistant":  # the caller began the answer, we go on with it
        begun = turns[-1]
        joined = _with_text(begun, said)
        turns = (*turns[:-1], joined)
    else:
        turns = (*turns, Turn(role="assistant", blocks=(Text(text=said),)))
    return _limited(msgspec.structs.replace(conversation, turns=turns), story)


def reasked(conversation: Conversation, story: Story) -> Conversation:
    """The request that asks a home without prefill to go on, in words."""
    turns = (
        *conversation.turns,
        Turn(role="assistant", blocks=(Text(text=story.text.rstrip()),)),
        Turn(role="user", blocks=(Text(text=REASK),)),
    )
    return _limited(msgspec.structs.replace(conversation, turns=turns), story)


def tokens_left(conversation: Conversation, story: Story) -> int | None:
    """Of the caller's limit. A piece is at least one token, so this never cuts an answer short."""
    return None if conversation.max_tokens is None else conversation.max_tokens - story.deltas


def _limited(conversation: Conversation, story: Story) -> Conversation:
    left = tokens_left(conversation, story)
    return conversation if left is None else msgspec.structs.replace(conversation, max_tokens=max(left, 1))


def _with_text(turn: Turn, said: str) -> Turn:
    blocks = turn.blocks
    if blocks and isinstance(blocks[-1], Text):
        last = msgspec.structs.replace(blocks[-1], text=blocks[-1].text + said)
        return msgspec.structs.replace(turn, blocks=(*blocks[:-1], last))
    return msgspec.structs.replace(turn, blocks=(*blocks, Text(text=said)))


class Join:
    """Fits the events of a second home to those already sent."""

    def __init__(self, story: Story, *, trims_overlap: bool) -> None:
        self._story = story
        said = story.text
        self._gap = said[len(said.rstrip()) :]  # white space that was sent and that the home was not told
        self._tail = _last_sentence(said) if trims_overlap else ""
        self._held = ""
        self._seam = bool(self._gap or self._tail)
        self._into: dict[int, int] = {}

    def take(self, event: Event) -> Iterable[Event]:
        if isinstance(event, Begin | Ping | UnknownEvent):
            return ()
        if isinstance(event, BlockStart):
            return self._start(event)
        if isinstance(event, TextDelta):
            return self._text(event)
        if isinstance(event, BlockEnd):
            return self._end(event)
        if isinstance(event, ThinkingDelta | ToolDelta):
            return (msgspec.structs.replace(event, index=self._into.get(event.index, event.index)),)
        if isinstance(event, Finished):
            return (*self._flush(), *self._close_open(), event)
        return (event,)

    def _start(self, event: BlockStart) -> Iterable[Event]:
        if isinstance(event.block, Text) and self._story.open_text is not None and not self._into:
            self._into[event.index] = self._story.open_text
            return ()
        closing = self._close_open()
        index = self._story.next_index
        self._into[event.index] = index
        return (*closing, msgspec.structs.replace(event, index=index))

    def _text(self, event: TextDelta) -> Iterable[Event]:
        index = self._into.get(event.index, event.index)
        if not self._seam:
            return (TextDelta(index=index, text=event.text),)
        self._held += event.text
        if len(self._held) < len(self._gap) + len(self._tail):
            return ()  # the seam may still be in what comes
        return self._release(index)

    def _release(self, index: int) -> Iterable[Event]:
        self._seam = False
        text = without_repeat(self._held, self._gap, self._tail)
        self._held = ""
        return (TextDelta(index=index, text=text),) if text else ()

    def _flush(self) -> Iterable[Event]:
        if not self._held:
            return ()
        into = next(iter(self._into.values()), self._story.open_text or 0)
        return self._release(into)

    def _end(self, event: BlockEnd) -> Iterable[Event]:
        return (*self._flush(), BlockEnd(index=self._into.get(event.index, event.index)))

    def _close_open(self) -> tuple[Event, ...]:
        at = self._story.open_text
        return () if at is None else (BlockEnd(index=at),)


def without_repeat(text: str, gap: str, tail: str) -> str:
    """`text` without the white space that was sent before it, and without the words it repeats of `tail`."""
    for length in range(min(len(tail), len(text)), 0, -1):
        if tail.endswith(text[:length]) and (length > 2 or length == len(tail)):
            return text[length:]
    if tail and text.startswith(tail):
        return text[len(tail) :]
    return text[len(gap) :] if gap and text.startswith(gap) else text


def _last_sentence(said: str) -> str:
    """What was said since the last whole sentence."""
    cut = max(said.rstrip().rfind(mark) for mark in _SENTENCE_ENDS)
    return said[cut + 1 :].lstrip()[-OVERLAP_MAX:]


class EventLane:
    """A stream read as events and written in the caller's dialect. Same face as `PassLane`."""

    __slots__ = (
        "_held", "_id", "_join", "_model", "_reader", "_writer", "model", "state", "story", "vendor_id",
        "why",
    )  # fmt: skip

    def __init__(
        self, reader: StreamReader, writer: StreamWriter, story: Story, join: Join | None, *,
        id: str = "", model: str = "",
    ) -> None:  # fmt: skip
        self._id, self._model = id, model  # for streams that do not say
        self._reader, self._writer, self._join = reader, writer, join
        self._held: list[Event] = []
        self.story = story
        self.state = HOLD
        self.model = self.vendor_id = ""  # as the home says; empty if it does not
        self.why = ""

    @property
    def usage(self) -> Usage:
        return self.story.usage

    @property
    def finish(self) -> str:
        return self.story.finished.finish if self.story.finished is not None else ""

    @property
    def keeps(self) -> str:
        return ""

    def feed(self, data: bytes) -> bytes:
        try:
            events = self._reader.feed(data)
        except DialectError as error:
            if self.state < FINISHED:
                self.state, self.why = FAILED, f"unreadable: {error.what}"
            return b""
        return self._events(events)

    def close(self) -> bytes:
        """The home's response ended. With the finish seen, the answer is complete."""
        try:
            out = self._events(self._reader.close())
        except DialectError as error:
            out = b""
            if self.state < FINISHED:
                self.state, self.why = FAILED, f"unreadable: {error.what}"
        if self.state == FINISHED:
            self.state = ENDED
            return out + self._writer.write(End())
        if self.state < FINISHED:
            self.state, self.why = FAILED, "cut"
        return out

    def _events(self, events: list[Event]) -> bytes:
        out: list[bytes] = []
        for event in events:
            if self.state in (ENDED, FAILED):
                break
            if isinstance(event, StreamError):
                if self.state < FINISHED:
                    self.state, self.why = FAILED, f"{kind_of(event.kind)}: {event.message}"
                continue
            if isinstance(event, Begin):
                self.model, self.vendor_id = event.model, event.id
                if not event.id or not event.model:  # Bedrock names neither, and SDKs want both
                    event = msgspec.structs.replace(
                        event, id=event.id or self._id, model=event.model or self._model
                    )
            for fitted in (event,) if self._join is None else self._join.take(event):
                self._give(fitted, out)
        return b"".join(out)

    def _give(self, event: Event, out: list[bytes]) -> None:
        if self.state == HOLD:
            if isinstance(event, _LIFECYCLE):
                self._held.append(event)
                return
            self.state = LIVE
            for held in self._held:
                self.story.note(held)
                out.append(self._writer.write(held))
            self._held.clear()
        if isinstance(event, Finished):
            self.state = FINISHED
        elif isinstance(event, End):
            if self.state != FINISHED:
                self.state, self.why = FAILED, "no_finish"
                return
            self.state = ENDED
        self.story.note(event)
        out.append(self._writer.write(event))


def retell(kept: bytes, reader: StreamReader, writer: StreamWriter) -> Story | None:
    """The story of bytes that passed through, and `writer` brought to where they end; None if unreadable."""
    story = Story()
    try:
        for event in reader.feed(kept):
            story.note(event)
            writer.write(event)
    except DialectError:
        return None
    return story
