from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.dialects import codec
from freehold.dialects.assemble import Collector, collect, replay
from freehold.types.conversation import (
    Answer,
    BlockEnd,
    BlockStart,
    Opaque,
    StreamError,
    Text,
    TextDelta,
    ToolDelta,
    ToolUse,
)
from tests.dialects import homes
from tests.dialects.matrix import recorded, told
from tests.dialects.strategies import answers

STREAMS = [(form, feature) for form in homes.FORMS for feature in ("stream", "tool stream")]


def plain(answer: Answer) -> object:
    """What an answer says, without the fields of its own dialect and the spelling of its JSON."""
    blocks = [
        (block.id, block.name, json.loads(block.input_json)) if isinstance(block, ToolUse)
        else msgspec.structs.replace(block, extra={})  # type: ignore[call-arg]
        for block in answer.blocks
    ]  # fmt: skip
    return blocks, answer.finish, answer.usage.fresh, answer.usage.cache_read, answer.usage.output


@given(answers())
def test_replayed_answer_collects_to_itself(answer: Answer) -> None:
    assert collect(replay(answer)) == answer


@pytest.mark.parametrize("form", homes.FORMS)
@given(answer=answers())
def test_streamed_answer_says_what_the_whole_one_says(form: str, answer: Answer) -> None:
    side = codec(form)
    asked = recorded(form, "stream")
    assert asked is not None
    reader = side.stream_reader()
    wire = told(side, answer, asked.conversation, "stream")
    streamed = collect([*reader.feed(wire), *reader.close()])
    whole = side.read_answer(side.write_answer(answer, asked.conversation))
    assert plain(streamed) == plain(whole)


@pytest.mark.parametrize(("form", "feature"), STREAMS)
@given(data=st.data())
def test_any_chunking_gives_the_same_events(form: str, feature: str, data: st.DataObject) -> None:
    _, _, body = homes.answer(form, feature)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(body)), max_size=12)))
    pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    once, many = codec(form).stream_reader(), codec(form).stream_reader()
    expected = [*once.feed(body), *once.close()]
    found = [event for piece in pieces for event in many.feed(piece)]
    assert [*found, *many.close()] == expected


@pytest.mark.parametrize(("form", "feature"), STREAMS)
def test_byte_by_byte_gives_the_same_events(form: str, feature: str) -> None:
    _, _, body = homes.answer(form, feature)
    once, many = codec(form).stream_reader(), codec(form).stream_reader()
    found = [event for at in range(len(body)) for event in many.feed(body[at : at + 1])]
    assert [*found, *many.close()] == [*once.feed(body), *once.close()]


@pytest.mark.parametrize(("form", "feature"), STREAMS)
def test_cut_stream_is_an_error_wherever_it_is_cut(form: str, feature: str) -> None:
    _, _, body = homes.answer(form, feature)
    for size in range(0, len(body) // 2, 7):
        reader = codec(form).stream_reader()
        events = [*reader.feed(body[:size]), *reader.close()]
        assert not reader.ended
        assert isinstance(events[-1], StreamError)


def test_collector_tells_the_text_so_far() -> None:
    collector = Collector()
    collector.take(BlockStart(index=0, block=Text(text="")))
    collector.take(TextDelta(index=0, text="so "))
    collector.take(TextDelta(index=0, text="far"))
    assert collector.text == "so far"


def test_collector_puts_fragments_into_a_vendors_own_call() -> None:
    block = Opaque(origin="anthropic", kind="server_tool_use", value=msgspec.Raw(b'{"type":"x","input":{}}'))
    collector = Collector()
    for event in (BlockStart(index=0, block=block), ToolDelta(index=0, json='{"q":1}'), BlockEnd(index=0)):
        collector.take(event)
    whole = collector.answer().blocks[0]
    assert isinstance(whole, Opaque)
    assert bytes(whole.value) == b'{"type":"x","input":{"q":1}}'
