"""How one answer is made: from a marker in the text, a script file, the model's name, or by default.

A marker stands in the last user text: `[pocket words tokens=200]`, `[pocket fixed text="Yes."]`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Any, Literal, get_args

import msgspec

from freehold.dialects import DialectError
from freehold.errors import nearest
from freehold.types.conversation import Conversation, Text, ToolResult, Turn

Kind = Literal["auto", "echo", "fixed", "words", "tools", "refuse"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_MARKER = re.compile(r"\[pocket\s+([^\]]{1,400})\]")


class How(msgspec.Struct, frozen=True, kw_only=True):
    """One way of answering. Zero and empty mean: as the request asks, or as the kind does by itself."""

    kind: Kind = "auto"
    text: str = ""  # what `fixed` says
    tokens: int = 64  # how long `words` is, before max_tokens cuts it
    tokens_per_s: float = 0.0  # 0: at once
    first_token_s: float = 0.0  # time before the first piece
    thinking_tokens: int = 0  # think this long, asked to or not
    calls: int = 1  # how many tools `tools` calls at once
    tool: str = ""  # which one; empty: the first offered, and those after it
    arguments: Literal["streamed", "whole"] = "streamed"
    cache_read: int | None = None  # say so, instead of what the prompt cache says
    cache_write: int | None = None


class AnswerRule(How, frozen=True, kw_only=True):
    """A row of a script file: a way of answering, and the requests it is for. The first that fits holds."""

    home: str = ""
    model: str = ""
    contains: str = ""  # in the last user text

    def fits(self, conversation: Conversation, home: str) -> bool:
        return (
            self.home in ("", home)
            and self.model in ("", conversation.model)
            and self.contains in last_user_text(conversation)
        )


class ScriptFile(msgspec.Struct, frozen=True, kw_only=True):
    """`[answers.NAME]` tables, in the order of the file."""

    answers: dict[str, AnswerRule] = {}


def choose(conversation: Conversation, rules: Sequence[AnswerRule] = (), home: str = "") -> How:
    marked = _marked(conversation)
    if marked is not None:
        return marked
    for rule in rules:
        if rule.fits(conversation, home):
            return rule
    named: Kind = next((kind for kind in KINDS if kind == conversation.model), "auto")
    return How(kind=named)


def last_user_text(conversation: Conversation) -> str:
    for turn in reversed(conversation.turns):
        if turn.role == "user" and (said := text_of(turn)):
            return said
    return ""


def text_of(turn: Turn) -> str:
    return "\n".join(block.text for block in turn.blocks if isinstance(block, Text))


def prefill(conversation: Conversation) -> str:
    """What the assistant has already begun to say, when the conversation ends with it."""
    if conversation.turns and conversation.turns[-1].role == "assistant":
        return "".join(block.text for block in conversation.turns[-1].blocks if isinstance(block, Text))
    return ""


def tool_results(conversation: Conversation) -> list[ToolResult]:
    """The results the last turn brings, if it brings any."""
    last = conversation.turns[-1].blocks if conversation.turns else ()
    return [block for block in last if isinstance(block, ToolResult)]


def _marked(conversation: Conversation) -> How | None:
    match = _MARKER.search(last_user_text(conversation))
    if match is None:
        return None
    try:
        kind, *pairs = shlex.split(match[1])
        values: dict[str, Any] = {"kind": kind}
        for pair in pairs:
            name, _, value = pair.partition("=")
            _known(name)
            values[name] = value
        return msgspec.convert(values, How, strict=False)
    except (ValueError, msgspec.ValidationError) as error:
        raise _bad_marker(match[0], str(error)) from error


def _known(name: str) -> None:
    if name not in How.__struct_fields__:
        close = nearest(name, How.__struct_fields__)
        raise ValueError(f"there is no setting {name!r}" + (f"; the closest is {close!r}" if close else ""))


def _bad_marker(marker: str, why: str) -> DialectError:
    return DialectError(
        f"the marker {marker!r} cannot be followed",
        why=why,
        fix=f"write [pocket KIND name=value], with KIND one of {', '.join(KINDS)}",
        code="pocket.bad-marker",
    )
