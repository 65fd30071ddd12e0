"""A chat completion request that says only usual things, read in one typed step.

What holds anything else, a field unknown or ill-typed, is None here and left to the general reader, which
gives the same conversation for what is read here, only slower.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from freehold.dialects.base import Inbound
from freehold.dialects.carry import WORD
from freehold.dialects.fields import NOTHING, raw
from freehold.dialects.openai.wire import Function, Message, Part, Request, decode_request
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

NAME = "openai"
_CHOICES: dict[str, Literal["auto", "none", "any"]] = {"auto": "auto", "none": "none", "required": "any"}
_DEVELOPER: Final = raw("developer")
_UNSET: Final = msgspec.UNSET


def read_plain(inbound: Inbound, body: bytes) -> Conversation | None:
    try:
        wire = decode_request(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None  # the general reader says what is wrong, if anything is
    model = inbound.model or wire.model
    found = _messages(wire.messages)
    if model is None or found is None:
        return None
    limit, stop, options = wire.max_completion_tokens, wire.stop, wire.stream_options
    return Conversation(
        model=model, system=found[0], turns=found[1],
        tools=tuple([_tool(tool.function) for tool in wire.tools]) if wire.tools else (),
        tool_choice=_choice(wire), max_tokens=limit if limit is not None else wire.max_tokens,
        temperature=wire.temperature, top_p=wire.top_p, presence_penalty=wire.presence_penalty,
        frequency_penalty=wire.frequency_penalty, seed=wire.seed, n=wire.n,
        stop=() if stop is None else (stop,) if type(stop) is str else tuple(stop),
        stream=wire.stream or False,
        stream_usage=bool(options.include_usage) if options is not None else False,
        user=wire.user, dialect=NAME,
    )  # fmt: skip


def _messages(messages: list[Message]) -> tuple[tuple[Text, ...], tuple[Turn, ...]] | None:
    system: tuple[Text, ...] = ()
    turns: list[Turn] = []
    results: list[ToolResult] = []  # the answers to parallel calls are one turn
    for message in messages:
        role, content = message.role, message.content
        if results and role != "tool":
            turns.append(Turn(role="user", blocks=tuple(results)))
            results = []
        if message.tool_calls is _UNSET and message.tool_call_id is _UNSET:
            if role == "user" or role == "assistant":
                if type(content) is str and content:
                    turns.append(Turn(role=role, blocks=(Text(text=content),)))
                else:
                    turns.append(Turn(role=role, blocks=_texts(content, empty=role == "user")))
            elif role == "tool":
                return None
            elif turns:
                turns.append(Turn(role="system", blocks=_instructions(role, content)))
            else:
                system += _instructions(role, content)
        elif role == "assistant" and (turn := _calling(message)) is not None:
            turns.append(turn)
        elif role == "tool" and (result := _result(message)) is not None:
            results.append(result)
        else:
            return None
    if results:
        turns.append(Turn(role="user", blocks=tuple(results)))
    return (system, tuple(turns)) if messages else None


def _texts(content: str | list[Part] | None, *, empty: bool = True) -> tuple[Text, ...]:
    """The texts of a content; an assistant's empty ones are nothing said."""
    if content is None:
        return ()
    said = [content] if type(content) is str else [part.text for part in content]  # type: ignore[union-attr]
    return tuple([Text(text=text) for text in said if text or empty])


def _instructions(role: str, content: str | list[Part] | None) -> tuple[Text, ...]:
    texts = _texts(content)
    if role == "developer":
        return tuple([Text(text=text.text, extra={"role": _DEVELOPER}) for text in texts])
    return texts


def _calling(message: Message) -> Turn | None:
    calls = message.tool_calls
    if message.tool_call_id is not _UNSET or calls is _UNSET:
        return None
    blocks: list[Block] = list(_texts(message.content, empty=False))
    for call in calls:
        if WORD in call.id:
            return None
        said = call.function
        blocks.append(ToolUse(id=call.id, name=said.name, input_json=said.arguments or "{}"))
    return Turn(role="assistant", blocks=tuple(blocks))


def _result(message: Message) -> ToolResult | None:
    id = message.tool_call_id
    if id is _UNSET or message.tool_calls is not _UNSET or WORD in id:
        return None
    return ToolResult(tool_use_id=id, content=_texts(message.content))


def _tool(function: Function) -> Tool:
    schema = function.parameters
    return Tool(
        name=function.name, description=function.description,
        schema=None if schema == NOTHING else schema, strict=function.strict,
    )  # fmt: skip


def _choice(wire: Request) -> ToolChoice | None:
    parallel = wire.parallel_tool_calls
    if wire.tool_choice is not _UNSET:
        return ToolChoice(mode=_CHOICES[wire.tool_choice], parallel=parallel)
    return ToolChoice(mode="auto", parallel=parallel) if parallel is not None else None
