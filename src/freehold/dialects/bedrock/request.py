"""A Converse request, read and written."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from freehold.dialects.base import JSON_HEADERS, Inbound, Target, WireRequest
from freehold.dialects.bedrock.blocks import NAME, cache_in, cache_out, read_blocks, write_blocks
from freehold.dialects.bedrock.plain import read_plain
from freehold.dialects.fields import Fields, encode, only_text, parse, raw
from freehold.types.conversation import (
    Conversation,
    Opaque,
    OutputFormat,
    Text,
    ThinkingConfig,
    Tool,
    ToolChoice,
    Turn,
)

_ANY_OBJECT = {"type": "object", "properties": {}}
_THINKING_MODES = {"enabled": "on", "adaptive": "adaptive", "disabled": "off"}
_MORE = "additionalModelRequestFields"


@functools.lru_cache(maxsize=1024)
def model_path(model: str, call: str) -> str:
    """Everything but letters, digits and -._ is escaped: model ids hold colons, ARNs hold slashes."""
    return f"/model/{quote(model, safe='')}/{call}"


def read_request(inbound: Inbound, body: bytes) -> Conversation:
    return read_plain(inbound, body) or read_general(inbound, body)


def read_general(inbound: Inbound, body: bytes) -> Conversation:
    fields = Fields.of(body)
    model = inbound.model or fields.text("modelId")
    turns = tuple(
        _plain_turn(given) or _read_turn(Fields(given, f"messages[{at}]", fields))
        for at, given in enumerate(fields.items("messages"))
    )
    config = fields.object("inferenceConfig")
    more = fields.object(_MORE)
    tools, choice = _read_tools(fields.object("toolConfig"))
    form, effort = _read_output(fields)
    top_k = more.integer("top_k") if more else None
    thinking = _read_thinking(more, effort)
    limit = config.count("maxTokens") if config else None
    temperature = config.number("temperature") if config else None
    top_p = config.number("topP") if config else None
    stop = config.texts("stopSequences") if config else ()
    left = {name: raw(part.left) for name, part in ((_MORE, more), ("inferenceConfig", config))
            if part is not None and part.left}  # fmt: skip
    return Conversation(
        model=model, turns=turns, system=_read_system(fields), tools=tools, tool_choice=choice,
        max_tokens=limit, temperature=temperature, top_p=top_p, top_k=top_k, stop=stop,
        stream=bool(inbound.stream), stream_usage=True, output_format=form, thinking=thinking,
        dialect=NAME, extra={**left, **fields.extra()},
    )  # fmt: skip


def _plain_turn(given: Any) -> Turn | None:
    """The turn of a message that is a role and one text and nothing else."""
    if type(given) is dict and len(given) == 2:
        role, text = given.get("role"), only_text(given.get("content"))
        if text is not None and (role == "user" or role == "assistant"):
            return Turn(role=role, blocks=(Text(text=text),))
    return None


def _read_turn(message: Fields) -> Turn:
    role = message.text("role")
    if role not in ("user", "assistant", "system"):
        raise message.fault("role", f"{role!r} is not user, assistant or system")
    if message.left.get("content") is None:
        raise message.fault("content", "it is required")
    return Turn(role=role, blocks=tuple(read_blocks(message.objects("content"))), extra=message.extra())  # type: ignore[arg-type]


def _read_system(fields: Fields) -> tuple[Text | Opaque, ...]:
    system = []
    for block in read_blocks(fields.objects("system")):
        if not isinstance(block, Text | Opaque):
            raise fields.fault("system", "it holds text, guard content and cache points")
        system.append(block)
    return tuple(system)


def _read_tools(config: Fields | None) -> tuple[tuple[Tool | Opaque, ...], ToolChoice | None]:
    if config is None:
        return (), None
    tools: list[Tool | Opaque] = []
    for entry in config.objects("tools"):
        point = entry.left.get("cachePoint")
        last = tools[-1] if tools else None
        if type(point) is dict and isinstance(last, Tool) and last.cache is None:
            tools[-1] = msgspec.structs.replace(last, cache=cache_in(point))
        elif "toolSpec" not in entry.left:
            tools.append(
                Opaque(origin=NAME, kind=f"tool.{next(iter(entry.left), '')}", value=raw(entry.left))
            )
        else:
            spec = entry.required("toolSpec")
            schema = spec.object("inputSchema")
            tools.append(
                Tool(
                    name=spec.text("name"), description=spec.maybe("description"),
                    schema=schema.raw("json") if schema else None, strict=spec.flag("strict"),
                    extra=spec.extra(),
                )
            )  # fmt: skip
    return tuple(tools), _read_choice(config.object("toolChoice"))


def _read_choice(choice: Fields | None) -> ToolChoice | None:
    if choice is None:
        return None
    if (tool := choice.object("tool")) is not None:
        return ToolChoice(mode="tool", name=tool.text("name"))
    if "any" in choice.left:
        return ToolChoice(mode="any")
    if "auto" in choice.left:
        return ToolChoice(mode="auto")
    raise choice.fault("", "it must hold auto, any or tool")


def _read_output(fields: Fields) -> tuple[OutputFormat | None, str | None]:
    output = fields.object("outputConfig")
    if output is None:
        return None, None
    effort = output.maybe("effort")
    form = output.object("textFormat")
    if form is None:
        return None, effort
    schema = form.required("structure").required("jsonSchema")
    text = schema.text("schema")
    parse(text)  # it is JSON inside a text; what is not JSON is refused here, not at the home
    return OutputFormat(mode="schema", schema=msgspec.Raw(text.encode()), name=schema.maybe("name")), effort


def _read_thinking(more: Fields | None, effort: str | None) -> ThinkingConfig | None:
    given = more.left.get("thinking") if more else None
    if more is None or type(given) is not dict or str(given.get("type")) not in _THINKING_MODES:
        return (
            ThinkingConfig(mode="adaptive", effort=effort, extra={"implied": raw(True)}) if effort else None
        )
    thinking = more.required("thinking")
    mode = _THINKING_MODES[thinking.text("type")]
    budget = thinking.count("budget_tokens")
    return ThinkingConfig(mode=mode, budget_tokens=budget, effort=effort, extra=thinking.extra())  # type: ignore[arg-type]


def write_request(conversation: Conversation, target: Target) -> WireRequest:
    own = conversation.dialect == NAME
    body: dict[str, Any] = {"messages": _write_turns(conversation.turns)}
    if conversation.system:
        body["system"] = write_blocks(conversation.system)
    config: dict[str, Any] = {}
    for name, value in (
        ("maxTokens", conversation.max_tokens), ("temperature", conversation.temperature),
        ("topP", conversation.top_p), ("stopSequences", conversation.stop or None),
    ):  # fmt: skip
        if value is not None:
            config[name] = value
    if conversation.tools:
        body["toolConfig"] = _write_tools(conversation)
    more: dict[str, Any] = {}
    if conversation.top_k is not None:
        more["top_k"] = conversation.top_k
    output = _write_output(conversation)
    _write_thinking(more, output, conversation.thinking)
    kept = dict(conversation.extra) if own else {}
    for name, part in (("inferenceConfig", config), (_MORE, more), ("outputConfig", output)):
        before = parse(bytes(kept.pop(name))) if name in kept else {}
        if part or before:
            body[name] = {**before, **part}
    call = "converse-stream" if conversation.stream else "converse"
    path = model_path(target.model, call)
    return WireRequest(path=path, body=encode({**body, **kept}), headers=JSON_HEADERS)


def _write_turns(turns: Sequence[Turn]) -> list[object]:
    """Converse wants the roles to alternate: neighbours of one role become one message."""
    messages: list[dict[str, Any]] = []
    for turn in turns:
        only = turn.blocks[0] if len(turn.blocks) == 1 else None
        if type(only) is Text and only.cache is None:
            content: list[object] = [{"text": only.text}]
        else:
            content = write_blocks(turn.blocks)
        if not content:
            continue  # all of it belonged to another vendor
        if messages and messages[-1]["role"] == turn.role:
            messages[-1]["content"] += content
        else:
            messages.append({"role": turn.role, "content": content})
    return list(messages)


def _write_tools(conversation: Conversation) -> dict[str, Any]:
    tools: list[object] = []
    for tool in conversation.tools:
        if isinstance(tool, Opaque):
            tools.append(tool.value)
            continue
        spec: dict[str, Any] = {"name": tool.name, "inputSchema": {"json": tool.schema or _ANY_OBJECT}}
        if tool.description:
            spec["description"] = tool.description
        if tool.strict is not None:
            spec["strict"] = tool.strict
        tools.append({"toolSpec": spec})
        if tool.cache is not None:
            tools.append(cache_out(tool.cache))
    config: dict[str, Any] = {"tools": tools}
    choice = conversation.tool_choice
    if choice is not None and choice.mode != "none":
        config["toolChoice"] = {choice.mode: {"name": choice.name} if choice.mode == "tool" else {}}
    return config


def _write_output(conversation: Conversation) -> dict[str, Any]:
    form = conversation.output_format
    if form is None:
        return {}
    schema = bytes(form.schema).decode() if form.schema else encode(_ANY_OBJECT).decode()
    structure = {"jsonSchema": {"schema": schema, "name": form.name or "answer"}}
    return {"textFormat": {"type": "json_schema", "structure": structure}}


def _write_thinking(more: dict[str, Any], output: dict[str, Any], thinking: ThinkingConfig | None) -> None:
    if thinking is None:
        return
    if thinking.effort is not None and thinking.effort != "none":
        output["effort"] = thinking.effort
    if "implied" in thinking.extra:
        return
    if thinking.mode == "on" and thinking.budget_tokens is not None:
        more["thinking"] = {"type": "enabled", "budget_tokens": thinking.budget_tokens}
    elif thinking.mode == "off":
        more["thinking"] = {"type": "disabled"}
    else:
        more["thinking"] = {"type": "adaptive"}
