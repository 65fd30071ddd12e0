"""Deterministic text: word number N depends only on a seed, so that a cut answer can be continued exactly."""

from __future__ import annotations

import hashlib
import re

WORDS = (
    "harbor", "lantern", "meadow", "granite", "willow", "compass", "ember", "cedar", "anchor", "valley",
    "orchard", "signal", "copper", "river", "marble", "thicket", "beacon", "saddle", "timber", "canyon",
    "quarry", "ferry", "garden", "hollow", "island", "juniper", "kettle", "ledger", "mirror", "needle",
    "oasis", "pebble",
)  # fmt: skip
SENTENCE_WORDS = 9
_PIECE = re.compile(r"\s*\S+|\s+\Z")


def word(seed: str, number: int) -> str:
    digest = hashlib.blake2b(f"{seed}:{number}".encode(), digest_size=4).digest()
    chosen = WORDS[int.from_bytes(digest, "big") % len(WORDS)]
    position = number % SENTENCE_WORDS
    return chosen.capitalize() if position == 0 else chosen + ("." if position == SENTENCE_WORDS - 1 else "")


def text(seed: str, count: int) -> str:
    return " ".join(word(seed, number) for number in range(count))


def pieces(said: str) -> list[str]:
    """The text as streamed: one word a piece, with the white space before it. They join to exactly `said`."""
    return _PIECE.findall(said)


def rest(full: str, begun: str) -> str:
    """What is still to be said of `full` after `begun`; all of it if `begun` is not how it begins."""
    return full[len(begun) :] if full.startswith(begun) else full
