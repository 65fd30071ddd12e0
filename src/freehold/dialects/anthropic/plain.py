"""A Messages request or answer that says only usual things, read in one typed step.

What holds anything else, a field unknown or ill-typed, is None here and left to the general reader, which
gives the same for what is read here, only slower.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from freehold.dialects.anthropic.wire import (
    Choice,
    Message,
    ResultBlock,
    TextBlock,
    UseBlock,
    WireTool,
    decode_request,
)
from freehold.dialects.base import Inbound
from freehold.dialects.carry import WORD
from freehold.dialects.fields import NOTHING, encode, raw
from freehold.types.conversation import (
    Block,
    Conversation,
    Text,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    Turn,
)

NAME = "anthropic"


def read_plain(inbound: Inbound, body: bytes) -> Conversation | None:
    """The conversation, but for what the headers say of version and betas."""
    if inbound.model is not None or inbound.betas:
        return None
    try:
        wire = decode_request(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None  # the general reader says what is wrong, if anything is
    turns = _turns(wire.messages)
    choice = wire.tool_choice
    if turns is None or (choice is not None and choice.type == "tool" and choice.name is None):
        return None
    return Conversation(
        model=wire.model, turns=turns, system=_texts(wire.system) if wire.system is not None else (),
        tools=tuple([_tool(tool) for tool in wire.tools]) if wire.tools else (),
        tool_choice=_choice(choice) if choice is not None else None,
        max_tokens=wire.max_tokens, temperature=wire.temperature, top_p=wire.top_p, top_k=wire.top_k,
        stop=tuple(wire.stop_sequences) if wire.stop_sequences else (),
        stream=bool(wire.stream) if inbound.stream is None else inbound.stream, stream_usage=True,
        user=wire.metadata.user_id if wire.metadata is not None else None, dialect=NAME,
    )  # fmt: skip


def _turns(messages: list[Message]) -> tuple[Turn, ...] | None:
    turns: list[Turn] = []
    for message in messages:
        content = message.content
        if type(content) is str:
            turns.append(Turn(role=message.role, blocks=(Text(text=content),)))
            continue
        blocks = blocks_of(content)  # type: ignore[arg-type]
        if blocks is None:
            return None
        turns.append(Turn(role=message.role, blocks=blocks))
    return tuple(turns) or None


def blocks_of(content: Sequence[TextBlock | UseBlock | ResultBlock]) -> tuple[Block, ...] | None:
    blocks: list[Block] = []
    for block in content:
        read = _block(block)
        if read is None:
            return None
        blocks.append(read)
    return tuple(blocks)


def _block(block: TextBlock | UseBlock | ResultBlock) -> Block | None:
    if type(block) is TextBlock:
        return _text(block)
    cache = None if block.cache_control is None else raw(block.cache_control)
    if type(block) is UseBlock:
        given = "{}" if block.input is None else encode(block.input).decode()
        if WORD in block.id:
            return None
        return ToolUse(id=block.id, name=block.name, input_json=given, cache=cache)
    if type(block) is not ResultBlock or WORD in block.tool_use_id:
        return None
    return ToolResult(
        tool_use_id=block.tool_use_id, content=_texts(block.content) if block.content is not None else (),
        is_error=block.is_error or False, cache=cache,
    )  # fmt: skip


def _texts(content: str | list[TextBlock]) -> tuple[Text, ...]:
    if isinstance(content, str):
        return (Text(text=content),)
    return tuple([_text(text) for text in content])


def _text(block: TextBlock) -> Text:
    if block.cache_control is None:
        return Text(text=block.text)
    return Text(text=block.text, cache=raw(block.cache_control))


def _tool(tool: WireTool) -> Tool:
    schema, cache = tool.input_schema, tool.cache_control
    return Tool(
        name=tool.name, description=tool.description, schema=None if schema == NOTHING else schema,
        strict=tool.strict, cache=None if cache is None else raw(cache),
    )  # fmt: skip


def _choice(choice: Choice) -> ToolChoice:
    alone = choice.disable_parallel_tool_use
    name = choice.name if choice.type == "tool" else None
    return ToolChoice(mode=choice.type, name=name, parallel=None if alone is None else not alone)
