"""A whole message of Anthropic's, read and written."""

from __future__ import annotations

from typing import Any

from freehold.dialects.anthropic.blocks import NAME, read_block, write_block
from freehold.dialects.fields import Fields, encode, raw
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
