"""The scripted engine: echo, fixed text, endless words, tool calls, structured output, thinking, refusals.

Everything it says is a function of the request, so that tests can know it and a cut stream can be continued.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from freehold.clock import Clock, SystemClock
from freehold.pocket import script, signature, words
from freehold.pocket.cache import PromptCache
from freehold.pocket.engine import Step, Wait
from freehold.pocket.instance import instance
from freehold.pocket.script import AnswerRule, How
from freehold.types.conversation import (
    Begin,
    Block,
    BlockEnd,
    BlockStart,
    Conversation,
    End,
    Finish,
    Finished,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    Tool,
    ToolDelta,
    ToolUse,
    Usage,
    UsageReport,
)

TOKENS_DEFAULT = 4096
THINKING_TOKENS = 12
CALLS_MAX = 16
ARGUMENT_CHARS = 8  # of one streamed fragment
REFUSAL = "I cannot help with that."
_CALL_PREFIX = {"anthropic": "toolu_", "bedrock": "tooluse_"}


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    """One block to stream: how it opens, and its pieces."""

    block: Block
    pieces: Sequence[str]
    signature: str | None = None


class ScriptedEngine:
    blocking = False

    def __init__(
        self, rules: Sequence[AnswerRule] = (), *, home: str = "", clock: Clock | None = None
    ) -> None:
        self._rules, self._home = tuple(rules), home
        self._clock = clock or SystemClock()
        self._cache = PromptCache()

    def answer(self, conversation: Conversation, id: str) -> Iterator[Step]:
        """Refuses (DialectError) before the first event, never after."""
        signature.check(conversation)
        how = script.choose(conversation, self._rules, self._home)
        parts, finish, stopped = _parts(how, conversation)
        counted = self._cache.count(conversation, self._clock.monotonic_ns())
        usage = Usage(
            fresh=counted.fresh,
            cache_read=counted.read if how.cache_read is None else how.cache_read,
            cache_write=counted.write if how.cache_write is None else how.cache_write,
        )
        return _stream(conversation, id, how, parts, finish, stopped, usage)


def _stream(
    conversation: Conversation, id: str, how: How, parts: Sequence[_Part], finish: Finish,
    stopped: str | None, usage: Usage,
) -> Iterator[Step]:  # fmt: skip
    limit = conversation.max_tokens or TOKENS_DEFAULT
    spent = thought = 0
    yield Begin(id=id, model=conversation.model, usage=usage, dialect=conversation.dialect)
    if how.first_token_s:
        yield Wait(seconds=how.first_token_s)
    for index, part in enumerate(parts):
        yield BlockStart(index=index, block=part.block)
        said = part.pieces[: limit - spent]
        for piece in said:
            if how.tokens_per_s and spent:
                yield Wait(seconds=1 / how.tokens_per_s)
            yield _delta(part.block, index, piece)
            spent += 1
        thought += len(said) if isinstance(part.block, Thinking) else 0
        if part.signature is not None:
            yield ThinkingDelta(index=index, signature=part.signature)
        yield BlockEnd(index=index)
        if len(said) < len(part.pieces):
            finish, stopped = "length", None
            break
    whole = msgspec.structs.replace(usage, output=spent, reasoning=thought or None)
    yield Finished(finish=finish, stop_sequence=stopped, usage=whole)
    yield UsageReport(usage=whole)
    yield End()


def _delta(block: Block, index: int, piece: str) -> TextDelta | ThinkingDelta | ToolDelta:
    match block:
        case Thinking():
            return ThinkingDelta(index=index, text=piece)
        case ToolUse():
            return ToolDelta(index=index, json=piece)
        case _:
            return TextDelta(index=index, text=piece)


def _parts(how: How, conversation: Conversation) -> tuple[list[_Part], Finish, str | None]:
    parts = list(_thinking(how, conversation))
    called = _called(how, conversation)
    if called:
        parts += [_call(how, conversation, tool, number) for number, tool in enumerate(called)]
        return parts, "tool_use", None
    said, stopped = _until_stop(_said(how, conversation), conversation.stop)
    parts.append(_Part(block=Text(text=""), pieces=words.pieces(said)))
    finish: Finish = "refusal" if how.kind == "refuse" else "stop_sequence" if stopped else "stop"
    return parts, finish, stopped


def _thinking(how: How, conversation: Conversation) -> Iterator[_Part]:
    asked = conversation.thinking is not None and conversation.thinking.mode != "off"
    if asked or how.thinking_tokens:
        thought = words.text(f"thinking:{_seed(conversation)}", how.thinking_tokens or THINKING_TOKENS)
        yield _Part(
            block=Thinking(text=""),
            pieces=words.pieces(thought),
            signature=signature.sign(conversation.dialect, thought),
        )


def _said(how: How, conversation: Conversation) -> str:
    """The text still to say: a conversation that ends with the assistant's own words is continued."""
    return words.rest(_full_text(how, conversation), script.prefill(conversation))


def _full_text(how: How, conversation: Conversation) -> str:
    match how.kind:
        case "fixed":
            return how.text
        case "words":
            return words.text(_seed(conversation), how.tokens)
        case "refuse":
            return REFUSAL
        case "auto" if conversation.output_format is not None:
            schema = conversation.output_format.schema
            value: Any = {"answer": script.last_user_text(conversation)}
            return json.dumps(instance(msgspec.json.decode(schema)) if schema is not None else value)
        case "auto" if results := script.tool_results(conversation):
            texts = (block.text for result in results for block in result.content if isinstance(block, Text))
            return "The tools said: " + "; ".join(texts)
        case _:
            return script.last_user_text(conversation)


def _called(how: How, conversation: Conversation) -> list[Tool]:
    offered = [tool for tool in conversation.tools if isinstance(tool, Tool)]
    choice = conversation.tool_choice
    if not offered or (choice is not None and choice.mode == "none"):
        return []
    if how.kind == "tools":
        named = [tool for tool in offered if tool.name == how.tool] or offered
        return [named[number % len(named)] for number in range(min(how.calls, CALLS_MAX))]
    if how.kind != "auto":
        return []
    if choice is not None and choice.mode == "tool":
        return [tool for tool in offered if tool.name == choice.name][:1]
    mentioned = [] if script.tool_results(conversation) else _mentioned(offered, conversation)
    if choice is not None and choice.mode == "any":
        mentioned = mentioned or offered[:1]
    single = choice is not None and choice.parallel is False
    return mentioned[:1] if single else mentioned[:CALLS_MAX]


def _mentioned(offered: Sequence[Tool], conversation: Conversation) -> list[Tool]:
    said = set(re.findall(r"[\w.-]+", script.last_user_text(conversation)))
    return [tool for tool in offered if tool.name in said]


def _call(how: How, conversation: Conversation, tool: Tool, number: int) -> _Part:
    schema = msgspec.json.decode(tool.schema) if tool.schema is not None else {"type": "object"}
    written = json.dumps(instance(schema))
    step = ARGUMENT_CHARS if how.arguments == "streamed" else len(written)
    tag = hashlib.sha256(f"{_seed(conversation)}:{tool.name}:{number}".encode()).hexdigest()[:20]
    signed = conversation.dialect == "gemini" and number == 0  # that vendor signs the first of a turn
    block = ToolUse(
        id=_CALL_PREFIX.get(conversation.dialect, "call_") + tag,
        name=tool.name,
        input_json="",
        origin=conversation.dialect,
        signature=signature.sign(conversation.dialect, tag) if signed else None,
    )
    return _Part(block=block, pieces=[written[at : at + step] for at in range(0, len(written), step)])


def _until_stop(said: str, stops: Sequence[str]) -> tuple[str, str | None]:
    found = [(said.index(stop), stop) for stop in stops if stop and stop in said]
    if not found:
        return said, None
    at, stop = min(found)
    return said[:at], stop


def _seed(conversation: Conversation) -> str:
    """What users said, and nothing a translation between dialects may change."""
    said = [script.text_of(turn) for turn in conversation.turns if turn.role == "user"]
    return hashlib.sha256("\x00".join(said).encode()).hexdigest()
