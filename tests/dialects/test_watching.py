from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.dialects import codec
from freehold.dialects.watching import Watcher, shows_content
from freehold.types.conversation import BlockStart, End, Finished, StreamError, Text, ToolUse, UsageReport
from tests.dialects import homes

STREAMS = [(form, feature) for form in homes.FORMS for feature in ("stream", "tool stream")]


@pytest.mark.parametrize(("form", "feature"), STREAMS)
@given(data=st.data())
def test_stream_passes_untouched_and_tells_its_end(form: str, feature: str, data: st.DataObject) -> None:
    _, _, body = homes.answer(form, feature)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(body)), max_size=8)))
    watcher = Watcher(codec(form))
    passed = [watcher.feed(body[a:b]) for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    passed.append(watcher.close())
    assert b"".join(each.data for each in passed) == body
    assert any(each.content for each in passed)
    events = [event for each in passed for event in each.events]
    finish = next(event.finish for event in events if isinstance(event, Finished))
    assert finish == ("tool_use" if feature == "tool stream" else "stop")
    assert isinstance(events[-1], End)


@pytest.mark.parametrize("form", homes.FORMS)
def test_usage_of_a_passing_stream_is_told(form: str) -> None:
    watcher = Watcher(codec(form))
    passed = [watcher.feed(homes.answer(form, "stream")[2]), watcher.close()]
    told = [
        event.usage for each in passed for event in each.events if isinstance(event, UsageReport | Finished)
    ]
    assert any(usage.output == homes.OUT for usage in told)


@pytest.mark.parametrize("form", homes.FORMS)
def test_cut_in_a_frame_never_reaches_the_caller(form: str) -> None:
    _, _, body = homes.answer(form, "stream")
    watcher = Watcher(codec(form))
    passed = watcher.feed(body[: len(body) // 2])
    last = watcher.close()
    assert body.startswith(passed.data)
    assert last.data == b""
    assert isinstance(last.events[-1], StreamError)


def test_usage_that_the_caller_did_not_ask_for_is_hidden() -> None:
    _, _, body = homes.answer("openai", "stream")
    watcher = Watcher(codec("openai"), hide_usage=True)
    passed = watcher.feed(body)
    assert b'"prompt_tokens"' in body
    assert b'"prompt_tokens"' not in passed.data
    assert passed.data.endswith(b"data: [DONE]\n\n")


def test_text_that_looks_like_a_finish_is_content() -> None:
    said = b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n'
    tricky = said.replace(b'"a"', b'"\\"finish_reason\\":\\"stop\\""')
    watcher = Watcher(codec("openai"))
    watcher.feed(said)
    passed = watcher.feed(tricky)
    assert (passed.content, passed.events) == (True, [])
    assert not watcher.ended


def test_error_inside_a_passing_stream_is_told() -> None:
    watcher = Watcher(codec("openai"))
    first, _, _ = homes.answer("openai", "stream")[2].partition(b"\n\n")
    watcher.feed(first)
    passed = watcher.feed(b'\n\ndata: {"error":{"message":"out","code":"insufficient_quota"}}\n\n')
    assert any(isinstance(event, StreamError) and event.message == "out" for event in passed.events)


def test_opened_block_is_content_only_if_something_is_in_it() -> None:
    assert not shows_content(BlockStart(index=0, block=Text(text="")))
    assert shows_content(BlockStart(index=0, block=ToolUse(id="t", name="n", input_json="")))


def test_malformed_frame_is_an_error_after_what_came_whole() -> None:
    first, _, _ = homes.answer("openai", "stream")[2].partition(b"\n\n")
    passed = Watcher(codec("openai")).feed(first + b"\n\ndata: {broken\n\n")
    assert passed.data == first + b"\n\n"
    assert isinstance(passed.events[-1], StreamError)
    assert passed.events[-1].kind == "malformed"
