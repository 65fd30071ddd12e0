"""What is on the wire in Messages: a usual request, an event of a stream, an error.

Structs read their annotations at run time, so this file stays interpreted where the rest is compiled.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from freehold.dialects.fields import NOTHING

_Count = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]


class _Strict(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    pass


class TextBlock(_Strict, tag_field="type", tag="text"):
    text: str
    cache_control: Any = None


class UseBlock(_Strict, tag_field="type", tag="tool_use"):
    id: str
    name: str
    input: Any = None
    cache_control: Any = None


class ResultBlock(_Strict, tag_field="type", tag="tool_result"):
    tool_use_id: str
    content: str | list[TextBlock] | None = None
    is_error: bool | None = None
    cache_control: Any = None


class Message(_Strict):
    role: Literal["user", "assistant", "system"]
    content: str | list[TextBlock | UseBlock | ResultBlock]


class WireTool(_Strict):
    name: str
    type: Literal["custom"] | None = None
    description: str | None = None
    input_schema: msgspec.Raw = NOTHING
    strict: bool | None = None
    cache_control: Any = None


class Choice(_Strict):
    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class _Metadata(_Strict):
    user_id: str | None = None


class Request(_Strict):
    model: str
    messages: list[Message]
    max_tokens: _Count | None = None
    system: str | list[TextBlock] | None = None
    tools: list[WireTool] | None = None
    tool_choice: Choice | None = None
    temperature: int | float | None = None
    top_p: int | float | None = None
    top_k: int | None = None
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    metadata: _Metadata | None = None


decode_request = msgspec.json.Decoder(Request).decode


class _Role(msgspec.Struct):
    role: str = ""


decode_roles = msgspec.json.Decoder(list[_Role]).decode  # of messages, whatever they hold


class AnswerUsage(_Strict):
    input_tokens: _Count | None = None
    output_tokens: _Count | None = None
    cache_creation_input_tokens: _Count | None = None
    cache_read_input_tokens: _Count | None = None
    # Carried as they are.
    cache_creation: msgspec.Raw = NOTHING
    server_tool_use: msgspec.Raw = NOTHING
    service_tier: msgspec.Raw = NOTHING
    inference_geo: msgspec.Raw = NOTHING


class AnswerBody(_Strict):
    type: Literal["message"]
    content: list[TextBlock | UseBlock]
    role: str | None = None
    id: str | None = None
    model: str | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: AnswerUsage | None = None
    # Carried as they are.
    container: msgspec.Raw = NOTHING
    stop_details: msgspec.Raw = NOTHING


decode_answer = msgspec.json.Decoder(AnswerBody).decode


class WireDelta(msgspec.Struct, gc=False):
    type: str = ""
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None


class WireEvent(msgspec.Struct, gc=False):
    type: str = ""
    index: int = 0
    delta: WireDelta | None = None
    message: msgspec.Raw = NOTHING
    content_block: msgspec.Raw = NOTHING
    usage: msgspec.Raw = NOTHING
    error: msgspec.Raw = NOTHING


decode_event = msgspec.json.Decoder(WireEvent).decode


class _Details(msgspec.Struct):
    error_code: str | None = None


class Error(msgspec.Struct):
    type: str | None = None
    message: str | None = None
    details: _Details | None = None


class _Body(msgspec.Struct):
    error: Error | None = None


decode_error = msgspec.json.Decoder(_Body).decode
