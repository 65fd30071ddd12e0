"""Answers as each vendor's API gives them, written out here by hand: nothing of our codecs is used.

`answer(form, feature)` is what a home of that form answers: status, content type, bytes.
"""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Any

TEXT = "Mild in Rome."
THOUGHT = "Rome is in the south."
JSON_TEXT = '{"city":"Rome"}'
TOTAL_IN, OUT, CACHED = 100, 20, 60
SIGNATURE = "c2lnbmVkIGJ5IHRoZSB2ZW5kb3I="
FORMS = ("openai", "responses", "anthropic", "vertex-claude", "bedrock", "bedrock-invoke", "gemini")
JSON, SSE, EVENTS = "application/json", "text/event-stream", "application/vnd.amazon.eventstream"

Reply = tuple[int, str, bytes]


class Said:
    """What a home says for a feature, before any form is put on it."""

    def __init__(self, feature: str) -> None:
        self.stream = feature in ("stream", "tool stream")
        self.cities = {"tools": ["Rome"], "tool stream": ["Rome"], "parallel tools": ["Rome", "Oslo"]}.get(
            feature, []
        )
        self.thought = THOUGHT if feature == "thinking" else ""
        self.text = "" if self.cities else JSON_TEXT if feature == "structured output" else TEXT
        self.cached = CACHED if feature == "usage with cache" else 0
        self.stopped = feature == "stop sequence"


def answer(form: str, feature: str) -> Reply:
    if feature == "error":
        return 429, JSON, ERRORS[form]
    said = Said(feature)
    return (STREAMS if said.stream else WHOLE)[form](said)


def whole(body: object) -> Reply:
    return 200, JSON, json.dumps(body).encode()


def events(frames: list[tuple[str, object]], *, named: bool, end: str = "") -> Reply:
    lines = "".join(
        (f"event: {name}\n" if named else "") + f"data: {json.dumps(body)}\n\n" for name, body in frames
    )
    return 200, SSE, (lines + end).encode()


def halves(text: str) -> list[str]:
    middle = len(text) // 2
    return [part for part in (text[:middle], text[middle:]) if part]


def arguments(city: str) -> str:
    return json.dumps({"city": city})


# --- openai -------------------------------------------------------------------------------------------------


def openai_usage(said: Said) -> dict[str, Any]:
    return {
        "prompt_tokens": TOTAL_IN, "completion_tokens": OUT, "total_tokens": TOTAL_IN + OUT,
        "prompt_tokens_details": {"cached_tokens": said.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }  # fmt: skip


def openai(said: Said) -> Reply:
    message: dict[str, Any] = {"role": "assistant", "content": said.text or None, "refusal": None}
    if said.thought:
        message["reasoning_content"] = said.thought
    if said.cities:
        message["tool_calls"] = [
            {"id": f"call_{city}", "type": "function",
             "function": {"name": "weather", "arguments": arguments(city)}}
            for city in said.cities
        ]  # fmt: skip
    finish = "tool_calls" if said.cities else "stop"
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    return whole({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1790000000, "model": "gpt-4.1-2025-04-14",
        "choices": [choice], "usage": openai_usage(said), "service_tier": "default",
        "system_fingerprint": "fp_1",
    })  # fmt: skip


def openai_stream(said: Said) -> Reply:
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "", "refusal": None}]
    deltas += [{"content": half} for half in halves(said.text)]
    for at, city in enumerate(said.cities):
        function: dict[str, str] = {"name": "weather", "arguments": ""}
        deltas.append({"tool_calls": [{"index": at, "id": f"call_{city}", "type": "function",
                                       "function": function}]})  # fmt: skip
        deltas += [{"tool_calls": [{"index": at, "function": {"arguments": half}}]}
                   for half in halves(arguments(city))]  # fmt: skip
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1790000000,
            "model": "gpt-4.1-2025-04-14", "service_tier": "default",
            "system_fingerprint": "fp_1"}  # fmt: skip
    frames: list[tuple[str, object]] = [
        ("", {**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}],
              "usage": None})
        for delta in deltas
    ]  # fmt: skip
    finish = "tool_calls" if said.cities else "stop"
    last = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": finish}
    frames.append(("", {**head, "choices": [last], "usage": None}))
    frames.append(("", {**head, "choices": [], "usage": openai_usage(said)}))
    return events(frames, named=False, end="data: [DONE]\n\n")


# --- responses ----------------------------------------------------------------------------------------------


def response(said: Said, **more: Any) -> dict[str, Any]:
    return {
        "id": "resp_1", "object": "response", "created_at": 1790000000, "status": "completed",
        "background": False, "error": None, "incomplete_details": None, "instructions": "Be brief.",
        "max_output_tokens": 4000, "model": "gpt-5.4", "output": items(said), "parallel_tool_calls": True,
        "previous_response_id": None, "reasoning": {"effort": "low", "summary": None}, "store": False,
        "temperature": 1.0, "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [],
        "top_p": 1.0, "truncation": "disabled", "usage": responses_usage(said), "metadata": {}, **more,
    }  # fmt: skip


def responses_usage(said: Said) -> dict[str, Any]:
    return {
        "input_tokens": TOTAL_IN, "input_tokens_details": {"cached_tokens": said.cached},
        "output_tokens": OUT, "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": TOTAL_IN + OUT,
    }  # fmt: skip


def items(said: Said) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    if said.thought:
        made.append({"id": "rs_1", "type": "reasoning", "encrypted_content": SIGNATURE,
                     "summary": [{"type": "summary_text", "text": said.thought}]})  # fmt: skip
    if said.text:
        part = {"type": "output_text", "annotations": [], "logprobs": [], "text": said.text}
        made.append({"id": "msg_1", "type": "message", "status": "completed", "content": [part],
                     "role": "assistant"})  # fmt: skip
    made += [
        {"id": f"fc_{city}", "type": "function_call", "status": "completed", "arguments": arguments(city),
         "call_id": f"call_{city}", "name": "weather"}
        for city in said.cities
    ]  # fmt: skip
    return made


def responses(said: Said) -> Reply:
    return whole(response(said))


def responses_stream(said: Said) -> Reply:
    started = response(said, status="in_progress", output=[], usage=None)
    told: list[dict[str, Any]] = [
        {"type": "response.created", "response": started},
        {"type": "response.in_progress", "response": started},
    ]  # fmt: skip
    for at, item in enumerate(items(said)):
        told += message_events(at, item) if item["type"] == "message" else call_events(at, item)
    told.append({"type": "response.completed", "response": response(said)})
    frames: list[tuple[str, object]] = [
        (each["type"], {**each, "sequence_number": number}) for number, each in enumerate(told)
    ]
    return events(frames, named=True)


def message_events(at: int, item: dict[str, Any]) -> list[dict[str, Any]]:
    where = {"item_id": item["id"], "output_index": at, "content_index": 0}
    part = item["content"][0]
    opened = {**item, "status": "in_progress", "content": []}
    return [
        {"type": "response.output_item.added", "output_index": at, "item": opened},
        {"type": "response.content_part.added", **where, "part": {**part, "text": ""}},
        *({"type": "response.output_text.delta", **where, "delta": half, "logprobs": []}
          for half in halves(part["text"])),
        {"type": "response.output_text.done", **where, "text": part["text"], "logprobs": []},
        {"type": "response.content_part.done", **where, "part": part},
        {"type": "response.output_item.done", "output_index": at, "item": item},
    ]  # fmt: skip


def call_events(at: int, item: dict[str, Any]) -> list[dict[str, Any]]:
    """Like the servers that send a call's arguments only at its end."""
    where = {"item_id": item["id"], "output_index": at}
    opened = {**item, "status": "in_progress", "arguments": ""}
    return [
        {"type": "response.output_item.added", "output_index": at, "item": opened},
        {"type": "response.function_call_arguments.done", **where, "arguments": item["arguments"],
         "name": item["name"]},
        {"type": "response.output_item.done", "output_index": at, "item": item},
    ]  # fmt: skip


# --- anthropic ----------------------------------------------------------------------------------------------


def anthropic_usage(said: Said) -> dict[str, Any]:
    return {
        "input_tokens": TOTAL_IN - said.cached, "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": said.cached, "output_tokens": OUT, "service_tier": "standard",
        "inference_geo": "us",
    }  # fmt: skip


def blocks(said: Said) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    if said.thought:
        made.append({"type": "thinking", "thinking": said.thought, "signature": SIGNATURE})
    if said.text:
        made.append({"type": "text", "text": said.text})
    made += [{"type": "tool_use", "id": f"toolu_{city}", "name": "weather", "input": {"city": city}}
             for city in said.cities]  # fmt: skip
    return made


def stop_reason(said: Said) -> str:
    return "tool_use" if said.cities else "stop_sequence" if said.stopped else "end_turn"


def message(said: Said) -> dict[str, Any]:
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-6",
        "content": blocks(said), "stop_reason": stop_reason(said),
        "stop_sequence": "END" if said.stopped else None, "usage": anthropic_usage(said),
    }  # fmt: skip


def anthropic(said: Said) -> Reply:
    return whole(message(said))


def anthropic_events(said: Said) -> list[dict[str, Any]]:
    opened = {**message(said), "content": [], "stop_reason": None, "stop_sequence": None}
    opened["usage"] = {**anthropic_usage(said), "output_tokens": 1}
    told: list[dict[str, Any]] = [{"type": "message_start", "message": opened}, {"type": "ping"}]
    for at, block in enumerate(blocks(said)):
        if block["type"] == "tool_use":
            empty: dict[str, Any] = {**block, "input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": half}
                      for half in ("", *halves(json.dumps(block["input"])))]  # fmt: skip
        else:
            empty = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": half} for half in halves(block["text"])]
        told.append({"type": "content_block_start", "index": at, "content_block": empty})
        told += [{"type": "content_block_delta", "index": at, "delta": delta} for delta in deltas]
        told.append({"type": "content_block_stop", "index": at})
    delta = {"stop_reason": stop_reason(said), "stop_sequence": None}
    told.append({"type": "message_delta", "delta": delta, "usage": anthropic_usage(said)})
    return [*told, {"type": "message_stop"}]


def anthropic_stream(said: Said) -> Reply:
    return events([(each["type"], each) for each in anthropic_events(said)], named=True)


# --- bedrock ------------------------------------------------------------------------------------------------


def frame(kind: str, body: object) -> bytes:
    """One frame of the event stream, packed by the published layout."""
    headers = b""
    for name, value in ((":event-type", kind), (":content-type", JSON), (":message-type", "event")):
        headers += (
            bytes((len(name),)) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        )
    payload = json.dumps(body).encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    packed = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return packed + struct.pack(">I", zlib.crc32(packed))


def converse_usage(said: Said) -> dict[str, Any]:
    return {
        "inputTokens": TOTAL_IN - said.cached, "outputTokens": OUT, "totalTokens": TOTAL_IN + OUT,
        "cacheReadInputTokens": said.cached, "cacheWriteInputTokens": 0,
    }  # fmt: skip


def converse_blocks(said: Said) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    if said.thought:
        thought = {"text": said.thought, "signature": SIGNATURE}
        made.append({"reasoningContent": {"reasoningText": thought}})
    if said.text:
        made.append({"text": said.text})
    made += [{"toolUse": {"toolUseId": f"tooluse_{city}", "name": "weather", "input": {"city": city}}}
             for city in said.cities]  # fmt: skip
    return made


def bedrock(said: Said) -> Reply:
    return whole({
        "output": {"message": {"role": "assistant", "content": converse_blocks(said)}},
        "stopReason": stop_reason(said), "usage": converse_usage(said), "metrics": {"latencyMs": 420},
    })  # fmt: skip


def bedrock_stream(said: Said) -> Reply:
    made = frame("messageStart", {"role": "assistant", "p": "abcd"})
    for at, block in enumerate(converse_blocks(said)):
        where = {"contentBlockIndex": at}
        if "toolUse" in block:
            use = block["toolUse"]
            start = {"toolUse": {"toolUseId": use["toolUseId"], "name": use["name"]}}
            made += frame("contentBlockStart", {**where, "start": start})
            deltas: list[dict[str, Any]] = [
                {"toolUse": {"input": half}} for half in halves(json.dumps(use["input"]))
            ]
        else:
            deltas = [{"text": half} for half in halves(block["text"])]
        for delta in deltas:
            made += frame("contentBlockDelta", {**where, "delta": delta, "p": "abcdefgh"})
        made += frame("contentBlockStop", {**where, "p": "ab"})
    made += frame("messageStop", {"stopReason": stop_reason(said), "p": "abc"})
    made += frame("metadata", {"usage": converse_usage(said), "metrics": {"latencyMs": 420}})
    return 200, EVENTS, made


def invoke_stream(said: Said) -> Reply:
    made = b"".join(
        frame("chunk", {"bytes": base64.b64encode(json.dumps(each).encode()).decode(), "p": "abcd"})
        for each in anthropic_events(said)
    )
    return 200, EVENTS, made


# --- gemini -------------------------------------------------------------------------------------------------


def gemini_usage(said: Said) -> dict[str, Any]:
    cached = {"cachedContentTokenCount": said.cached} if said.cached else {}
    return {
        "promptTokenCount": TOTAL_IN,
        "candidatesTokenCount": OUT,
        "totalTokenCount": TOTAL_IN + OUT,
        **cached,
    }


def parts(said: Said) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    if said.thought:
        made.append({"text": said.thought, "thought": True})
    if said.text:
        signed = {"thoughtSignature": SIGNATURE} if said.thought else {}
        made.append({"text": said.text, **signed})
    made += [{"functionCall": {"name": "weather", "args": {"city": city}}} for city in said.cities]
    if said.cities:
        made[0]["thoughtSignature"] = SIGNATURE
    return made


def chunk(said: Said, content: list[dict[str, Any]], finish: str | None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": content, "role": "model"}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "usageMetadata": gemini_usage(said),
            "modelVersion": "gemini-2.5-flash", "responseId": "r1"}  # fmt: skip


def gemini(said: Said) -> Reply:
    return whole(chunk(said, parts(said), "STOP"))


def gemini_stream(said: Said) -> Reply:
    pieces = [{"text": half} for half in halves(said.text)] or parts(said)
    frames: list[tuple[str, object]] = [("", chunk(said, [piece], None)) for piece in pieces[:-1]]
    frames.append(("", chunk(said, pieces[-1:], "STOP")))
    return events(frames, named=False)


WHOLE = {
    "openai": openai, "responses": responses, "anthropic": anthropic, "vertex-claude": anthropic,
    "bedrock": bedrock, "bedrock-invoke": anthropic, "gemini": gemini,
}  # fmt: skip
STREAMS = {
    "openai": openai_stream, "responses": responses_stream, "anthropic": anthropic_stream,
    "vertex-claude": anthropic_stream, "bedrock": bedrock_stream, "bedrock-invoke": invoke_stream,
    "gemini": gemini_stream,
}  # fmt: skip
_OPENAI_ERROR = json.dumps(
    {
        "error": {
            "message": "Rate limit reached",
            "type": "requests",
            "param": None,
            "code": "rate_limit_exceeded",
        }
    }
).encode()
_LIMIT = {"type": "rate_limit_error", "message": "Number of requests has exceeded your rate limit"}
_ANTHROPIC_ERROR = json.dumps({"type": "error", "request_id": "req_1", "error": _LIMIT}).encode()
_BEDROCK_ERROR = json.dumps({"message": "Too many requests, please wait before trying again."}).encode()
_EXHAUSTED = "Resource exhausted, please try again later."
_GEMINI_ERROR = json.dumps(
    {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": _EXHAUSTED}}
).encode()
ERRORS = {
    "openai": _OPENAI_ERROR, "responses": _OPENAI_ERROR, "anthropic": _ANTHROPIC_ERROR,
    "vertex-claude": _ANTHROPIC_ERROR, "bedrock": _BEDROCK_ERROR, "bedrock-invoke": _BEDROCK_ERROR,
    "gemini": _GEMINI_ERROR,
}  # fmt: skip
