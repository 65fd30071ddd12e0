"""Thoughts already thought, and how much the model should think now."""

from __future__ import annotations

import msgspec

from freehold.dialects.fitting.draft import Draft
from freehold.types.conversation import Thinking, ThinkingConfig, ToolResult, ToolUse, Turn

# Between a number of tokens and a word for it there is no exact translation; these are the steps, noted.
BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 24576, "xhigh": 32768, "max": 32768}
BUDGET_MIN = 1024
_ORDER = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


def fit_thoughts(draft: Draft) -> None:
    """A thought goes back to who signed it, or nowhere."""
    if draft.plain:
        return
    turns: tuple[Turn, ...] = draft.now.turns
    foreign: set[str] = set()
    calls: set[str] = set()
    for turn in turns:
        for block in turn.blocks:
            if isinstance(block, ToolUse):
                if block.signature is not None and block.origin != draft.origin:
                    calls.add(block.origin)
            elif isinstance(block, Thinking) and not _ours(draft, block):
                foreign.add(block.origin or "nobody")
    if not foreign and not calls:
        return
    if calls:
        turns = tuple(_unsigned(draft, turn) for turn in turns)
    kept = []
    for turn in turns:
        blocks = tuple(b for b in turn.blocks if not isinstance(b, Thinking) or _ours(draft, b))
        if blocks:
            kept.append(msgspec.structs.replace(turn, blocks=blocks))
    whose = ", ".join(sorted(foreign | calls))
    note = f"thoughts and signatures of {whose} left behind: they go back to who signed them, or nowhere"
    draft.change(note, turns=tuple(kept))


def _ours(draft: Draft, block: Thinking) -> bool:
    return block.origin == draft.origin


def _unsigned(draft: Draft, turn: Turn) -> Turn:
    blocks = tuple(
        msgspec.structs.replace(block, signature=None, origin="")
        if isinstance(block, ToolUse) and block.origin != draft.origin
        else block
        for block in turn.blocks
    )
    return msgspec.structs.replace(turn, blocks=blocks)


def fit_thinking(draft: Draft) -> None:
    asked: ThinkingConfig | None = draft.now.thinking
    if asked is None:
        return
    if asked.mode == "off":
        _fit_off(draft, asked)
    elif not draft.can.thinking:
        draft.change("thinking dropped: this model does not think", thinking=None)
    else:
        _fit_amount(draft, asked)
    if draft.form == "anthropic" or draft.form == "bedrock":
        _fit_around(draft)


def _fit_off(draft: Draft, asked: ThinkingConfig) -> None:
    if asked.extra and not draft.own:
        asked = msgspec.structs.replace(asked, extra={})
        draft.change("", thinking=asked)
    if not draft.can.thinking:
        draft.change("", thinking=None)
    elif not draft.can.thinking_off and not draft.own:
        least = draft.can.efforts[0] if draft.can.efforts else "low"
        draft.change(f"thinking cannot be switched off here: effort set to {least}",
                     thinking=ThinkingConfig(mode="on", effort=least))  # fmt: skip
    elif "effort" in draft.can.thinking and draft.form in ("openai", "responses"):
        draft.change("", thinking=msgspec.structs.replace(asked, effort="none"))


def _fit_amount(draft: Draft, asked: ThinkingConfig) -> None:
    can, budget, effort = draft.can, asked.budget_tokens, asked.effort
    extra = asked.extra if draft.own else {}
    if budget is not None:
        if "budget" in can.thinking:
            if asked.extra and not draft.own:
                draft.change("", thinking=msgspec.structs.replace(asked, extra={}))
            return
        effort = next((name for name, most in BUDGETS.items() if budget <= most), "high")
        effort = _nearest(effort, can.efforts)
        draft.change(f"a thinking budget of {budget} tokens said as effort {effort}",
                     thinking=ThinkingConfig(mode="adaptive", effort=effort, extra=extra))  # fmt: skip
    elif "effort" in can.thinking:
        if effort is not None and effort not in can.efforts and can.efforts:
            near = _nearest(effort, can.efforts)
            draft.change(f"effort {effort} said as {near}",
                         thinking=ThinkingConfig(mode="adaptive", effort=near, extra=extra))  # fmt: skip
        elif not draft.own:
            draft.change("", thinking=ThinkingConfig(mode="adaptive", effort=effort))
    elif "budget" in can.thinking and not (draft.own and draft.form == "gemini"):
        tokens = BUDGETS.get(effort or "medium", BUDGETS["medium"])
        draft.change(f"effort {effort or 'unsaid'} said as a thinking budget of {tokens} tokens",
                     thinking=ThinkingConfig(mode="on", budget_tokens=tokens))  # fmt: skip


def _nearest(effort: str, allowed: tuple[str, ...]) -> str:
    if not allowed or effort in allowed:
        return effort
    at = _ORDER.index(effort) if effort in _ORDER else _ORDER.index("medium")
    return min(allowed, key=lambda name: abs(_ORDER.index(name) - at))


def _fit_around(draft: Draft) -> None:
    """What Claude refuses beside thinking: a budget over the limit, a forced tool, a temperature."""
    asked: ThinkingConfig | None = draft.now.thinking
    if asked is None or asked.mode == "off" or "implied" in asked.extra:
        return
    choice = draft.now.tool_choice
    if choice is not None and choice.mode in ("any", "tool") and not draft.own:
        draft.change("thinking dropped: this home does not think before a forced tool", thinking=None)
        return
    if asked.budget_tokens is not None and not draft.own:
        _fit_budget(draft, asked, asked.budget_tokens)
    if asked.budget_tokens is not None and _calls_unthought(draft):
        draft.change("thinking dropped: the open tool call was thought out elsewhere", thinking=None)
    if draft.now.thinking is not None and not draft.own:
        if draft.now.temperature is not None and draft.now.temperature != 1:
            heat = draft.now.temperature
            draft.change(f"temperature {heat:g} dropped: not taken beside thinking", temperature=None)
        if draft.now.top_k is not None:
            draft.change(f"top_k {draft.now.top_k} dropped: not taken beside thinking", top_k=None)


def _fit_budget(draft: Draft, asked: ThinkingConfig, budget: int) -> None:
    limit = draft.now.max_tokens
    if budget < BUDGET_MIN:
        budget = BUDGET_MIN
    if limit is not None and budget >= limit:
        budget = limit // 2
    if budget < BUDGET_MIN:
        draft.change(f"thinking dropped: {limit} tokens leave no room for it", thinking=None)
    elif budget != asked.budget_tokens:
        thinking = msgspec.structs.replace(asked, budget_tokens=budget)
        draft.change(f"the thinking budget set to {budget}, within the limit", thinking=thinking)


def _calls_unthought(draft: Draft) -> bool:
    """Is a tool's result on its way back to a call that this home did not think out?"""
    turns: tuple[Turn, ...] = draft.now.turns
    if not turns or not any(isinstance(block, ToolResult) for block in turns[-1].blocks):
        return False
    called = next((turn for turn in reversed(turns) if turn.role == "assistant"), None)
    return called is not None and not isinstance(next(iter(called.blocks), None), Thinking)
