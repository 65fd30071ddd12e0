"""Can this home do what the call asks, and with which bytes? Decided before the hop, by the table.

Three ways, quickest first: the body passes but for the model's name; `splice` changes what must change; or
the whole way: read, fit, write. Each gives the same meaning, or the home is left out.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from freehold.dialects import DialectError, passthrough
from freehold.dialects.base import WireRequest
from freehold.dialects.fitting import LeaveOut, Refuse, fit
from freehold.gateway.asked import Asked
from freehold.gateway.rescuable import goes_on
from freehold.gateway.route import Route
from freehold.types.conversation import Conversation


class Written(NamedTuple):
    """A request as one home takes it, and in words what had to be changed for that."""

    request: WireRequest
    notes: tuple[str, ...] = ()


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A home that cannot do what this call asks, and why."""

    home: str
    why: str


# What a self-hosted engine wants to hear when the last message is to be gone on with.
_GO_ON: dict[str, msgspec.Raw] = {
    "continue_final_message": msgspec.Raw(b"true"), "add_generation_prompt": msgspec.Raw(b"false")
}  # fmt: skip


def written(conversation: Conversation, where: Route, *, begun: bool = False) -> Written | LeftOut:
    """The whole way: the request as this home takes it, or why it cannot be asked.

    `begun`: the last turn is what another home had already said, and this one is known to go on with it.
    """
    last = conversation.turns[-1] if begun else None
    if last is not None:
        conversation = msgspec.structs.replace(conversation, turns=conversation.turns[:-1])
    verdict = fit(conversation, where.target)
    if isinstance(verdict, LeaveOut):
        return LeftOut(home=where.id, why=verdict.reason)
    if isinstance(verdict, Refuse):
        raise DialectError(
            "no home can do what the request asks", why=verdict.reason, fix="change the request",
            code="gateway.cannot-fit",
        )  # fmt: skip
    ready = verdict.conversation
    if last is not None:
        extra = {**ready.extra, **_GO_ON} if where.api == "openai-compatible" else ready.extra
        ready = msgspec.structs.replace(ready, turns=(*ready.turns, last), extra=extra)
    return Written(where.codec.write_request(ready, where.target), verdict.notes)


def spliced(asked: Asked, where: Route) -> Written | None:
    """The request with only what must change changed; None where the whole way is needed."""
    if asked.peeked_whole is None:
        asked.peeked_whole = passthrough.peek(asked.inbound, asked.body)
    made = passthrough.splice(asked.peeked_whole, where.target)
    return None if made is None else Written(*made)


def can_continue(where: Route) -> bool:
    """Can this home take up an answer that another began?"""
    return goes_on(where.home)
