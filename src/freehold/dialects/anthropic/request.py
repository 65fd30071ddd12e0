"""A Messages request, read and written; the body serves InvokeModel and rawPredict too."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from freehold.dialects.anthropic.blocks import NAME, read_content, write_block
from freehold.dialects.anthropic.plain import read_plain
from freehold.dialects.base import JSON_HEADERS, Inbound, Target, WireRequest
from freehold.dialects.capabilities import capability
from freehold.dialects.fields import Fields, encode, parse, raw
from freehold.types.conversation import (
    Conversation,
    Opaque,
    OutputFormat,
    StoredState,
    Text,
    ThinkingConfig,
    Tool,
    ToolChoice,
    Turn,
)

VERSION_DEFAULT = "2023-06-01"
VERSION_NEWEST = "2026-10-21"  # the one version that every surface may be asked for
VERTEX_VERSION_DEFAULT = "vertex-2023-10-16"
_HEADERS: Final = {**JSON_HEADERS, "anthropic-version": VERSION_DEFAULT}
_ANY_OBJECT = {"type": "object", "properties": {}}
_THINKING_MODES = {"enabled": "on", "adaptive": "adaptive", "disabled": "off"}


def read_request(inbound: Inbound, body: bytes, origin: str = NAME) -> Conversation:
    plain = read_plain(inbound, body) if inbound.api_version != VERSION_NEWEST else None
    return plain or read_general(inbound, body, origin)


def read_general(inbound: Inbound, body: bytes, origin: str = NAME) -> Conversation:
    fields = Fields.of(body)
    model = inbound.model or fields.text("model")
    stored: list[StoredState] = []
    version = (
        fields.maybe("anthropic_version") or inbound.api_version
    )  # in the body where the path names the model
    betas = fields.texts("anthropic_beta") or inbound.betas
    container = fields.left.get("container")
    if type(container) is str:
        stored.append(StoredState(kind="container", id=container))
    turns = tuple(
        _plain_turn(given) or _read_turn(Fields(given, f"messages[{at}]", fields), origin, stored)
        for at, given in enumerate(fields.items("messages"))
    )
    if not turns:
        raise fields.fault("messages", "it must hold at least one message")
    config = fields.object("output_config")
    metadata = fields.object("metadata")
    return Conversation(
        model=model, turns=turns, system=_read_system(fields, origin),
        tools=tuple(_read_tool(tool) for tool in fields.objects("tools")),
        tool_choice=_read_choice(fields.object("tool_choice")),
        max_tokens=fields.count("max_tokens"),
        temperature=fields.number("temperature"), top_p=fields.number("top_p"), top_k=fields.integer("top_k"),
        stop=fields.texts("stop_sequences"),
        stream=_read_stream(inbound, fields), stream_usage=True,
        output_format=_read_format(fields, config), thinking=_read_thinking(fields, config),
        user=metadata.maybe("user_id") if metadata else None,
        stored=tuple(stored), dialect=NAME,
        extra={**_left("output_config", config), **_left("metadata", metadata), **fields.extra(),
               **({"anthropic_beta": raw(betas)} if betas else {}),
               **({"anthropic_version": raw(version)} if version == VERSION_NEWEST else {})},
    )  # fmt: skip


def _left(name: str, fields: Fields | None) -> dict[str, Any]:
    return {name: raw(fields.left)} if fields is not None and fields.left else {}


def _read_stream(inbound: Inbound, fields: Fields) -> bool:
    asked = fields.flag("stream")
    return bool(asked) if inbound.stream is None else inbound.stream


def _plain_turn(given: Any) -> Turn | None:
    """The turn of a message that is a role and a text and nothing else."""
    if type(given) is dict and len(given) == 2:
        role, text = given.get("role"), given.get("content")
        if (role == "user" or role == "assistant") and type(text) is str:
            return Turn(role=role, blocks=(Text(text=text),))
    return None


def _read_turn(message: Fields, origin: str, stored: list[StoredState]) -> Turn:
    role = message.text("role")
    if role not in ("user", "assistant", "system"):
        raise message.fault("role", f"{role!r} is not user, assistant or system")
    if message.left.get("content") is None:
        raise message.fault("content", "it is required")
    blocks = tuple(read_content(message, "content", origin, stored))
    return Turn(role=role, blocks=blocks, extra=message.extra())  # type: ignore[arg-type]


def _read_system(fields: Fields, origin: str) -> tuple[Text | Opaque, ...]:
    system = []
    for block in read_content(fields, "system", origin, []):
        if not isinstance(block, Text | Opaque):
            raise fields.fault("system", "it holds text only")
        system.append(block)
    return tuple(system)


def _read_tool(tool: Fields) -> Tool | Opaque:
    kind = tool.left.get("type")
    if kind not in (None, "custom"):
        return Opaque(origin=NAME, kind=f"tool.{kind}", value=raw(tool.left))
    tool.any("type")
    return Tool(
        name=tool.text("name"), description=tool.maybe("description"), schema=tool.raw("input_schema"),
        strict=tool.flag("strict"), cache=tool.raw("cache_control"), extra=tool.extra(),
    )  # fmt: skip


def _read_choice(choice: Fields | None) -> ToolChoice | None:
    if choice is None:
        return None
    kind = choice.text("type")
    if kind not in ("auto", "any", "tool", "none"):
        raise choice.fault("type", f"{kind!r} is not auto, any, tool or none")
    alone = choice.flag("disable_parallel_tool_use")
    name = choice.text("name") if kind == "tool" else None
    return ToolChoice(mode=kind, name=name, parallel=None if alone is None else not alone)  # type: ignore[arg-type]


def _read_format(fields: Fields, config: Fields | None) -> OutputFormat | None:
    form = (config.object("format") if config else None) or fields.object("output_format")
    if form is None:
        return None
    kind = form.text("type")
    if kind != "json_schema":
        raise form.fault("type", f"{kind!r} is not json_schema")
    return OutputFormat(mode="schema", schema=form.raw("schema"), name=form.maybe("name"))


def _read_thinking(fields: Fields, config: Fields | None) -> ThinkingConfig | None:
    effort = config.maybe("effort") if config else None
    given = fields.left.get("thinking")
    if type(given) is dict and str(given.get("type")) not in _THINKING_MODES:
        return ThinkingConfig(mode="adaptive", effort=effort) if effort else None  # carried in `extra`
    thinking = fields.object("thinking")
    if thinking is None:
        return (
            ThinkingConfig(mode="adaptive", effort=effort, extra={"implied": raw(True)}) if effort else None
        )
    mode = _THINKING_MODES[thinking.text("type")]
    budget = thinking.count("budget_tokens")
    return ThinkingConfig(mode=mode, budget_tokens=budget, effort=effort, extra=thinking.extra())  # type: ignore[arg-type]


def write_request(conversation: Conversation, target: Target) -> WireRequest:
    vertex = target.api == "vertex-claude"
    body = write_body(conversation, target, "vertex" if vertex else NAME, "" if vertex else target.model)
    if conversation.stream:
        body["stream"] = True
    version = betas = None
    if "anthropic_version" in body:
        version = body.pop("anthropic_version")
    if "anthropic_beta" in body:
        betas = Fields({"betas": parse(bytes(body.pop("anthropic_beta")))}).texts("betas")
    headers = _HEADERS
    if vertex:
        headers = JSON_HEADERS
        body["anthropic_version"] = version or VERTEX_VERSION_DEFAULT
    elif version is not None:
        headers = {**JSON_HEADERS, "anthropic-version": version}
    if betas is not None:
        headers = {**headers, "anthropic-beta": ",".join(betas)}
    return WireRequest(path=path(target, conversation.stream), body=encode(body), headers=headers)


def path(target: Target, stream: bool = False, call: str = "v1/messages") -> str:
    options = target.options
    match target.api:
        case "foundry-anthropic" | "bedrock-messages":
            return f"/anthropic/{call}"
        case "vertex-claude":
            where = f"/v1/projects/{options.get('project', '')}/locations/{options.get('location', 'global')}"
            method = "streamRawPredict" if stream else "rawPredict"
            return f"{where}/publishers/anthropic/models/{quote(target.model, safe='@.-')}:{method}"
        case "claude-gcp":
            where = f"/v1/projects/{options.get('project', '')}/locations/{options.get('location', 'global')}"
            return f"{where}/workspaces/{options.get('workspace', 'default')}/invoke/{call}"
        case _:
            return f"/{call}"


def write_body(conversation: Conversation, target: Target, origin: str, model: str = "") -> dict[str, Any]:
    """Everything but the stream flag and, where it is not in the body, the model; the version only where the
    home or the caller names one."""
    can = capability(target.api, target.model, target.api_version)
    own = conversation.dialect == NAME
    body: dict[str, Any] = {"model": model} if model else {}
    limit = conversation.max_tokens
    body["max_tokens"] = limit if limit is not None else can.max_tokens_default
    if conversation.system:
        system = [write_block(block, origin, own=own) for block in conversation.system]
        body["system"] = [block for block in system if block is not None]
    body["messages"] = _write_turns(conversation.turns, origin, own)
    if (heat := conversation.temperature) is not None:
        body["temperature"] = heat
    if (top_p := conversation.top_p) is not None:
        body["top_p"] = top_p
    if (top_k := conversation.top_k) is not None:
        body["top_k"] = top_k
    if conversation.stop:
        body["stop_sequences"] = conversation.stop
    if conversation.tools:
        body["tools"] = [_write_tool(tool, own) for tool in conversation.tools]
        if conversation.tool_choice is not None:
            body["tool_choice"] = _write_choice(conversation.tool_choice)
    _write_config(body, conversation.output_format, conversation.thinking)
    if (user := conversation.user) is not None:
        body["metadata"] = {"user_id": user}
    if own:
        _write_extra(body, conversation)
    if (version := target.api_version or can.version) is not None:
        body["anthropic_version"] = version
    elif "anthropic_version" in body:
        body["anthropic_version"] = VERSION_NEWEST
    return body


def _write_extra(body: dict[str, Any], conversation: Conversation) -> None:
    for name, value in conversation.extra.items():
        if name in ("output_config", "metadata"):
            body[name] = {**Fields.of(bytes(value)).left, **body.get(name, {})}
        else:
            body.setdefault(name, value)


def _write_turns(turns: tuple[Turn, ...], origin: str, own: bool) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    for turn in turns:
        blocks = turn.blocks
        if len(blocks) == 1 and type(only := blocks[0]) is Text and only.cache is None and not own:
            messages.append({"role": turn.role, "content": only.text})  # a turn is one text, mostly
        elif (message := _write_turn(turn, origin, own)) is not None:
            messages.append(message)
    return messages


def _write_turn(turn: Turn, origin: str, own: bool) -> dict[str, Any] | None:
    only = turn.blocks[0] if len(turn.blocks) == 1 else None
    content: object
    if type(only) is Text and only.cache is None and not (own and only.extra):
        content = only.text
    else:
        content = [block for each in turn.blocks if (block := write_block(each, origin, own=own)) is not None]
        if turn.blocks and not content:
            return None  # all of it belonged to another vendor
    message = {"role": turn.role, "content": content}
    return {**message, **turn.extra} if own and turn.extra else message


def _write_tool(tool: Tool | Opaque, own: bool) -> object:
    if isinstance(tool, Opaque):
        return tool.value
    value: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        value["description"] = tool.description
    value["input_schema"] = tool.schema or _ANY_OBJECT
    if tool.strict is not None:
        value["strict"] = tool.strict
    if tool.cache is not None:
        value["cache_control"] = tool.cache
    return {**value, **(tool.extra if own else {})}


def _write_choice(choice: ToolChoice) -> dict[str, Any]:
    value: dict[str, Any] = {"type": choice.mode}
    if choice.mode == "tool":
        value["name"] = choice.name
    if choice.parallel is not None and choice.mode != "none":
        value["disable_parallel_tool_use"] = not choice.parallel
    return value


def _write_config(body: dict[str, Any], form: OutputFormat | None, thinking: ThinkingConfig | None) -> None:
    if form is None and thinking is None:
        return
    config: dict[str, Any] = {}
    if form is not None:
        config["format"] = {"type": "json_schema", "schema": form.schema or _ANY_OBJECT}
    if thinking is not None:
        if thinking.effort is not None and thinking.effort != "none":
            config["effort"] = thinking.effort
        if "implied" not in thinking.extra:
            _write_thinking(body, thinking)
    if config:
        body["output_config"] = config


def _write_thinking(body: dict[str, Any], thinking: ThinkingConfig) -> None:
    extra = dict(thinking.extra)
    if thinking.mode == "on" and thinking.budget_tokens is not None:
        body["thinking"] = {"type": "enabled", "budget_tokens": thinking.budget_tokens, **extra}
    elif thinking.mode == "off":
        body["thinking"] = {"type": "disabled", **extra}
    else:
        body["thinking"] = {"type": "adaptive", **extra}
