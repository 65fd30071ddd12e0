"""Tools, the choice among them, calls and their results; structured output."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from freehold.dialects.fields import parse, raw
from freehold.dialects.fitting.draft import Draft
from freehold.types.conversation import (
    Block,
    Opaque,
    OutputFormat,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
)

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_STRICT_FORMS = ("anthropic", "bedrock")
_SCHEMA_DEPTH_MAX = 64


def fit_tools(draft: Draft) -> None:
    uses, results = draft.uses, draft.results
    if draft.now.tools:
        _fit_definitions(draft)
    elif (uses or results) and draft.form in _STRICT_FORMS:
        draft.leave_out("the turns hold tool calls and no tools are defined, which this api refuses")
    if draft.now.tool_choice is not None:
        _fit_choice(draft, draft.now.tool_choice, bool(uses))
    if results and not draft.own:
        known = {use.id for use in uses}
        lost = [result.tool_use_id for result in results if result.tool_use_id not in known]
        if lost and not draft.now.stored:
            draft.refuse(f"a tool's result answers call {lost[0]!r}, which no turn makes")
    if draft.form in _STRICT_FORMS and uses and not all(_ID.fullmatch(use.id) for use in uses):
        _rename_ids(draft)


def _fit_definitions(draft: Draft) -> None:
    if not draft.can.tools:
        draft.leave_out("this home takes no tools")
    for tool in draft.now.tools:
        if isinstance(tool, Opaque):
            _fit_vendor_tool(draft, tool)
        elif not _NAME.fullmatch(tool.name) and not draft.own:
            draft.leave_out(f"the tool name {tool.name!r} is not one that this home takes")
        elif tool.strict and not draft.can.strict_tools:
            draft.leave_out(f"tool {tool.name!r} is strict, and this home does not hold to schemas")


def _fit_vendor_tool(draft: Draft, tool: Opaque) -> None:
    kind = tool.kind.removeprefix("tool.")
    if tool.origin != draft.form:
        draft.leave_out(f"the tool {kind!r} is run by {tool.origin}'s own vendor")
    elif not any(fnmatchcase(kind, pattern) for pattern in draft.can.vendor_tools):
        draft.leave_out(f"the tool {kind!r} is not offered at this home")


def _fit_choice(draft: Draft, choice: ToolChoice, called: bool) -> None:
    names = {tool.name for tool in draft.now.tools if isinstance(tool, Tool)}
    if choice.mode == "tool" and choice.name not in names and not draft.own:
        draft.refuse(f"the tool choice names {choice.name!r}, which is not among the tools")
    if choice.parallel is False and not draft.can.parallel_control and draft.now.tools:
        draft.leave_out("parallel tool calls are switched off, which this api cannot do")
    if choice.mode == "none" and not draft.can.tool_choice_none and draft.now.tools:
        if called:
            draft.leave_out("the tool choice is none beside earlier calls, which this api cannot say")
        else:
            draft.change("tools taken away: the choice is none, which this api has no word for",
                         tools=(), tool_choice=None)  # fmt: skip


def _rename_ids(draft: Draft) -> None:
    """Ids that this home's form refuses get new ones; they mean nothing but who answers whom."""
    names: dict[str, str] = {}

    def name(id: str) -> str:
        if _ID.fullmatch(id):
            return id
        return names.setdefault(id, f"call_{len(names)}")

    def renamed(block: Block) -> Block:
        if isinstance(block, ToolUse):
            return msgspec.structs.replace(block, id=name(block.id))
        if isinstance(block, ToolResult):
            return msgspec.structs.replace(block, tool_use_id=name(block.tool_use_id))
        return block

    turns = tuple(
        msgspec.structs.replace(turn, blocks=tuple(renamed(block) for block in turn.blocks))
        for turn in draft.now.turns
    )
    draft.change("ids of tool calls renamed: this api takes letters, digits, - and _ only", turns=turns)


def fit_format(draft: Draft) -> None:
    form: OutputFormat | None = draft.now.output_format
    if form is None:
        return
    if form.mode == "json" and not draft.can.json_mode:
        draft.leave_out("JSON without a schema is asked for, which this api cannot promise")
    elif form.mode == "schema" and not draft.can.schema_mode:
        draft.leave_out("structured output is asked for, which this home cannot promise")
    elif form.mode == "schema" and draft.form in _STRICT_FORMS and not draft.own and form.schema is not None:
        closed = _closed(parse(bytes(form.schema)))
        if closed is None:
            draft.leave_out("the schema allows properties it does not name, which this home refuses")
        elif closed != parse(bytes(form.schema)):
            form = msgspec.structs.replace(form, schema=raw(closed))
            draft.change("additionalProperties set to false, as this home requires", output_format=form)


def _closed(schema: Any, depth: int = 0) -> Any:
    """The schema with every object closed; None where an object is open on purpose."""
    if type(schema) is list:
        made = [_closed(each, depth + 1) for each in schema]
        return (
            None
            if any(new is None and old is not None for new, old in zip(made, schema, strict=True))
            else made
        )
    if type(schema) is not dict or depth > _SCHEMA_DEPTH_MAX:
        return schema
    closed: dict[str, Any] = {}
    for name, value in schema.items():
        if name in ("enum", "const", "default", "examples"):
            closed[name] = value
        elif (new := _closed(value, depth + 1)) is None and value is not None:
            return None
        else:
            closed[name] = new
    if schema.get("type") == "object":
        if schema.get("additionalProperties", False) is not False:
            return None
        closed["additionalProperties"] = False
    return closed
