"""What the SQL stores read alike: a row of a key, and the sums of a window."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from freehold.gateway.meters import COMES_BACK, Place
from freehold.gateway.state.base import Key, KeyRow, Standing


def standing(place: Place, spent: int, uncertain: int, used: int, lent: int, lost: int) -> Standing:
    """What processes that are gone have not used is uncertain, or back where it comes back by itself."""
    doubtful = 0 if place.kind in COMES_BACK else uncertain + lost
    return Standing(place=place, spent=spent + used, leased=lent - lost, uncertain=doubtful)


def read_row(row: Sequence[object]) -> KeyRow:
    hash_, prior, until_ns, body = row
    return KeyRow(
        hash=_bytes(hash_), prior=None if prior is None else _bytes(prior), prior_until_ns=as_int(until_ns),
        key=msgspec.json.decode(_bytes(body), type=Key),
    )  # fmt: skip


def _bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, (bytes, memoryview)) else str(value).encode()


def as_int(value: object) -> int:
    return int(value) if isinstance(value, (int, str)) else 0
