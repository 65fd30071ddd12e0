"""The same beginning of a prompt goes to the same home, where its vendor may have it cached.

A prompt is cut into blocks, and every block's hash covers all that came before it. The hash up to the first
thing the user said names the conversation: by rendezvous hashing every gateway and worker picks the same home
for it without asking the others. A bounded memory of which home saw which block keeps it there when the first
choice was not free.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from zlib import crc32

import msgspec

PROMPT_BYTES_MIN: Final = (
    2048  # of a request, from which it is worth looking: shorter prompts are cached nowhere
)
BLOCK_BYTES: Final = 4096
BLOCKS_MAX: Final = 256  # of one prompt; what comes later decides nothing
MEMORY_BLOCKS_MAX: Final = 200_000
KEPT_SECONDS: Final = 900.0  # vendors keep prefixes for minutes
HOMES_MAX: Final = 62
MASK32: Final = 0xFFFF_FFFF

_NONE: Final = msgspec.Raw(b"")


class _Prompt(msgspec.Struct):
    """The fields in which the dialects keep what a model reads, in the order in which it reads them."""

    tools: msgspec.Raw = _NONE
    toolConfig: msgspec.Raw = _NONE  # as Bedrock spells it
    system: msgspec.Raw = _NONE
    instructions: msgspec.Raw = _NONE
    systemInstruction: msgspec.Raw = _NONE  # as Gemini spells it
    prompt_cache_key: str | None = None
    messages: list[msgspec.Raw] | None = None
    contents: list[msgspec.Raw] | None = None
    input: msgspec.Raw = _NONE


_read = msgspec.json.Decoder(_Prompt).decode
_items = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Prefix(msgspec.Struct, frozen=True):
    """`root` names the conversation; `chain` are its blocks, each hash covering all before it."""

    root: int
    chain: tuple[int, ...]


def prefix_of(body: bytes) -> Prefix | None:
    """The blocks of a request's prompt; None where it has none that we can find."""
    try:
        prompt = _read(body)
        items = prompt.messages or prompt.contents or _input(prompt.input)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None  # whoever reads the request for good says what is wrong with it
    if not items:
        return None
    running = 0  # a message that sets the stage is shared by many conversations: it is not yet a root
    for part in (
        prompt.tools,
        prompt.toolConfig,
        prompt.system,
        prompt.instructions,
        prompt.systemInstruction,
    ):
        if part is not _NONE:
            running = crc32(part, running)
    chain: list[int] = []
    root = None if prompt.prompt_cache_key is None else crc32(prompt.prompt_cache_key.encode())
    for item in items:
        raw = bytes(item)
        if len(raw) <= BLOCK_BYTES:
            running = crc32(raw, running)
            chain.append(running)
        else:
            running = _cut(raw, running, chain)
        if root is None and b'"system"' not in raw[:40] and b'"developer"' not in raw[:40]:
            root = running
        if len(chain) >= BLOCKS_MAX:
            break
    return Prefix(root if root is not None else running, tuple(chain))


def _input(raw: msgspec.Raw) -> list[msgspec.Raw]:
    """The `input` of a Responses request: a list of items, or one text."""
    if raw is _NONE:
        return []
    data = bytes(raw)
    return _items(data) if data.startswith(b"[") else [raw]


def _cut(raw: bytes, running: int, chain: list[int]) -> int:
    """A long message's blocks: one for each full stretch of bytes, and one at its end."""
    view = memoryview(raw)
    for start in range(0, len(raw), BLOCK_BYTES):
        if len(chain) >= BLOCKS_MAX:
            break
        running = crc32(view[start : start + BLOCK_BYTES], running)
        chain.append(running)
    return running


def salt_of(home: str) -> int:
    return crc32(home.encode(), 0x9E37_79B9)


def draw_of(root: int, salt: int) -> int:
    """A number below 2**32 that only the two decide: what weights are drawn with, for this conversation."""
    x = (root ^ salt) * 0x9E37_79B1 & MASK32
    x = (x ^ x >> 15) * 0x85EB_CA77 & MASK32
    x = (x ^ x >> 13) * 0xC2B2_AE3D & MASK32
    return x ^ x >> 16


class Memory:
    """Which home has seen which block, the blocks longest unseen forgotten first.

    Two generations: what is found in the old one moves to the new one, and when the new one is full, or its
    time is up, the old one goes. So forgetting costs nothing per block.
    """

    __slots__ = ("_bits", "_limit", "_new", "_old", "_turn_at")

    def __init__(self, blocks_max: int = MEMORY_BLOCKS_MAX) -> None:
        self._limit = max(blocks_max // 2, 1)
        self._new: dict[int, int] = {}
        self._old: dict[int, int] = {}
        self._bits: dict[str, int] = {}
        self._turn_at = 0.0

    def __len__(self) -> int:
        return len(self._new) + len(self._old)

    def bit(self, home: str) -> int:
        """A home's place in the masks; 0 once there are too many homes to tell apart."""
        bit = self._bits.get(home)
        if bit is None:
            bit = self._bits[home] = 1 << len(self._bits) if len(self._bits) < HOMES_MAX else 0
        return bit

    def holders(self, chain: Sequence[int]) -> tuple[int, int]:
        """The homes that have seen the most of it, as a mask, and how many blocks of it those have seen."""
        new, old = self._new, self._old
        mask, depth = 0, 0
        for hash_ in chain:
            seen = new.get(hash_, 0) | old.get(hash_, 0)
            both = seen & mask if depth else seen
            if not both:
                break
            mask, depth = both, depth + 1
        return mask, depth

    def saw(self, chain: Sequence[int], bit: int, now: float) -> None:
        if not bit:
            return
        new, old = self._new, self._old
        for hash_ in chain:
            known = new.get(hash_)
            new[hash_] = (old.pop(hash_, 0) if known is None else known) | bit
        if len(new) >= self._limit or now >= self._turn_at:
            if self._turn_at:
                self._old, self._new = new, {}
            self._turn_at = now + KEPT_SECONDS

    def forget(self, home: str) -> None:
        """The home has lost what it had, or so we must assume."""
        keep = ~self.bit(home)
        for table in (self._new, self._old):
            for hash_, mask in list(table.items()):
                if mask & keep:
                    table[hash_] = mask & keep
                else:
                    del table[hash_]
