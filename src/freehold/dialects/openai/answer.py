"""A whole chat completion, read and written."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from freehold.dialects.carry import tag_id, untag_id
from freehold.dialects.fields import Fields, encode, parse, raw
from freehold.types.conversation import (
    Answer,
    Block,
    Conversation,
    Extra,
    Finish,
    Text,
    Thinking,
    ToolUse,
    Usage,
)

NAME = "openai"
FINISH_OUT: dict[Finish, str] = {
    "stop": "stop", "stop_sequence": "stop", "length": "length", "tool_use": "tool_calls",
    "content_filter": "content_filter", "refusal": "content_filter", "pause": "stop", "error": "stop",
}  # fmt: skip
FINISH_IN: dict[str, Finish] = {
    "stop": "stop", "length": "length", "tool_calls": "tool_use", "function_call": "tool_use",
    "content_filter": "content_filter",
}  # fmt: skip
_NONE_CACHED: Final = msgspec.Raw(b'{"cached_tokens":0}')
_NONE_REASONED: Final = msgspec.Raw(b'{"reasoning_tokens":0}')


def read_answer(body: bytes) -> Answer:
    fields = Fields.of(body, answer=True)
    fields.any("object")
    choices = fields.objects("choices")
    if not choices:
        raise fields.fault("choices", "it must hold at least one choice")
    choice = choices[0]
    choice.any("index")
    message = choice.required("message")
    blocks, refused = _read_message(message)
    finish = FINISH_IN.get(choice.maybe("finish_reason") or "", "error")
    extra: Extra = {}
    if len(choices) > 1:
        extra["choices"] = raw([other.left for other in choices[1:]])
    if choice.left:
        extra["choice"] = raw(choice.left)
    if message.left:
        extra["message"] = raw(message.left)
    return Answer(
        id=fields.maybe("id") or "", model=fields.maybe("model") or "", blocks=blocks,
        finish="refusal" if refused and finish == "stop" else finish,
        usage=read_usage(fields.object("usage")), dialect=NAME, extra={**fields.extra(), **extra},
    )  # fmt: skip


def _read_message(message: Fields) -> tuple[tuple[Block, ...], bool]:
    message.any("role")
    blocks: list[Block] = []
    for name in ("reasoning_content", "reasoning"):
        if thought := message.maybe(name):
            blocks.append(Thinking(text=thought, origin=NAME))
            break
    if text := message.maybe("content"):
        blocks.append(Text(text=text))
    refusal = message.maybe("refusal")
    if refusal:
        blocks.append(Text(text=refusal, extra={"refusal": raw(True)}))
    for call in message.objects("tool_calls"):
        call.any("type")
        function = call.required("function")
        id, signature, origin = untag_id(call.maybe("id") or "")
        blocks.append(
            ToolUse(
                id=id, name=function.text("name"), input_json=function.maybe("arguments") or "{}",
                signature=signature, origin=origin, extra=call.extra(),
            )
        )  # fmt: skip
    return tuple(blocks), bool(refusal)


def read_usage(fields: Fields | None) -> Usage:
    """OpenAI's totals include cached and cache-written tokens; ours count each once."""
    if fields is None:
        return Usage()
    prompt, output = fields.count("prompt_tokens"), fields.count("completion_tokens")
    fields.any("total_tokens")
    details, spent = fields.object("prompt_tokens_details"), fields.object("completion_tokens_details")
    cached = details.count("cached_tokens") if details else None
    written = details.count("cache_write_tokens") if details else None
    fresh = prompt - (cached or 0) - (written or 0) if prompt is not None else None
    if fresh is not None and fresh < 0:
        raise fields.fault("prompt_tokens", f"{prompt} is fewer than the cached tokens it includes")
    return Usage(
        fresh=fresh, cache_read=cached, cache_write=written, output=output,
        reasoning=spent.count("reasoning_tokens") if spent else None, extra=fields.extra(),
    )  # fmt: skip


def write_usage(usage: Usage) -> dict[str, object] | None:
    fresh, output = usage.fresh, usage.output
    if fresh is None and output is None:
        return None
    cached, written, reasoning = usage.cache_read or 0, usage.cache_write or 0, usage.reasoning
    prompt, said = (fresh or 0) + cached + written, output or 0
    details: object = _NONE_CACHED
    if cached or written:
        details = {"cached_tokens": cached, **({"cache_write_tokens": written} if written else {})}
    return {
        "prompt_tokens": prompt, "completion_tokens": said, "total_tokens": prompt + said,
        "prompt_tokens_details": details,
        "completion_tokens_details": {"reasoning_tokens": reasoning} if reasoning else _NONE_REASONED,
    }  # fmt: skip


def write_answer(answer: Answer, conversation: Conversation) -> bytes:
    own = answer.dialect == NAME
    message = _write_message(answer.blocks)
    choice: dict[str, Any] = {
        "index": 0, "message": message, "logprobs": None, "finish_reason": FINISH_OUT[answer.finish],
    }  # fmt: skip
    body: dict[str, Any] = {
        "id": answer.id, "object": "chat.completion", "created": conversation.asked_s,
        "model": answer.model, "choices": [choice],
    }  # fmt: skip
    if (usage := write_usage(answer.usage)) is not None:
        body["usage"] = usage
    if own:
        kept = {name: value for name, value in answer.extra.items() if name not in ("choice", "message")}
        for holder, name in ((choice, "choice"), (message, "message")):
            if name in answer.extra:
                holder.update(Fields.of(bytes(answer.extra[name])).extra())
        others = kept.pop("choices", None)
        body.update(kept)
        if others is not None:
            body["choices"] = [choice, *parse(bytes(others))]
    return encode(body)


def _write_message(blocks: tuple[Block, ...]) -> dict[str, Any]:
    if len(blocks) == 1 and type(only := blocks[0]) is Text and not only.extra:
        return {"role": "assistant", "content": only.text, "refusal": None}  # as most are
    texts, thoughts, calls, refusal = [], [], [], None
    for block in blocks:
        match block:
            case Text() if "refusal" in block.extra:
                refusal = block.text
            case Text():
                texts.append(block.text)
            case Thinking() if block.text:
                thoughts.append(block.text)
            case ToolUse():
                calls.append(write_call(block))
    message: dict[str, Any] = {
        "role": "assistant", "content": "".join(texts) if texts else None, "refusal": refusal,
    }  # fmt: skip
    if thoughts:
        message["reasoning_content"] = "".join(thoughts)
    if calls:
        message["tool_calls"] = calls
    return message


def write_call(block: ToolUse) -> dict[str, Any]:
    function = {"name": block.name, "arguments": block.input_json}
    return {"id": tag_id(block.id, block.signature, block.origin), "type": "function", "function": function}
