"""What is on the wire in Converse: a usual request, an event of a stream, an error.

Structs read their annotations at run time, so this file stays interpreted where the rest is compiled.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from freehold.dialects.fields import NOTHING

_Count = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]


class _Strict(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    pass


class _Text(_Strict):
    text: str


class _Use(_Strict):
    toolUseId: str
    name: str
    input: Any = None


class _Result(_Strict):
    toolUseId: str
    content: list[_Text] | None = None
    status: str | None = None


class WireBlock(_Strict):
    """A union: exactly one member is set."""

    text: str | msgspec.UnsetType = msgspec.UNSET
    toolUse: _Use | msgspec.UnsetType = msgspec.UNSET
    toolResult: _Result | msgspec.UnsetType = msgspec.UNSET


class Message(_Strict):
    role: Literal["user", "assistant", "system"]
    content: list[WireBlock]


class _Schema(_Strict):
    json: msgspec.Raw = NOTHING


class Spec(_Strict):
    name: str
    description: str | None = None
    inputSchema: _Schema | None = None
    strict: bool | None = None


class _Entry(_Strict):
    toolSpec: Spec


class _Named(_Strict):
    name: str


class Choice(_Strict):
    auto: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    any: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    tool: _Named | msgspec.UnsetType = msgspec.UNSET


class _Tools(_Strict):
    tools: list[_Entry] | None = None
    toolChoice: Choice | None = None


class Config(_Strict):
    maxTokens: _Count | None = None
    temperature: int | float | None = None
    topP: int | float | None = None
    stopSequences: list[str] | None = None


class Request(_Strict):
    messages: list[Message]
    system: list[_Text] | None = None
    inferenceConfig: Config | None = None
    toolConfig: _Tools | None = None


decode_request = msgspec.json.Decoder(Request).decode


class UseDelta(msgspec.Struct):
    toolUseId: str = ""
    name: str = ""
    input: str = ""


class _Start(msgspec.Struct):
    toolUse: UseDelta | None = None


class Reasoning(msgspec.Struct):
    text: str | None = None
    signature: str | None = None
    redactedContent: str | None = None


class WireDelta(msgspec.Struct, gc=False):
    text: str | None = None
    toolUse: UseDelta | None = None
    reasoningContent: Reasoning | None = None


class BlockEvent(msgspec.Struct, gc=False):
    contentBlockIndex: int = 0
    start: _Start | None = None
    delta: WireDelta | None = None


decode_event = msgspec.json.Decoder(BlockEvent).decode


class Chunk(msgspec.Struct):
    bytes: str = ""


decode_chunk = msgspec.json.Decoder(Chunk).decode


class ErrorBody(msgspec.Struct):
    message: str | None = None
    Message: str | None = None
    type: str | None = msgspec.field(name="__type", default=None)


decode_error = msgspec.json.Decoder(ErrorBody).decode
