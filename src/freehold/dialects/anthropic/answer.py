"""A whole message of Anthropic's, read and written."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.dialects.anthropic.blocks import NAME, read_block, write_block
from freehold.dialects.anthropic.plain import blocks_of
from freehold.dialects.anthropic.wire import AnswerUsage, decode_answer
from freehold.dialects.fields import NOTHING, Fields, encode, raw
from freehold.types.conversation import Answer, Extra, Finish, Usage

FINISH_IN: dict[str, Finish] = {
    "end_turn": "stop", "max_tokens": "length", "stop_sequence": "stop_sequence", "tool_use": "tool_use",
    "pause_turn": "pause", "refusal": "refusal", "model_context_window_exceeded": "length",
}  # fmt: skip
FINISH_OUT: dict[Finish, str] = {
    "stop": "end_turn", "length": "max_tokens", "stop_sequence": "stop_sequence", "tool_use": "tool_use",
    "pause": "pause_turn", "refusal": "refusal", "content_filter": "refusal", "error": "end_turn",
}  # fmt: skip


def read_answer(body: bytes, origin: str = NAME) -> Answer:
    return read_plain(body) or read_general(body, origin)


def read_plain(body: bytes) -> Answer | None:
    try:
        said = decode_answer(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None  # the general reader says what is wrong, if anything is
    blocks = blocks_of(said.content)
    if blocks is None:
        return None
    reason, extra = said.stop_reason, read_reason(said.stop_reason)
    if said.container is not NOTHING:
        extra["container"] = said.container
    if said.stop_details is not NOTHING:
        extra["stop_details"] = said.stop_details
    return Answer(
        id=said.id or "", model=said.model or "", blocks=blocks, finish=FINISH_IN.get(reason or "", "error"),
        stop_sequence=said.stop_sequence, usage=_plain_usage(said.usage), dialect=NAME, extra=extra,
    )  # fmt: skip


def _plain_usage(said: AnswerUsage | None) -> Usage:
    if said is None:
        return Usage()
    extra: Extra = {}
    if said.cache_creation is not NOTHING:
        extra["cache_creation"] = said.cache_creation
    if said.server_tool_use is not NOTHING:
        extra["server_tool_use"] = said.server_tool_use
    if said.service_tier is not NOTHING:
        extra["service_tier"] = said.service_tier
    if said.inference_geo is not NOTHING:
        extra["inference_geo"] = said.inference_geo
    return Usage(
        fresh=said.input_tokens, cache_read=said.cache_read_input_tokens,
        cache_write=said.cache_creation_input_tokens, output=said.output_tokens, extra=extra,
    )  # fmt: skip


def read_general(body: bytes, origin: str = NAME) -> Answer:
    fields = Fields.of(body, answer=True)
    kind = fields.maybe("type")
    if kind != "message":
        raise fields.fault("type", f"expected a message, got {kind!r}")
    fields.any("role")
    reason = fields.maybe("stop_reason")
    blocks = tuple(read_block(block, origin, []) for block in fields.objects("content"))
    return Answer(
        id=fields.maybe("id") or "", model=fields.maybe("model") or "", blocks=blocks,
        finish=FINISH_IN.get(reason or "", "error"), stop_sequence=fields.maybe("stop_sequence"),
        usage=read_usage(fields.object("usage")), dialect=NAME,
        extra={**read_reason(reason), **fields.extra()},
    )  # fmt: skip


def read_reason(reason: str | None) -> Extra:
    """The reason itself, where ours is not the same word."""
    finish = FINISH_IN.get(reason or "")
    return {} if reason is None or (finish and FINISH_OUT[finish] == reason) else {"stop_reason": raw(reason)}


def read_usage(fields: Fields | None) -> Usage:
    """Anthropic's `input_tokens` leaves cached tokens out, as ours does."""
    if fields is None:
        return Usage()
    details = fields.object("output_tokens_details")
    reasoning = details.count("thinking_tokens") if details else None
    return Usage(
        fresh=fields.count("input_tokens"), cache_read=fields.count("cache_read_input_tokens"),
        cache_write=fields.count("cache_creation_input_tokens"), output=fields.count("output_tokens"),
        reasoning=reasoning, extra=fields.extra(),
    )  # fmt: skip


def write_usage(usage: Usage, *, own: bool) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "input_tokens": usage.fresh or 0, "output_tokens": usage.output or 0,
        "cache_creation_input_tokens": usage.cache_write or 0,
        "cache_read_input_tokens": usage.cache_read or 0,
    }  # fmt: skip
    if usage.reasoning:
        wire["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return {**wire, **usage.extra} if own else wire


def write_answer(answer: Answer, origin: str = NAME) -> bytes:
    own = answer.dialect == NAME
    content = [
        written
        for block in answer.blocks
        if (written := write_block(block, origin, own=own, to_client=True)) is not None
    ]
    body: dict[str, Any] = {
        "id": answer.id, "type": "message", "role": "assistant", "model": answer.model, "content": content,
        "stop_reason": FINISH_OUT[answer.finish], "stop_sequence": answer.stop_sequence,
        "usage": write_usage(answer.usage, own=own),
    }  # fmt: skip
    return encode({**body, **(answer.extra if own else {})})
