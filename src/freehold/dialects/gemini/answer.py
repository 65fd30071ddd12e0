"""A whole generateContent response, read and written."""

from __future__ import annotations

from typing import Any

from freehold.dialects.fields import Fields, encode, raw
from freehold.dialects.gemini.parts import NAME, Calls, read_part, write_parts
from freehold.types.conversation import Answer, Block, Conversation, Extra, Finish, ToolUse, Usage

FINISH_IN: dict[str, Finish] = {
    "STOP": "stop", "MAX_TOKENS": "length", "SAFETY": "content_filter", "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter", "PROHIBITED_CONTENT": "content_filter", "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter", "LANGUAGE": "error", "OTHER": "error",
    "MALFORMED_FUNCTION_CALL": "error", "UNEXPECTED_TOOL_CALL": "error",
}  # fmt: skip
FINISH_OUT: dict[Finish, str] = {
    "stop": "STOP", "stop_sequence": "STOP", "tool_use": "STOP", "length": "MAX_TOKENS",
    "content_filter": "SAFETY", "refusal": "SAFETY", "pause": "STOP", "error": "OTHER",
}  # fmt: skip


def read_answer(body: bytes) -> Answer:
    fields = Fields.of(body, answer=True)
    id = fields.maybe("responseId") or ""
    candidates = fields.objects("candidates")
    usage = read_usage(fields.object("usageMetadata"))
    model = fields.maybe("modelVersion") or ""
    if not candidates:
        return _blocked(fields, id, model, usage)
    first = candidates[0]
    first.any("index")
    blocks = read_candidate(first, Calls(call_prefix(id)))
    reason = first.maybe("finishReason")
    extra: Extra = {"candidate": raw(first.left)} if first.left else {}
    if len(candidates) > 1:
        extra["candidates"] = raw([other.left for other in candidates[1:]])
    called = any(isinstance(block, ToolUse) for block in blocks)
    return Answer(
        id=id, model=model, blocks=tuple(blocks), finish=read_finish(reason, called), usage=usage,
        dialect=NAME, extra={**read_reason(reason), **fields.extra(), **extra},
    )  # fmt: skip


def _blocked(fields: Fields, id: str, model: str, usage: Usage) -> Answer:
    """A prompt that the filter stopped: a 200 without candidates."""
    feedback = fields.left.get("promptFeedback")
    if type(feedback) is not dict or "blockReason" not in feedback:
        raise fields.fault("candidates", "it must hold at least one candidate")
    return Answer(
        id=id,
        model=model,
        blocks=(),
        finish="content_filter",
        usage=usage,
        dialect=NAME,
        extra=fields.extra(),
    )


def call_prefix(id: str) -> str:
    """Calls are named after their answer, so that two answers never share an id."""
    kept = "".join(c for c in id if c.isascii() and (c.isalnum() or c in "-_"))
    return f"call_{kept}" if kept else "call"


def read_candidate(candidate: Fields, calls: Calls) -> list[Block]:
    content = candidate.object("content")
    blocks: list[Block] = []
    if content is not None:
        content.any("role")
        for part in content.objects("parts"):
            blocks.extend(read_part(part, calls, []))
    return blocks


def read_finish(reason: str | None, called: bool) -> Finish:
    """Gemini says STOP after a call too."""
    finish = FINISH_IN.get(reason or "", "error")
    return "tool_use" if called and finish == "stop" else finish


def read_reason(reason: str | None) -> Extra:
    finish = FINISH_IN.get(reason or "")
    return (
        {} if reason is None or (finish and FINISH_OUT[finish] == reason) else {"finishReason": raw(reason)}
    )


def read_usage(fields: Fields | None) -> Usage:
    """Gemini's prompt count includes cached tokens, and its candidates' count leaves thoughts out."""
    if fields is None:
        return Usage()
    prompt, cached = fields.count("promptTokenCount"), fields.count("cachedContentTokenCount")
    said, thought = fields.count("candidatesTokenCount"), fields.count("thoughtsTokenCount")
    tools = fields.count("toolUsePromptTokenCount")
    fields.any("totalTokenCount")
    fresh = None if prompt is None else prompt + (tools or 0) - (cached or 0)
    if fresh is not None and fresh < 0:
        raise fields.fault("promptTokenCount", f"{prompt} is fewer than the cached tokens it includes")
    return Usage(
        fresh=fresh, cache_read=cached, output=None if said is None and thought is None
        else (said or 0) + (thought or 0), reasoning=thought, extra=fields.extra(),
    )  # fmt: skip


def write_usage(usage: Usage, *, own: bool) -> dict[str, Any]:
    prompt = (usage.fresh or 0) + (usage.cache_read or 0) + (usage.cache_write or 0)
    output, thought = usage.output or 0, usage.reasoning or 0
    wire: dict[str, Any] = {
        "promptTokenCount": prompt, "candidatesTokenCount": max(output - thought, 0),
        "totalTokenCount": prompt + output,
    }  # fmt: skip
    if usage.cache_read is not None:
        wire["cachedContentTokenCount"] = usage.cache_read
    if thought:
        wire["thoughtsTokenCount"] = thought
    return {**wire, **usage.extra} if own else wire


def write_answer(answer: Answer, conversation: Conversation) -> bytes:
    own = answer.dialect == NAME
    content = {"role": "model", "parts": write_parts(answer.blocks, {}, own=own, to_client=True)}
    extra = dict(answer.extra) if own else {}
    reason = extra.pop("finishReason", FINISH_OUT[answer.finish])
    candidate: dict[str, Any] = {"content": content, "finishReason": reason, "index": 0}
    if "candidate" in extra:
        candidate.update(Fields.of(bytes(extra.pop("candidate"))).left)
    others = extra.pop("candidates", None)
    blocked = not answer.blocks and "promptFeedback" in extra
    body: dict[str, Any] = {} if blocked else {"candidates": [candidate]}
    if others is not None:
        body["candidates"] = [candidate, *Fields.of(b'{"others":' + bytes(others) + b"}").items("others")]
    body["usageMetadata"] = write_usage(answer.usage, own=own)
    body["modelVersion"] = answer.model or conversation.model
    if answer.id:
        body["responseId"] = answer.id
    return encode({**body, **extra})
