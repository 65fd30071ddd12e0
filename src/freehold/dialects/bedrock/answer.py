"""A whole Converse response, read and written."""

from __future__ import annotations

from typing import Any

from freehold.dialects.bedrock.blocks import NAME, read_blocks, write_blocks
from freehold.dialects.fields import Fields, encode, raw
from freehold.types.conversation import Answer, Extra, Finish, Usage

FINISH_IN: dict[str, Finish] = {
    "end_turn": "stop", "tool_use": "tool_use", "max_tokens": "length", "stop_sequence": "stop_sequence",
    "guardrail_intervened": "content_filter", "content_filtered": "content_filter",
    "model_context_window_exceeded": "length", "malformed_model_output": "error",
    "malformed_tool_use": "error",
}  # fmt: skip
FINISH_OUT: dict[Finish, str] = {
    "stop": "end_turn", "length": "max_tokens", "stop_sequence": "stop_sequence", "tool_use": "tool_use",
    "content_filter": "content_filtered", "refusal": "content_filtered", "pause": "end_turn",
    "error": "malformed_model_output",
}  # fmt: skip


def read_answer(body: bytes) -> Answer:
    fields = Fields.of(body, answer=True)
    message = fields.required("output").required("message")
    message.any("role")
    reason = fields.maybe("stopReason")
    return Answer(
        id="", model="", blocks=tuple(read_blocks(message.objects("content"))),
        finish=FINISH_IN.get(reason or "", "error"), usage=read_usage(fields.object("usage")), dialect=NAME,
        extra={**read_reason(reason), **fields.extra()},
    )  # fmt: skip


def read_reason(reason: str | None) -> Extra:
    finish = FINISH_IN.get(reason or "")
    return {} if reason is None or (finish and FINISH_OUT[finish] == reason) else {"stopReason": raw(reason)}


def read_usage(fields: Fields | None) -> Usage:
    """Bedrock's `inputTokens` leaves cached tokens out, as ours does."""
    if fields is None:
        return Usage()
    fields.any("totalTokens")
    return Usage(
        fresh=fields.count("inputTokens"), cache_read=fields.count("cacheReadInputTokens"),
        cache_write=fields.count("cacheWriteInputTokens"), output=fields.count("outputTokens"),
        extra=fields.extra(),
    )  # fmt: skip


def write_usage(usage: Usage, *, own: bool) -> dict[str, Any]:
    parts = (usage.fresh or 0, usage.output or 0, usage.cache_read or 0, usage.cache_write or 0)
    wire: dict[str, Any] = {"inputTokens": parts[0], "outputTokens": parts[1], "totalTokens": sum(parts)}
    if usage.cache_read is not None:
        wire["cacheReadInputTokens"] = usage.cache_read
    if usage.cache_write is not None:
        wire["cacheWriteInputTokens"] = usage.cache_write
    return {**wire, **usage.extra} if own else wire


def write_answer(answer: Answer) -> bytes:
    own = answer.dialect == NAME
    message = {"role": "assistant", "content": write_blocks(answer.blocks, to_client=True)}
    body: dict[str, Any] = {
        "output": {"message": message}, "stopReason": FINISH_OUT[answer.finish],
        "usage": write_usage(answer.usage, own=own), "metrics": {"latencyMs": 0},
    }  # fmt: skip
    return encode({**body, **(answer.extra if own else {})})
