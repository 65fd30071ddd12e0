"""What is on the wire in chat completions: a usual request, a chunk of a stream, an error.

Structs read their annotations at run time, so this file stays interpreted where the rest is compiled.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from freehold.dialects.fields import NOTHING

_Count = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]


class _Strict(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    pass


class Part(_Strict):
    type: Literal["text"]
    text: str


class _Called(_Strict):
    name: str
    arguments: str | None = None


class _Call(_Strict):
    id: str
    type: Literal["function"]
    function: _Called


class Message(_Strict):
    role: Literal["user", "assistant", "tool", "system", "developer"]
    content: str | list[Part] | None = None
    # Unset and not None: a null is carried with the fields we do not know.
    tool_calls: list[_Call] | msgspec.UnsetType = msgspec.UNSET
    tool_call_id: str | msgspec.UnsetType = msgspec.UNSET


class Function(_Strict):
    name: str
    description: str | None = None
    parameters: msgspec.Raw = NOTHING
    strict: bool | None = None


class _Tool(_Strict):
    type: Literal["function"]
    function: Function


class _Options(_Strict):
    include_usage: bool | None = None


class Request(_Strict):
    messages: list[Message]
    model: str | None = None
    max_tokens: _Count | None = None
    max_completion_tokens: _Count | None = None
    temperature: int | float | None = None
    top_p: int | float | None = None
    presence_penalty: int | float | None = None
    frequency_penalty: int | float | None = None
    seed: int | None = None
    n: _Count | None = None
    stop: str | list[str] | None = None
    stream: bool | None = None
    stream_options: _Options | None = None
    tools: list[_Tool] | None = None
    tool_choice: Literal["auto", "none", "required"] | msgspec.UnsetType = msgspec.UNSET
    parallel_tool_calls: bool | None = None
    user: str | None = None


decode_request = msgspec.json.Decoder(Request).decode


class _AnyOptions(msgspec.Struct):
    include_usage: bool | None = None


decode_options = msgspec.json.Decoder(_AnyOptions | None).decode  # whatever else they hold


class FunctionDelta(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class CallDelta(msgspec.Struct):
    index: int = 0
    id: str | None = None
    function: FunctionDelta | None = None


class Delta(msgspec.Struct, gc=False):
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[CallDelta] | None = None


class _Choice(msgspec.Struct, gc=False):
    index: int = 0
    delta: Delta | None = None
    finish_reason: str | None = None


class Chunk(msgspec.Struct, gc=False):
    id: str | None = None
    model: str | None = None
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = NOTHING
    error: msgspec.Raw = NOTHING


decode_chunk = msgspec.json.Decoder(Chunk).decode


class _Error(msgspec.Struct):
    message: str | None = None
    type: str | None = None
    code: str | int | None = None


class _Body(msgspec.Struct):
    error: _Error | str | None = None
    message: str | None = None


decode_error = msgspec.json.Decoder(_Body).decode
