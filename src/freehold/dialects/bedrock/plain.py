"""A Converse request that says only usual things, read in one typed step.

What holds anything else, a field unknown or ill-typed, is None here and left to the general reader, which
gives the same conversation for what is read here, only slower.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from freehold.dialects.base import Inbound
from freehold.dialects.carry import WORD
from freehold.dialects.fields import encode, raw
from freehold.types.conversation import Block, Conversation, Text, Tool, ToolChoice, ToolResult, ToolUse, Turn

NAME = "bedrock"
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


class _Block(_Strict):
    """A union: exactly one member is set."""

    text: str | msgspec.UnsetType = msgspec.UNSET
    toolUse: _Use | msgspec.UnsetType = msgspec.UNSET
    toolResult: _Result | msgspec.UnsetType = msgspec.UNSET


class _Message(_Strict):
    role: Literal["user", "assistant", "system"]
    content: list[_Block]


class _Schema(_Strict):
    json: Any = None


class _Spec(_Strict):
    name: str
    description: str | None = None
    inputSchema: _Schema | None = None
    strict: bool | None = None


class _Entry(_Strict):
    toolSpec: _Spec


class _Named(_Strict):
    name: str


class _Choice(_Strict):
    auto: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    any: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    tool: _Named | msgspec.UnsetType = msgspec.UNSET


class _Tools(_Strict):
    tools: list[_Entry] | None = None
    toolChoice: _Choice | None = None


class _Config(_Strict):
    maxTokens: _Count | None = None
    temperature: int | float | None = None
    topP: int | float | None = None
    stopSequences: list[str] | None = None


class _Request(_Strict):
    messages: list[_Message]
    system: list[_Text] | None = None
    inferenceConfig: _Config | None = None
    toolConfig: _Tools | None = None


_decode = msgspec.json.Decoder(_Request).decode
_NO_CONFIG = _Config()


def read_plain(inbound: Inbound, body: bytes) -> Conversation | None:
    if not inbound.model:
        return None
    try:
        wire = _decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None  # the general reader says what is wrong, if anything is
    turns = _turns(wire.messages)
    if turns is None:
        return None
    config, tools = wire.inferenceConfig or _NO_CONFIG, wire.toolConfig
    choice = tools.toolChoice if tools is not None else None
    chosen = _choice(choice) if choice is not None else None
    if choice is not None and chosen is None:
        return None
    return Conversation(
        model=inbound.model, turns=turns,
        system=tuple([Text(text=each.text) for each in wire.system]) if wire.system else (),
        tools=tuple([_tool(entry.toolSpec) for entry in tools.tools]) if tools and tools.tools else (),
        tool_choice=chosen,
        max_tokens=config.maxTokens, temperature=config.temperature, top_p=config.topP,
        stop=tuple(config.stopSequences) if config.stopSequences else (),
        stream=bool(inbound.stream), stream_usage=True, dialect=NAME,
    )  # fmt: skip


def _turns(messages: list[_Message]) -> tuple[Turn, ...] | None:
    turns: list[Turn] = []
    for message in messages:
        blocks: list[Block] = []
        for block in message.content:
            read = _block(block)
            if read is None:
                return None
            blocks.append(read)
        turns.append(Turn(role=message.role, blocks=tuple(blocks)))
    return tuple(turns)


def _block(block: _Block) -> Block | None:
    text, use, result = block.text, block.toolUse, block.toolResult
    if text is not msgspec.UNSET:
        alone = use is msgspec.UNSET and result is msgspec.UNSET
        return Text(text=text) if alone else None
    if use is not msgspec.UNSET:
        if result is not msgspec.UNSET or WORD in use.toolUseId:
            return None
        given = "{}" if use.input is None else encode(use.input).decode()
        return ToolUse(id=use.toolUseId, name=use.name, input_json=given)
    if result is msgspec.UNSET or WORD in result.toolUseId:
        return None
    content = tuple([Text(text=part.text) for part in result.content or ()])
    return ToolResult(tool_use_id=result.toolUseId, content=content, is_error=result.status == "error")


def _tool(spec: _Spec) -> Tool:
    schema = spec.inputSchema.json if spec.inputSchema is not None else None
    return Tool(
        name=spec.name, description=spec.description, schema=None if schema is None else raw(schema),
        strict=spec.strict,
    )  # fmt: skip


def _choice(choice: _Choice) -> ToolChoice | None:
    if choice.tool is not msgspec.UNSET:
        return ToolChoice(mode="tool", name=choice.tool.name)
    if choice.any is not msgspec.UNSET:
        return ToolChoice(mode="any")
    return ToolChoice(mode="auto") if choice.auto is not msgspec.UNSET else None
