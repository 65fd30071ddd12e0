"""A Responses request, read and written."""

from __future__ import annotations

from typing import Any

from freehold.dialects.base import JSON_HEADERS, Inbound, Target, WireRequest
from freehold.dialects.fields import Fields, encode, parse, raw
from freehold.dialects.responses.items import NAME, read_item, write_input
from freehold.types.conversation import (
    Conversation,
    Opaque,
    OutputFormat,
    Role,
    StoredState,
    Text,
    ThinkingConfig,
    Tool,
    ToolChoice,
    Turn,
)

_ANY_OBJECT = {"type": "object", "properties": {}}
_CHOICES_IN = {"auto": "auto", "none": "none", "required": "any"}
_CHOICES_OUT = {"auto": "auto", "none": "none", "any": "required"}


def read_request(inbound: Inbound, body: bytes) -> Conversation:
    fields = Fields.of(body)
    stored = _read_stored(fields)
    system, turns = _read_input(fields, stored)
    instructions = fields.maybe("instructions")
    if instructions is not None:
        system = (Text(text=instructions, extra={"instructions": raw(True)}), *system)
    form, verbosity = _read_text(fields)
    return Conversation(
        model=inbound.model or fields.text("model"), turns=turns, system=system,
        tools=tuple(_read_tool(tool) for tool in fields.objects("tools")), tool_choice=_read_choice(fields),
        max_tokens=fields.count("max_output_tokens"), temperature=fields.number("temperature"),
        top_p=fields.number("top_p"), stream=fields.flag("stream") or False, stream_usage=True,
        output_format=form, thinking=_read_reasoning(fields.object("reasoning")), user=fields.maybe("user"),
        stored=tuple(stored), dialect=NAME, extra={**verbosity, **fields.extra()},
    )  # fmt: skip


def _read_stored(fields: Fields) -> list[StoredState]:
    stored = []
    if (id := fields.left.get("previous_response_id")) is not None:
        if type(id) is not str:
            raise fields.wrong("previous_response_id", "text", id)
        stored.append(StoredState(kind="previous_response", id=id))
    named = fields.left.get("conversation")
    if type(named) is dict:
        named = named.get("id")
    if type(named) is str:
        stored.append(StoredState(kind="conversation", id=named))
    return stored


def _read_input(
    fields: Fields, stored: list[StoredState]
) -> tuple[tuple[Text | Opaque, ...], tuple[Turn, ...]]:
    given = fields.left.get("input")
    if type(given) is str:
        del fields.left["input"]
        return (), (Turn(role="user", blocks=(Text(text=given),)),)
    if given is None and not stored and "prompt" not in fields.left:
        raise fields.fault("input", "it is required")
    system: list[Text | Opaque] = []
    turns: list[Turn] = []
    before: tuple[Role, bool] | None = None  # who spoke last, and whether it was a tool's result
    for item in fields.objects("input"):
        result = item.left.get("type") == "function_call_output"
        role, blocks = read_item(item, stored)
        if role == "system" and not turns:
            system.extend(block for block in blocks if isinstance(block, Text | Opaque))
            continue
        joins = before == (role, result) and (role == "assistant" or result)
        if joins:
            turns[-1] = Turn(role=role, blocks=(*turns[-1].blocks, *blocks))
        else:
            turns.append(Turn(role=role, blocks=blocks))
        before = (role, result)
    return tuple(system), tuple(turns)


def _read_tool(tool: Fields) -> Tool | Opaque:
    kind = tool.text("type")
    if kind != "function":
        return Opaque(origin=NAME, kind=f"tool.{kind}", value=raw({"type": kind, **tool.left}))
    return Tool(
        name=tool.text("name"), description=tool.maybe("description"), schema=tool.raw("parameters"),
        strict=tool.flag("strict"), extra=tool.extra(),
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
        return ToolChoice(mode="tool", name=fields.required("tool_choice").text("name"), parallel=parallel)
    return ToolChoice(mode="auto", parallel=parallel) if parallel is not None else None


def _read_text(fields: Fields) -> tuple[OutputFormat | None, dict[str, Any]]:
    text = fields.object("text")
    if text is None:
        return None, {}
    form = text.object("format")
    left = {"text": raw(text.left)} if text.left else {}
    if form is None:
        return None, left
    kind = form.text("type")
    if kind == "json_schema":
        return OutputFormat(
            mode="schema", schema=form.raw("schema"), name=form.maybe("name"), strict=form.flag("strict")
        ), left
    if kind not in ("text", "json_object"):
        raise form.fault("type", f"{kind!r} is not text, json_object or json_schema")
    return OutputFormat(mode="json") if kind == "json_object" else None, left


def _read_reasoning(reasoning: Fields | None) -> ThinkingConfig | None:
    if reasoning is None:
        return None
    effort = reasoning.maybe("effort")
    return ThinkingConfig(mode="off" if effort == "none" else "on", effort=effort, extra=reasoning.extra())


def write_request(conversation: Conversation, target: Target) -> WireRequest:
    own = conversation.dialect == NAME
    body: dict[str, Any] = {"model": target.model}
    items: list[object] = []
    for block in conversation.system:
        if (
            isinstance(block, Text)
            and "instructions" not in body
            and (not own or "instructions" in block.extra)
        ):
            body["instructions"] = block.text
        else:
            items.extend(write_input("system", (block,), own=own))
    for turn in conversation.turns:
        items.extend(write_input(turn.role, turn.blocks, own=own))
    body["input"] = items
    plain: tuple[tuple[str, Any], ...] = (
        ("max_output_tokens", conversation.max_tokens), ("temperature", conversation.temperature),
        ("top_p", conversation.top_p), ("user", conversation.user), ("stream", conversation.stream or None),
    )  # fmt: skip
    for name, value in plain:
        if value is not None:
            body[name] = value
    if conversation.tools:
        body["tools"] = [_write_tool(tool, own) for tool in conversation.tools]
    _write_choice(body, conversation.tool_choice)
    kept = dict(conversation.extra) if own else {}
    text = parse(bytes(kept.pop("text"))) if "text" in kept else {}
    if (form := _write_format(conversation.output_format)) is not None:
        text["format"] = form
    if text:
        body["text"] = text
    if conversation.thinking is not None:
        body["reasoning"] = _write_reasoning(conversation.thinking, own)
    if not own:
        # Nothing is left behind at the vendor unless the caller asked for it; its thoughts come back sealed.
        body["store"] = False
        if conversation.thinking is not None and conversation.thinking.mode != "off":
            body["include"] = ["reasoning.encrypted_content"]
    for name, value in kept.items():
        body.setdefault(name, value)
    return WireRequest(path=path(target), body=encode(body), headers=JSON_HEADERS)


def path(target: Target) -> str:
    return "/openai/v1/responses" if target.api == "azure-responses" else "/v1/responses"


def _write_tool(tool: Tool | Opaque, own: bool) -> object:
    if isinstance(tool, Opaque):
        return tool.value
    value: dict[str, Any] = {"type": "function", "name": tool.name}
    if tool.description is not None:
        value["description"] = tool.description
    value["parameters"] = tool.schema or _ANY_OBJECT
    # Left out, the API would take it as true and change what the schema allows.
    value["strict"] = tool.strict if tool.strict is not None else (None if own else False)
    return {**value, **(tool.extra if own else {})}


def _write_choice(body: dict[str, Any], choice: ToolChoice | None) -> None:
    if choice is None or "tools" not in body:
        return
    if choice.mode == "tool":
        body["tool_choice"] = {"type": "function", "name": choice.name}
    elif choice.mode != "auto":
        body["tool_choice"] = _CHOICES_OUT[choice.mode]
    if choice.parallel is not None:
        body["parallel_tool_calls"] = choice.parallel


def _write_format(form: OutputFormat | None) -> dict[str, Any] | None:
    if form is None:
        return None
    if form.mode == "json":
        return {"type": "json_object"}
    value: dict[str, Any] = {
        "type": "json_schema", "name": form.name or "answer", "schema": form.schema or _ANY_OBJECT
    }  # fmt: skip
    if form.strict is not None:
        value["strict"] = form.strict
    return value


def _write_reasoning(thinking: ThinkingConfig, own: bool) -> dict[str, Any]:
    value: dict[str, Any] = {}
    effort = "none" if thinking.mode == "off" else thinking.effort
    if effort is not None:
        value["effort"] = effort
    if not own and thinking.mode != "off":
        value["summary"] = "auto"
    return {**value, **(thinking.extra if own else {})}
