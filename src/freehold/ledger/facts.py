"""The few facts of a record that searches need, in the order of the index's columns."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from freehold.types.records import RECORD_KINDS, AnyRecord, HomeFacts, Record, Tokens


class Facts(NamedTuple):
    seq: int
    id: str
    time_ns: int
    kind: str
    workload: str | None
    home: str | None
    outcome: str | None
    key: str | None
    tokens_in: int | None
    tokens_out: int | None
    nano_usd: int | None


class _Cost(msgspec.Struct, frozen=True):
    nano_usd: int | None = None


class _Head(msgspec.Struct, frozen=True):
    """What the index reads back from stored bytes; everything else is skipped unread."""

    id: str
    time_ns: int
    kind: str
    seq: int = -1
    workload: str | None = None
    planned: HomeFacts | None = None
    actual: HomeFacts | None = None
    outcome: str | None = None
    key: str | None = None
    tokens: Tokens | None = None
    cost: _Cost | None = None


_KINDS: dict[type[Record], str] = {struct: kind for kind, struct in RECORD_KINDS.items()}
_decode = msgspec.json.Decoder(_Head).decode


def facts_of(seq: int, entry: AnyRecord) -> Facts:
    where, tokens, cost = entry.actual or entry.planned, entry.tokens, entry.cost
    return Facts(
        seq, entry.id, entry.time_ns, _KINDS[type(entry)], entry.workload,
        where.home if where else None, entry.outcome, entry.key,
        tokens_in(tokens), tokens.output if tokens else None, cost.nano_usd if cost else None,
    )  # fmt: skip


def facts_in(seq: int, leaf: bytes) -> Facts:
    """The same, from stored bytes; msgspec.DecodeError if they are not a record."""
    head = _decode(leaf)
    where, tokens = head.actual or head.planned, head.tokens
    return Facts(
        seq, head.id, head.time_ns, head.kind.partition("/")[0], head.workload,
        where.home if where else None, head.outcome, head.key,
        tokens_in(tokens), tokens.output if tokens else None, head.cost.nano_usd if head.cost else None,
    )  # fmt: skip


def tokens_in(tokens: Tokens | None) -> int | None:
    """Fresh, cached and cache-writing input together; unknown if none of them is known."""
    if tokens is None:
        return None
    fresh, read, written = tokens.fresh, tokens.cache_read, tokens.cache_write
    if read is None and written is None:
        return fresh
    return (fresh or 0) + (read or 0) + (written or 0)
