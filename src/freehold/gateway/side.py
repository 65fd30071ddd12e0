"""Embeddings and token counts: calls like any other, with the same homes, failover and records."""

from __future__ import annotations

from typing import Protocol

from freehold.dialects import DialectError, Inbound
from freehold.dialects.base import WireRequest
from freehold.dialects.capabilities import capability
from freehold.dialects.side import (
    embed_codec,
    embed_codec_for,
    read_count,
    read_counted,
    write_count,
    write_counted,
)
from freehold.gateway.route import Route
from freehold.types.conversation import Usage


class Side(Protocol):
    """One such call: its model, what a home is asked, what the caller is told."""

    model: str
    charged: bool  # does it use tokens that count?

    def write(self, route: Route) -> WireRequest | str:
        """The request for this home, or why it cannot be asked."""
        ...

    def answer(self, route: Route, body: bytes) -> tuple[bytes, Usage | None]: ...


class Counting:
    charged = False

    def __init__(self, inbound: Inbound, body: bytes) -> None:
        self._inbound = inbound
        self._conversation = read_count(inbound, body)
        self.model = inbound.model or self._conversation.model

    def write(self, route: Route) -> WireRequest | str:
        if not capability(route.api, route.model_name, route.api_version).count:
            return "this home does not count tokens"
        return write_count(self._conversation, route.target)

    def answer(self, route: Route, body: bytes) -> tuple[bytes, Usage | None]:
        return write_counted(self._inbound, read_counted(route.api, body)), None


class Embedding:
    charged = True

    def __init__(self, inbound: Inbound, body: bytes) -> None:
        near = embed_codec_for(inbound)
        if near is None:
            raise DialectError(
                "this path makes no embeddings", why=f"{inbound.dialect} {inbound.surface}",
                fix="use the dialect's own path for them", code="gateway.no-embed", status=404,
            )  # fmt: skip
        self._near = near
        self._asked = near.read(inbound, body)
        self.model = self._asked.model

    def write(self, route: Route) -> WireRequest | str:
        far = embed_codec(route.api)
        if far is None:
            return "this home makes no embeddings"
        return far.write(self._asked, route.target)

    def answer(self, route: Route, body: bytes) -> tuple[bytes, Usage | None]:
        far = embed_codec(route.api)
        if far is None:
            raise ValueError("an answer from a home that was never asked")
        embedded = far.read_answer(body)
        return self._near.write_answer(embedded, self._asked), getattr(embedded, "usage", None)


def side_of(inbound: Inbound, body: bytes) -> Side | None:
    """The call beside generation that this request is, if it is one; a DialectError if it cannot be read."""
    if inbound.operation == "count":
        return Counting(inbound, body)
    return Embedding(inbound, body) if inbound.operation == "embed" else None
