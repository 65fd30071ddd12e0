"""A chat completion request, read and written."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec

from freehold.dialects import media
from freehold.dialects.base import JSON_HEADERS, Inbound, Target, WireRequest
from freehold.dialects.capabilities import capability
from freehold.dialects.carry import untag_id
from freehold.dialects.fields import Fields, encode, raw
from freehold.dialects.openai.plain import NAME, read_plain
from freehold.types.conversation import (
    Block,
    Conversation,
    Document,
    Image,
    Opaque,
    OutputFormat,
    StoredState,
    Text,
    Thinking,
    ThinkingConfig,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    Turn,
)

_ANY_OBJECT = msgspec.Raw(b'{"type":"object","properties":{}}')
_CHOICES_IN = {"auto": "auto", "none": "none", "required": "any"}
_CHOICES_OUT = {"auto": "auto", "none": "none", "any": "required"}


def read_request(inbound: Inbound, body: bytes) -> Conversation:
    return read_plain(inbound, body) or read_general(inbound, body)


def read_general(inbound: Inbound, body: bytes) -> Conversation:
    fields = Fields.of(body)
    # Azure's path names the deployment; the model in the body is then only a remark.
    named = fields.maybe("model")
    model = inbound.model or named
    if model is None:
        raise fields.fault("model", "it is required")
    system, turns, stored = _read_messages(fields)
    stream = fields.flag("stream") or False
    options = fields.object("stream_options")
    usage = bool(options.flag("include_usage")) if options else False
    if options and options.left:
        fields.left["stream_options"] = options.left
    limit, older = fields.count("max_completion_tokens"), fields.count("max_tokens")
    tools = tuple(_read_tool(tool) for tool in fields.objects("tools"))
    choice = _read_choice(fields)
    return Conversation(
        model=model, system=system, turns=turns, stored=stored, tools=tools, tool_choice=choice,
        max_tokens=limit if limit is not None else older,
        temperature=fields.number("temperature"), top_p=fields.number("top_p"),
        presence_penalty=fields.number("presence_penalty"),
        frequency_penalty=fields.number("frequency_penalty"),
        seed=fields.integer("seed"), n=fields.count("n"), stop=_read_stop(fields),
        stream=stream, stream_usage=usage,
        output_format=_read_format(fields), thinking=_read_effort(fields), user=fields.maybe("user"),
        dialect=NAME, extra=fields.extra(),
    )  # fmt: skip


def _read_messages(
    fields: Fields,
) -> tuple[tuple[Text | Opaque, ...], tuple[Turn, ...], tuple[StoredState, ...]]:
    system: list[Text | Opaque] = []
    turns: list[Turn] = []
    stored: list[StoredState] = []
    after_tool = False
    messages = fields.items("messages")
    if not messages:
        raise fields.fault("messages", "it must hold at least one message")
    for at, given in enumerate(messages):
        if (plain := _plain_turn(given)) is not None:
            turns.append(plain)
            after_tool = False
            continue
        message = Fields(given, f"messages[{at}]", fields)
        role = message.text("role")
        if role == "tool":
            result = _read_result(message)
            if after_tool:  # the answers to parallel calls are one turn
                last = turns.pop()
                turns.append(msgspec.structs.replace(last, blocks=(*last.blocks, result)))
            else:
                turns.append(Turn(role="user", blocks=(result,)))
        elif role in ("system", "developer"):
            texts = _read_system(message, role)
            if turns:
                turns.append(Turn(role="system", blocks=texts))
            else:
                system.extend(texts)
        elif role == "user":
            blocks = tuple(_read_content(message, stored))
            turns.append(Turn(role="user", blocks=blocks, extra=message.extra()))
        elif role == "assistant":
            turns.append(_read_assistant(message, stored))
        elif role == "function":
            turns.append(Turn(role="user", blocks=(_opaque("message.function", message, role=role),)))
        else:
            raise message.fault("role", f"{role!r} is not system, developer, user, assistant or tool")
        after_tool = role == "tool"
    return tuple(system), tuple(turns), tuple(stored)


def _plain_turn(given: Any) -> Turn | None:
    """The turn of a message that is a role and a text and nothing else, as most are."""
    if type(given) is dict and len(given) == 2:
        role, text = given.get("role"), given.get("content")
        if (role == "user" or role == "assistant") and type(text) is str and text:
            return Turn(role=role, blocks=(Text(text=text),))
    return None


def _read_system(message: Fields, role: str) -> tuple[Text, ...]:
    mark = {"role": raw(role)} if role == "developer" else {}
    texts = []
    for block in _read_content(message, []):
        if not isinstance(block, Text):
            raise message.fault("content", f"a {role} message holds text only")
        texts.append(msgspec.structs.replace(block, extra={**block.extra, **mark, **message.extra()}))
    return tuple(texts)


def _read_content(message: Fields, stored: list[StoredState]) -> list[Block]:
    content = message.left.get("content")
    if type(content) is str:
        del message.left["content"]
        return [Text(text=content)]
    if content is None:
        message.any("content")
        return []
    return [_read_part(part, stored) for part in message.objects("content")]


def _read_part(part: Fields, stored: list[StoredState]) -> Block:
    kind = part.text("type")
    if kind == "text":
        return Text(text=part.text("text"), extra=part.extra())
    if kind == "image_url":
        image = part.required("image_url")
        read = media.image_from_url(image.text("url"), image.maybe("detail"))
        return msgspec.structs.replace(read, extra={**image.extra(), **part.extra()})
    if kind == "file":
        return _read_file(part, stored)
    return _opaque(f"part.{kind}", part, type=kind)


def _read_file(part: Fields, stored: list[StoredState]) -> Block:
    file = part.required("file")
    id = file.left.get("file_id")
    if id is not None:
        stored.append(StoredState(kind="file", id=file.text("file_id")))
        return _opaque("part.file", part, type="file", file={"file_id": id, **file.left})
    name, data = file.maybe("filename"), file.text("file_data")
    pair = media.read_data_url(data) or (media.type_of(name) or "application/pdf", data)
    return Document(media_type=pair[0], data_base64=pair[1], title=name, extra=part.extra())


def _opaque(kind: str, fields: Fields, **taken: object) -> Opaque:
    return Opaque(origin=NAME, kind=kind, value=raw({**taken, **fields.left}))


def _read_assistant(message: Fields, stored: list[StoredState]) -> Turn:
    blocks: list[Block] = []
    for name in ("reasoning_content", "reasoning"):
        if (thought := message.left.get(name)) and type(thought) is str:
            blocks.append(Thinking(text=message.text(name), origin=NAME))
            break
    for block in _read_content(message, stored):
        if not (isinstance(block, Text) and not block.text and not block.extra):
            blocks.append(block)
    for call in message.objects("tool_calls"):
        blocks.append(_read_call(call))
    return Turn(role="assistant", blocks=tuple(blocks), extra=message.extra())


def _read_call(call: Fields) -> Block:
    kind = call.maybe("type") or "function"
    if kind != "function":
        return _opaque(f"call.{kind}", call, type=kind)
    function = call.required("function")
    id, signature, origin = untag_id(call.text("id"))
    arguments = function.maybe("arguments") or "{}"
    return ToolUse(
        id=id, name=function.text("name"), input_json=arguments, signature=signature, origin=origin,
        extra={**function.extra(), **call.extra()},
    )  # fmt: skip


def _read_result(message: Fields) -> ToolResult:
    id, _, _ = untag_id(message.text("tool_call_id"))
    content = []
    for block in _read_content(message, []):
        if isinstance(block, Text | Image | Document | Opaque):
            content.append(block)
    return ToolResult(tool_use_id=id, content=tuple(content), extra=message.extra())


def _read_tool(tool: Fields) -> Tool | Opaque:
    kind = tool.maybe("type") or "function"
    if kind != "function":
        return _opaque(f"tool.{kind}", tool, type=kind)
    function = tool.required("function")
    return Tool(
        name=function.text("name"), description=function.maybe("description"),
        schema=function.raw("parameters"), strict=function.flag("strict"),
        extra={**function.extra(), **tool.extra()},
    )  # fmt: skip


def _read_choice(fields: Fields) -> ToolChoice | None:
    parallel = fields.flag("parallel_tool_calls")
    choice = fields.left.get("tool_choice")
    if type(choice) is str:
        if choice not in _CHOICES_IN:
            raise fields.fault("tool_choice", f"{choice!r} is not none, auto or required")
        del fields.left["tool_choice"]
        return ToolChoice(mode=_CHOICES_IN[choice], parallel=parallel)  # type: ignore[arg-type]
    if type(choice) is dict and choice.get("type") == "function":
        function = Fields(fields.any("tool_choice"), "tool_choice", fields).required("function")
        return ToolChoice(mode="tool", name=function.text("name"), parallel=parallel)
    return ToolChoice(mode="auto", parallel=parallel) if parallel is not None else None


def _read_stop(fields: Fields) -> tuple[str, ...]:
    if type(fields.left.get("stop")) is str:
        return (fields.text("stop"),)
    return fields.texts("stop")


def _read_format(fields: Fields) -> OutputFormat | None:
    form = fields.object("response_format")
    if form is None:
        return None
    kind = form.text("type")
    if kind == "json_schema":
        schema = form.required("json_schema")
        return OutputFormat(
            mode="schema",
            schema=schema.raw("schema"),
            name=schema.maybe("name"),
            strict=schema.flag("strict"),
        )
    if kind == "json_object":
        return OutputFormat(mode="json")
    if kind == "text":
        return None
    raise form.fault("type", f"{kind!r} is not text, json_object or json_schema")


def _read_effort(fields: Fields) -> ThinkingConfig | None:
    effort = fields.maybe("reasoning_effort")
    if effort is None:
        return None
    return ThinkingConfig(mode="off" if effort == "none" else "on", effort=effort)


def write_request(conversation: Conversation, target: Target) -> WireRequest:
    can = capability(target.api, target.model, target.api_version)
    own = conversation.dialect == NAME
    body: dict[str, Any] = {"model": target.model, "messages": _write_messages(conversation, own)}
    _put(body, can.max_tokens_field, conversation.max_tokens)
    for name in ("temperature", "top_p", "presence_penalty", "frequency_penalty", "seed", "n", "user"):
        if (value := getattr(conversation, name)) is not None:
            body[name] = value
    _put(body, "stop", list(conversation.stop) or None)
    if conversation.tools:
        body["tools"] = [_write_tool(tool) for tool in conversation.tools]
    _write_choice(body, conversation.tool_choice)
    _put(body, "response_format", _write_format(conversation.output_format))
    if conversation.thinking is not None:
        off = "none" if conversation.thinking.mode == "off" else None
        _put(body, "reasoning_effort", conversation.thinking.effort or off)
    if conversation.stream:
        body["stream"] = True
        # Usage is asked for always: a call without its tokens cannot be accounted for.
        body["stream_options"] = {"include_usage": True}
    if own:
        for name, value in conversation.extra.items():
            body.setdefault(name, value)
    return WireRequest(path=path(target), body=encode(body), headers=JSON_HEADERS)


def path(target: Target, call: str = "chat/completions") -> str:
    options = target.options
    match target.api:
        case "azure-openai":
            version = quote(target.api_version or options.get("api_version", "2024-10-21"), safe="")
            return f"/openai/deployments/{quote(target.model, safe='')}/{call}?api-version={version}"
        case "azure-openai-v1":
            return f"/openai/v1/{call}"
        case "vertex-openai":
            where = f"projects/{options.get('project', '')}/locations/{options.get('location', 'global')}"
            return f"/v1/{where}/endpoints/openapi/{call}"
        case _:
            return f"/v1/{call}"


def _put(body: dict[str, Any], name: str, value: object) -> None:
    if value is not None:
        body[name] = value


def _write_messages(conversation: Conversation, own: bool) -> list[object]:
    messages: list[object] = []
    for text in conversation.system:
        messages.append(_write_system(text))
    for turn in conversation.turns:
        if not own and len(turn.blocks) == 1 and turn.role != "system":
            only = turn.blocks[0]  # a turn is one text, mostly
            if type(only) is Text:
                messages.append({"role": turn.role, "content": only.text})
                continue
        if turn.role == "system":
            messages.extend(_write_system(block) for block in turn.blocks)
        elif turn.role == "assistant":
            messages.append(_write_assistant(turn, own))
        else:
            messages.extend(_write_user(turn, own))
    return messages


def _write_system(block: Block) -> object:
    if not isinstance(block, Text):
        return block.value if isinstance(block, Opaque) else {}
    role = "developer" if block.extra.get("role") else "system"
    return {"role": role, "content": block.text}


def _write_user(turn: Turn, own: bool) -> list[object]:
    messages: list[object] = []
    rest: list[Block] = []
    for block in turn.blocks:
        if isinstance(block, ToolResult):
            messages.append(_write_result(block))
        elif isinstance(block, Opaque) and block.kind == "message.function":
            messages.append(block.value)
        else:
            rest.append(block)
    if rest or not messages:
        messages.append({"role": "user", "content": _write_content(rest), **(turn.extra if own else {})})
    return messages


def _write_content(blocks: list[Block]) -> object:
    if len(blocks) == 1 and isinstance(blocks[0], Text):
        return blocks[0].text
    return [part for block in blocks if (part := _write_part(block)) is not None]


def _write_part(block: Block) -> object | None:
    match block:
        case Text():
            return {"type": "text", "text": block.text}
        case Image():
            url = (
                block.url
                if block.url is not None
                else media.data_url(block.media_type, block.data_base64 or "")
            )
            image = {"url": url, "detail": block.detail} if block.detail else {"url": url}
            return {"type": "image_url", "image_url": image}
        case Document() if block.data_base64 is not None:
            data = media.data_url(block.media_type, block.data_base64)
            return {"type": "file", "file": {"filename": block.title or "document.pdf", "file_data": data}}
        case Document():
            return {"type": "text", "text": block.text or ""}
        case Opaque():
            return block.value
    return None


def _write_assistant(turn: Turn, own: bool) -> object:
    message: dict[str, Any] = {"role": "assistant"}
    texts: list[Block] = []
    calls: list[object] = []
    for block in turn.blocks:
        if isinstance(block, ToolUse):
            function = {"name": block.name, "arguments": block.input_json}
            calls.append({"id": block.id, "type": "function", "function": function})
        elif isinstance(block, Opaque) and block.kind.startswith("call."):
            calls.append(block.value)
        elif isinstance(block, Text | Opaque):
            texts.append(block)
        elif isinstance(block, Thinking) and block.origin == NAME and block.text:
            message["reasoning_content"] = block.text
    if texts or not calls:
        message["content"] = _write_content(texts) if texts else ""
    if calls:
        message["tool_calls"] = calls
    return {**message, **(turn.extra if own else {})}


def _write_result(result: ToolResult) -> object:
    texts = [block for block in result.content if isinstance(block, Text)]
    content: object = "".join(text.text for text in texts)
    if len(texts) > 1:
        content = [{"type": "text", "text": text.text} for text in texts]
    return {"role": "tool", "tool_call_id": result.tool_use_id, "content": content}


def _write_tool(tool: Tool | Opaque) -> object:
    if isinstance(tool, Opaque):
        return tool.value
    function: dict[str, Any] = {"name": tool.name}
    _put(function, "description", tool.description)
    function["parameters"] = tool.schema or _ANY_OBJECT
    _put(function, "strict", tool.strict)
    return {"type": "function", "function": function}


def _write_choice(body: dict[str, Any], choice: ToolChoice | None) -> None:
    if choice is None or "tools" not in body:
        return
    if choice.mode == "tool":
        body["tool_choice"] = {"type": "function", "function": {"name": choice.name}}
    elif choice.mode != "auto":
        body["tool_choice"] = _CHOICES_OUT[choice.mode]
    _put(body, "parallel_tool_calls", choice.parallel)


def _write_format(form: OutputFormat | None) -> object | None:
    if form is None:
        return None
    if form.mode == "json":
        return {"type": "json_object"}
    schema: dict[str, Any] = {"name": form.name or "answer", "schema": form.schema or _ANY_OBJECT}
    _put(schema, "strict", form.strict)
    return {"type": "json_schema", "json_schema": schema}
