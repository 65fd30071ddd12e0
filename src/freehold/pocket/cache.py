"""A prompt cache that counts like the vendors' do: a prefix seen before is read, not written."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator

import msgspec

from freehold.types.conversation import Block, Conversation, Opaque, Text, Tool, ToolResult, ToolUse

ENTRIES_MAX = 4096
KEPT_SECONDS = 300
IMPLICIT_TOKENS_MIN = 1024  # vendors without marks cache prefixes from this length on
IMPLICIT = frozenset({"openai", "responses", "gemini"})
MEDIA_TOKENS = 85  # what an image or a document counts for here


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens of a prompt, each counted once."""

    fresh: int
    read: int = 0
    write: int = 0


class _Segment(msgspec.Struct, frozen=True, kw_only=True):
    digest: bytes  # of everything up to and including it
    tokens: int  # likewise
    marked: bool


class PromptCache:
    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, int] = OrderedDict()  # digest -> when it expires

    def count(self, conversation: Conversation, now_ns: int) -> Counted:
        segments = list(_segments(conversation))
        total = segments[-1].tokens if segments else 0
        explicit = [segment for segment in segments if segment.marked]
        implicit = not explicit and conversation.dialect in IMPLICIT
        ends = [one for one in segments if one.tokens >= IMPLICIT_TOKENS_MIN] if implicit else explicit
        read = max((one.tokens for one in ends if self._seen.get(one.digest, 0) > now_ns), default=0)
        for one in ends:
            self._keep(one.digest, now_ns)
        write = (ends[-1].tokens - read) if explicit else 0
        return Counted(fresh=total - read - write, read=read, write=write)

    def _keep(self, digest: bytes, now_ns: int) -> None:
        self._seen[digest] = now_ns + KEPT_SECONDS * 10**9
        self._seen.move_to_end(digest)
        while len(self._seen) > ENTRIES_MAX:
            self._seen.popitem(last=False)


def _segments(conversation: Conversation) -> Iterator[_Segment]:
    digest, tokens = hashlib.sha256(conversation.model.encode()).digest(), 0
    for part in _parts(conversation):
        cache = None if isinstance(part, Opaque) else getattr(part, "cache", None)
        plain = msgspec.structs.replace(part, cache=None) if cache is not None else part
        digest = hashlib.sha256(digest + msgspec.json.encode(plain)).digest()
        tokens += words(part)
        yield _Segment(digest=digest, tokens=tokens, marked=cache is not None)


def _parts(conversation: Conversation) -> Iterator[Block | Tool]:
    yield from conversation.tools
    yield from conversation.system
    for turn in conversation.turns:
        yield from turn.blocks


def words(part: Block | Tool) -> int:
    match part:
        case Text():
            return len(part.text.split())
        case ToolUse():
            return len(part.input_json.split()) + 1
        case ToolResult():
            return sum(words(inner) for inner in part.content)
        case Tool():
            return len(msgspec.json.encode(part)) // 8
        case Opaque():
            return len(part.value) // 8
        case _:
            return MEDIA_TOKENS
