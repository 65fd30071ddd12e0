"""Hypothesis strategies for conversations and answers, within what every dialect can say."""

from __future__ import annotations

import base64
import json

import msgspec
from hypothesis import strategies as st

from freehold.types.conversation import (
    Answer,
    Conversation,
    Document,
    Finish,
    Image,
    Text,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    Turn,
    Usage,
)

# Any text but lone surrogates, which JSON cannot carry.
words = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=40)
names = st.from_regex(r"[a-zA-Z0-9_-]{1,20}", fullmatch=True)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(words, values, max_size=3).map(
    lambda value: json.dumps(value, separators=(",", ":"))
)
base64s = st.binary(min_size=1, max_size=20).map(lambda data: base64.b64encode(data).decode())
texts = st.builds(Text, text=words)
images = st.builds(Image, media_type=st.sampled_from(["image/png", "image/jpeg"]), data_base64=base64s)
documents = st.builds(Document, media_type=st.just("application/pdf"), data_base64=base64s)
contents = st.lists(texts | images | documents, min_size=1, max_size=3).map(tuple)
users = st.builds(Turn, role=st.just("user"), blocks=contents)
SCHEMA = msgspec.Raw(b'{"type":"object","properties":{"a":{"type":"string"}}}')


@st.composite
def exchanges(draw: st.DrawFn, at: int) -> list[Turn]:
    """A question, and an answer that may call tools, whose results follow."""
    said: list[Text | ToolUse] = [draw(texts)]
    calls = [
        ToolUse(
            id=f"call_{at}_{number}", name=draw(st.sampled_from(["look", "find"])), input_json=draw(objects)
        )
        for number in range(draw(st.integers(0, 2)))
    ]
    turns = [draw(users), Turn(role="assistant", blocks=(*said, *calls))]
    results = tuple(ToolResult(tool_use_id=call.id, name=call.name, content=(draw(texts),)) for call in calls)
    return [*turns, Turn(role="user", blocks=results)] if results else turns


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    turns = [turn for at in range(draw(st.integers(0, 2))) for turn in draw(exchanges(at))]
    if not turns or turns[-1].role == "assistant":
        turns.append(draw(users))
    tools = tuple(Tool(name=name, description="d", schema=SCHEMA) for name in ("look", "find"))
    return Conversation(
        model="m", turns=tuple(turns), tools=tools, max_tokens=draw(st.integers(1, 100_000)),
        system=tuple(draw(st.lists(texts, max_size=1))),
        temperature=draw(st.none() | st.sampled_from([0.0, 0.5, 1.0])),
        top_p=draw(st.none() | st.sampled_from([0.1, 0.9])),
        tool_choice=draw(st.none() | st.builds(ToolChoice, mode=st.sampled_from(["auto", "any"]))),
        stream=draw(st.booleans()), stream_usage=True,
    )  # fmt: skip


counts = st.integers(0, 1_000_000)
finishes: st.SearchStrategy[Finish] = st.sampled_from(["stop", "length"])


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    """Texts alternate with calls, as no dialect tells two neighbouring texts from one."""
    calls = [
        ToolUse(id=f"call_{at}", name=draw(names), input_json=draw(objects))
        for at in range(draw(st.integers(0, 3)))
    ]
    finish = "tool_use" if calls else draw(finishes)
    usage = Usage(fresh=draw(counts), cache_read=draw(counts), output=draw(counts))
    return Answer(id="abc", model="m", blocks=(draw(texts), *calls), finish=finish, usage=usage)  # type: ignore[arg-type]
