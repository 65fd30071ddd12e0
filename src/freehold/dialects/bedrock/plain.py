"""A Converse request that says only usual things, read in one typed step.

What holds anything else, a field unknown or ill-typed, is None here and left to the general reader, which
gives the same conversation for what is read here, only slower.
"""

from __future__ import annotations

import msgspec

from freehold.dialects.base import Inbound
from freehold.dialects.bedrock.wire import Choice, Config, Message, Spec, WireBlock, decode_request
from freehold.dialects.carry import WORD
from freehold.dialects.fields import NOTHING, encode
from freehold.types.conversation import Block, Conversation, Text, Tool, ToolChoice, ToolResult, ToolUse, Turn

NAME = "bedrock"


_NO_CONFIG = Config()


def read_plain(inbound: Inbound, body: bytes) -> Conversation | None:
    if not inbound.model:
        return None
    try:
        wire = decode_request(body)
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


def _turns(messages: list[Message]) -> tuple[Turn, ...] | None:
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


def _block(block: WireBlock) -> Block | None:
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


def _tool(spec: Spec) -> Tool:
    schema = spec.inputSchema.json if spec.inputSchema is not None else NOTHING
    return Tool(
        name=spec.name, description=spec.description, schema=None if schema == NOTHING else schema,
        strict=spec.strict,
    )  # fmt: skip


def _choice(choice: Choice) -> ToolChoice | None:
    if choice.tool is not msgspec.UNSET:
        return ToolChoice(mode="tool", name=choice.tool.name)
    if choice.any is not msgspec.UNSET:
        return ToolChoice(mode="any")
    return ToolChoice(mode="auto") if choice.auto is not msgspec.UNSET else None
