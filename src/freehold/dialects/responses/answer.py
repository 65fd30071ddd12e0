"""A whole response, read and written."""

from __future__ import annotations

from typing import Any

from freehold.dialects.fields import Fields, encode
from freehold.dialects.responses.items import NAME, read_item, text_part, write_item
from freehold.types.conversation import (
    Answer,
    Block,
    Conversation,
    Finish,
    Opaque,
    Text,
    Thinking,
    ToolUse,
    Usage,
)

_REASONS: dict[str, Finish] = {"max_output_tokens": "length", "content_filter": "content_filter"}
INCOMPLETE: dict[Finish, str] = {
    "length": "max_output_tokens", "content_filter": "content_filter", "refusal": "content_filter",
}  # fmt: skip


def read_answer(body: bytes) -> Answer:
    return read_response(Fields.of(body, answer=True))


def read_response(fields: Fields) -> Answer:
    if fields.any("object") != "response":
        raise fields.fault("object", "expected a response")
    blocks: list[Block] = []
    for item in fields.objects("output"):
        blocks.extend(read_item(item, [])[1])
    status, details = fields.maybe("status"), fields.object("incomplete_details")
    reason = details.maybe("reason") if details else None
    error = fields.object("error")
    if status == "failed" and error is not None:
        fields.left["error"] = error.left
    return Answer(
        id=fields.maybe("id") or "", model=fields.maybe("model") or "", blocks=tuple(blocks),
        finish=read_finish(status, reason, blocks), usage=read_usage(fields.object("usage")), dialect=NAME,
        extra=fields.extra(),
    )  # fmt: skip


def read_finish(status: str | None, reason: str | None, blocks: list[Block]) -> Finish:
    if status == "incomplete":
        return _REASONS.get(reason or "", "length")
    if status not in (None, "completed"):
        return "error"
    if any(isinstance(block, ToolUse) for block in blocks):
        return "tool_use"
    refused = any(isinstance(block, Text) and "refusal" in block.extra for block in blocks)
    return "refusal" if refused else "stop"


def read_usage(fields: Fields | None) -> Usage:
    """The totals include cached tokens; ours count each once."""
    if fields is None:
        return Usage()
    given, output = fields.count("input_tokens"), fields.count("output_tokens")
    fields.any("total_tokens")
    details, spent = fields.object("input_tokens_details"), fields.object("output_tokens_details")
    cached = details.count("cached_tokens") if details else None
    written = details.count("cache_write_tokens") if details else None
    fresh = None if given is None else given - (cached or 0) - (written or 0)
    if fresh is not None and fresh < 0:
        raise fields.fault("input_tokens", f"{given} is fewer than the cached tokens it includes")
    return Usage(
        fresh=fresh, cache_read=cached, cache_write=written, output=output,
        reasoning=spent.count("reasoning_tokens") if spent else None, extra=fields.extra(),
    )  # fmt: skip


def write_usage(usage: Usage) -> dict[str, Any]:
    given = (usage.fresh or 0) + (usage.cache_read or 0) + (usage.cache_write or 0)
    details: dict[str, int] = {"cached_tokens": usage.cache_read or 0}
    details["cache_write_tokens"] = usage.cache_write or 0
    return {
        "input_tokens": given, "input_tokens_details": details, "output_tokens": usage.output or 0,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
        "total_tokens": given + (usage.output or 0),
    }  # fmt: skip


def write_answer(answer: Answer, conversation: Conversation) -> bytes:
    own = answer.dialect == NAME
    output = [item for at, block in enumerate(answer.blocks)
              if (item := output_item(block, answer.id, at, own=own)) is not None]  # fmt: skip
    body = envelope(answer.id, answer.model, conversation)
    body.update(closing(answer.finish), output=output, usage=write_usage(answer.usage))
    return encode({**body, **(answer.extra if own else {})})


def envelope(id: str, model: str, conversation: Conversation) -> dict[str, Any]:
    """What every response repeats of its request, and the fields its readers expect to be there."""
    choice = conversation.tool_choice
    body: dict[str, Any] = {
        "id": id or "resp_freehold", "object": "response", "created_at": conversation.asked_s,
        "status": "in_progress", "error": None, "incomplete_details": None, "instructions": None,
        "max_output_tokens": conversation.max_tokens, "metadata": {}, "model": model or conversation.model,
        "output": [], "parallel_tool_calls": not (choice and choice.parallel is False),
        "previous_response_id": None, "temperature": conversation.temperature, "tool_choice": "auto",
        "tools": [], "top_p": conversation.top_p, "truncation": "disabled", "usage": None,
    }  # fmt: skip
    return body


def closing(finish: Finish) -> dict[str, Any]:
    if finish in INCOMPLETE:
        return {"status": "incomplete", "incomplete_details": {"reason": INCOMPLETE[finish]}}
    return {"status": "failed"} if finish == "error" else {"status": "completed"}


def output_item(block: Block, answer_id: str, at: int, *, own: bool) -> object | None:
    """The item for a block; ids follow from the answer's and the place, unless the block brings its own."""
    number = f"{answer_id or 'freehold'}_{at}"
    match block:
        case Text():
            return _message(block, number, own)
        case ToolUse():
            item = write_item(block, own=own, to_client=True)
            return {"id": f"fc_{number}", "status": "completed", **item} if isinstance(item, dict) else None
        case Thinking():
            item = write_item(block, own=own, to_client=True)
            return {"id": f"rs_{number}", **item} if isinstance(item, dict) else None
        case Opaque():
            return block.value if block.origin == NAME else None
    return None


def _message(block: Text, number: str, own: bool) -> dict[str, Any]:
    held = Fields.of(bytes(block.extra["item"])).left if own and "item" in block.extra else {}
    part: dict[str, Any] = (
        {"type": "refusal", "refusal": block.text} if "refusal" in block.extra else text_part(block.text)
    )
    if own:
        kept = {name: value for name, value in block.extra.items() if name not in ("item", "refusal")}
        part = {**part, **kept}
    head = {"id": f"msg_{number}", "type": "message", "status": "completed", "role": "assistant"}
    return {**head, **held, "content": [part]}
