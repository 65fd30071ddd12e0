"""A generateContent request, read and written."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from freehold.dialects.base import JSON_HEADERS, Inbound, Target, WireRequest
from freehold.dialects.capabilities import capability
from freehold.dialects.fields import Fields, encode, only_text, parse, raw
from freehold.dialects.gemini.parts import NAME, Calls, camel, read_part, write_parts
from freehold.dialects.gemini.schema import to_json_schema
from freehold.types.conversation import (
    Block,
    Conversation,
    Extra,
    Opaque,
    OutputFormat,
    StoredState,
    Text,
    ThinkingConfig,
    Tool,
    ToolChoice,
    ToolUse,
    Turn,
)

_TOP = {
    "system_instruction": "systemInstruction", "tool_config": "toolConfig",
    "generation_config": "generationConfig", "safety_settings": "safetySettings",
    "cached_content": "cachedContent",
}  # fmt: skip
_CONFIG = {
    "max_output_tokens": "maxOutputTokens", "top_p": "topP", "top_k": "topK",
    "stop_sequences": "stopSequences", "candidate_count": "candidateCount",
    "response_mime_type": "responseMimeType", "response_schema": "responseSchema",
    "response_json_schema": "responseJsonSchema", "thinking_config": "thinkingConfig",
    "presence_penalty": "presencePenalty", "frequency_penalty": "frequencyPenalty",
}  # fmt: skip
_TOOL = {
    "function_declarations": "functionDeclarations", "parameters_json_schema": "parametersJsonSchema",
    "function_calling_config": "functionCallingConfig", "allowed_function_names": "allowedFunctionNames",
    "thinking_budget": "thinkingBudget", "include_thoughts": "includeThoughts",
    "thinking_level": "thinkingLevel",
}  # fmt: skip
_MODES_IN = {"AUTO": "auto", "ANY": "any", "NONE": "none"}
_MODES_OUT = {"auto": "AUTO", "any": "ANY", "none": "NONE", "tool": "ANY"}
_ANY_OBJECT = {"type": "object", "properties": {}}
_JSON = "application/json"


def read_request(inbound: Inbound, body: bytes) -> Conversation:
    fields = camel(Fields.of(body), _TOP)
    if inbound.model is None:
        raise fields.fault("model", "the path must name it")
    fields.any("model")
    stored: list[StoredState] = []
    turns = _read_contents(fields, stored)
    cached = fields.left.get("cachedContent")
    if type(cached) is str:
        stored.append(StoredState(kind="file", id=cached))
    config = fields.object("generationConfig") or Fields({}, "generationConfig", fields)
    camel(config, _CONFIG)
    tools = _read_tools(fields)
    choice = _read_choice(fields.object("toolConfig"))
    return Conversation(
        model=inbound.model, turns=turns, system=_read_system(fields, stored), tools=tools,
        tool_choice=choice,
        max_tokens=config.count("maxOutputTokens"), temperature=config.number("temperature"),
        top_p=config.number("topP"), top_k=config.integer("topK"), seed=config.integer("seed"),
        presence_penalty=config.number("presencePenalty"),
        frequency_penalty=config.number("frequencyPenalty"),
        n=config.count("candidateCount"), stop=config.texts("stopSequences"),
        stream=bool(inbound.stream), stream_usage=True,
        output_format=_read_format(config), thinking=_read_thinking(config.object("thinkingConfig")),
        stored=tuple(stored), dialect=NAME,
        extra={**({"generationConfig": raw(config.left)} if config.left else {}), **fields.extra()},
    )  # fmt: skip


def _plain_turn(given: Any) -> Turn | None:
    """The turn of a content that is a role and one text and nothing else."""
    if type(given) is dict and len(given) == 2:
        role, text = given.get("role"), only_text(given.get("parts"))
        if text is not None and (role == "user" or role == "model"):
            return Turn(role="assistant" if role == "model" else "user", blocks=(Text(text=text),))
    return None


def _read_contents(fields: Fields, stored: list[StoredState]) -> tuple[Turn, ...]:
    calls = Calls()
    turns: list[Turn] = []
    contents = fields.left.get("contents")
    if type(contents) is dict:
        fields.left["contents"] = [contents]
    for at, given in enumerate(fields.items("contents")):
        if (plain := _plain_turn(given)) is not None:
            turns.append(plain)
            continue
        content = Fields(given, f"contents[{at}]", fields)
        role = content.maybe("role") or "user"
        if role not in ("user", "model", "function"):
            raise content.fault("role", f"{role!r} is not user or model")
        blocks: list[Block] = []
        for part in content.objects("parts"):
            blocks.extend(read_part(part, calls, stored))
        turns.append(Turn(role="assistant" if role == "model" else "user", blocks=tuple(blocks),
                          extra=content.extra()))  # fmt: skip
    if not turns:
        raise fields.fault("contents", "it must hold at least one content")
    return tuple(turns)


def _read_system(fields: Fields, stored: list[StoredState]) -> tuple[Text | Opaque, ...]:
    value = fields.left.get("systemInstruction")
    if type(value) is str:
        return (Text(text=fields.text("systemInstruction")),)
    instruction = fields.object("systemInstruction")
    if instruction is None:
        return ()
    system = []
    for part in instruction.objects("parts"):
        for block in read_part(part, Calls(), stored):
            if not isinstance(block, Text | Opaque):
                raise instruction.fault("parts", "a system instruction holds text")
            system.append(block)
    return tuple(system)


def _read_tools(fields: Fields) -> tuple[Tool | Opaque, ...]:
    tools: list[Tool | Opaque] = []
    for entry in fields.objects("tools"):
        camel(entry, _TOOL)
        for declared in entry.objects("functionDeclarations"):
            tools.append(_read_tool(camel(declared, _TOOL)))
        tools.extend(
            Opaque(origin=NAME, kind=f"tool.{name}", value=raw({name: value}))
            for name, value in entry.left.items()
        )
    return tuple(tools)


def _read_tool(declared: Fields) -> Tool:
    extra: Extra = {}
    schema = declared.raw("parametersJsonSchema")
    if schema is None and (given := declared.any("parameters")) is not None:
        schema, extra = raw(to_json_schema(given)), {"parameters": raw(given)}
    return Tool(
        name=declared.text("name"), description=declared.maybe("description"), schema=schema,
        extra={**extra, **declared.extra()},
    )  # fmt: skip


def _read_choice(config: Fields | None) -> ToolChoice | None:
    calling = camel(config, _TOOL).object("functionCallingConfig") if config else None
    if calling is None:
        return None
    camel(calling, _TOOL)
    mode = calling.maybe("mode") or "AUTO"
    allowed = calling.texts("allowedFunctionNames")
    if mode not in _MODES_IN:
        raise calling.fault("mode", f"{mode!r} is not AUTO, ANY or NONE")
    if mode == "ANY" and len(allowed) == 1:
        return ToolChoice(mode="tool", name=allowed[0])
    if allowed:
        raise calling.fault("allowedFunctionNames", "one name with mode ANY can be carried, several cannot")
    return ToolChoice(mode=_MODES_IN[mode])  # type: ignore[arg-type]


def _read_format(config: Fields) -> OutputFormat | None:
    kind = config.left.get("responseMimeType")
    if kind not in (_JSON, "text/plain"):
        return None
    config.any("responseMimeType")
    if kind != _JSON:
        return None
    schema = config.raw("responseJsonSchema")
    if schema is None and (given := config.any("responseSchema")) is not None:
        schema = raw(to_json_schema(given))
    return OutputFormat(mode="json" if schema is None else "schema", schema=schema)


def _read_thinking(config: Fields | None) -> ThinkingConfig | None:
    if config is None:
        return None
    camel(config, _TOOL)
    budget, level = config.integer("thinkingBudget"), config.maybe("thinkingLevel")
    shown = config.flag("includeThoughts")
    extra = {**({"includeThoughts": raw(shown)} if shown is not None else {}), **config.extra()}
    if budget == 0:
        return ThinkingConfig(mode="off", extra=extra)
    if budget is not None and budget > 0:
        return ThinkingConfig(mode="on", budget_tokens=budget, extra=extra)
    return ThinkingConfig(mode="adaptive", effort=level.lower() if level else None, extra=extra)


def write_request(conversation: Conversation, target: Target) -> WireRequest:
    own = conversation.dialect == NAME
    can = capability(target.api, target.model, target.api_version)
    names = {block.id: block.name for turn in conversation.turns for block in turn.blocks
             if isinstance(block, ToolUse)}  # fmt: skip
    body: dict[str, Any] = {"contents": _write_turns(conversation.turns, names, own, can.marks_foreign_calls)}
    if conversation.system:
        body["systemInstruction"] = {"parts": write_parts(conversation.system, names, own=own)}
    if conversation.tools:
        body["tools"] = _write_tools(conversation.tools, own)
        if conversation.tool_choice is not None:
            body["toolConfig"] = {"functionCallingConfig": _write_choice(conversation.tool_choice)}
    config = _write_config(conversation)
    kept = dict(conversation.extra) if own else {}
    if "generationConfig" in kept:
        config = {**parse(bytes(kept.pop("generationConfig"))), **config}
    if config:
        body["generationConfig"] = config
    return WireRequest(
        path=path(target, conversation.stream), body=encode({**body, **kept}), headers=JSON_HEADERS
    )


def path(target: Target, stream: bool = False, method: str = "generateContent") -> str:
    call = "streamGenerateContent?alt=sse" if stream else method
    model = quote(target.model.removeprefix("models/"), safe="@.-")
    if target.api == "vertex-gemini":
        options = target.options
        where = f"/v1/projects/{options.get('project', '')}/locations/{options.get('location', 'global')}"
        return f"{where}/publishers/google/models/{model}:{call}"
    return f"/v1beta/models/{model}:{call}"


def _write_turns(turns: tuple[Turn, ...], names: dict[str, str], own: bool, mark: bool) -> list[object]:
    contents: list[dict[str, Any]] = []
    for turn in turns:
        parts = write_parts(turn.blocks, names, own=own, mark=mark)
        if not parts:
            continue  # all of it belonged to another vendor
        role = "model" if turn.role == "assistant" else "user"
        if contents and contents[-1]["role"] == role and not own:
            contents[-1]["parts"] += parts
        else:
            contents.append({"role": role, "parts": parts})
    return list(contents)


def _write_tools(tools: tuple[Tool | Opaque, ...], own: bool) -> list[object]:
    declared: list[object] = []
    others: list[object] = []
    for tool in tools:
        if isinstance(tool, Opaque):
            others.append(tool.value)
            continue
        value: dict[str, Any] = {"name": tool.name}
        if tool.description is not None:
            value["description"] = tool.description
        extra = dict(tool.extra) if own else {}
        if "parameters" not in extra and tool.schema is not None:
            value["parametersJsonSchema"] = tool.schema
        declared.append({**value, **extra})
    return [*([{"functionDeclarations": declared}] if declared else []), *others]


def _write_choice(choice: ToolChoice) -> dict[str, Any]:
    value: dict[str, Any] = {"mode": _MODES_OUT[choice.mode]}
    if choice.mode == "tool":
        value["allowedFunctionNames"] = [choice.name]
    return value


def _write_config(conversation: Conversation) -> dict[str, Any]:
    named = (
        ("maxOutputTokens", conversation.max_tokens), ("temperature", conversation.temperature),
        ("topP", conversation.top_p), ("topK", conversation.top_k), ("seed", conversation.seed),
        ("presencePenalty", conversation.presence_penalty),
        ("frequencyPenalty", conversation.frequency_penalty),
        ("candidateCount", conversation.n), ("stopSequences", conversation.stop or None),
    )  # fmt: skip
    config: dict[str, Any] = {name: value for name, value in named if value is not None}
    form = conversation.output_format
    if form is not None:
        config["responseMimeType"] = _JSON
        if form.mode == "schema":
            config["responseJsonSchema"] = form.schema or _ANY_OBJECT
    if conversation.thinking is not None:
        config["thinkingConfig"] = _write_thinking(conversation.thinking)
    return config


def _write_thinking(thinking: ThinkingConfig) -> dict[str, Any]:
    value: dict[str, Any] = {}
    if thinking.mode == "off":
        value["thinkingBudget"] = 0
    elif thinking.budget_tokens is not None:
        value["thinkingBudget"] = thinking.budget_tokens
    elif thinking.effort is not None:
        value["thinkingLevel"] = thinking.effort.upper()
    shown = thinking.extra.get("includeThoughts")
    value["includeThoughts"] = shown if shown is not None else thinking.mode != "off"
    return value
