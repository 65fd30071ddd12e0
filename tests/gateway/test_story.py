import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.gateway.story import Join, Story, continued, reasked, tokens_left, without_repeat
from freehold.types.conversation import (
    Begin,
    BlockEnd,
    BlockStart,
    Conversation,
    End,
    Event,
    Finished,
    Text,
    TextDelta,
    Thinking,
    ToolDelta,
    ToolUse,
    Turn,
)

ASKED = Conversation(model="m", turns=(Turn(role="user", blocks=(Text(text="?"),)),), max_tokens=10)


def told(*pieces: str, events: Iterable[Event] = ()) -> Story:
    story = Story()
    for event in (Begin(id="1", model="m"), BlockStart(index=0, block=Text(text=""))):
        story.note(event)
    for piece in pieces:
        story.note(TextDelta(index=0, text=piece))
    for event in events:
        story.note(event)
    return story


def second(*pieces: str) -> list[Event]:
    """What another home sends of its own accord."""
    return [
        Begin(id="2", model="n"), BlockStart(index=0, block=Text(text="")),
        *(TextDelta(index=0, text=piece) for piece in pieces), BlockEnd(index=0),
        Finished(finish="stop"), End(),
    ]  # fmt: skip


def joined(story: Story, events: Iterable[Event], *, trims_overlap: bool = False) -> list[Event]:
    join = Join(story, trims_overlap=trims_overlap)
    out: list[Event] = []
    for event in events:
        for fitted in join.take(event):
            story.note(fitted)
            out.append(fitted)
    return out


def test_second_home_goes_on_in_the_block_that_is_open() -> None:
    story = told("one", " two")
    assert joined(story, second(" three")) == [
        TextDelta(index=0, text=" three"), BlockEnd(index=0), Finished(finish="stop"), End()
    ]  # fmt: skip
    assert story.text == "one two three"


@given(
    st.text(alphabet="ab \n", min_size=1, max_size=30),
    st.integers(0, 30),
    st.lists(st.integers(0, 30), max_size=4),
)
def test_exact_continuation_loses_and_repeats_nothing_wherever_it_is_cut(
    full: str, cut: int, seams: list[int]
) -> None:
    said = full[:cut]
    story = told(*([said] if said else []))
    rest = full[len(said.rstrip()) :]  # a home that is told the text so far without its trailing white space
    places = [0, *sorted(min(seam, len(rest)) for seam in seams), len(rest)]
    pieces = [rest[a:b] for a, b in itertools.pairwise(places) if b > a]
    joined(story, second(*pieces))
    assert story.text == full


def test_answer_that_was_complete_is_closed_in_order() -> None:
    story = told("done.")
    assert joined(story, [Begin(id="2", model="n"), Finished(finish="stop"), End()]) == [
        BlockEnd(index=0), Finished(finish="stop"), End()
    ]  # fmt: skip


def test_tool_call_after_the_seam_gets_the_next_index() -> None:
    story = told("let me look")
    call = ToolUse(id="t", name="f", input_json="")
    out = joined(
        story, [Begin(id="2", model="n"), BlockStart(index=0, block=call), ToolDelta(index=0, json="{}")]
    )
    assert out == [BlockEnd(index=0), BlockStart(index=1, block=call), ToolDelta(index=1, json="{}")]


@pytest.mark.parametrize(
    "event", [BlockStart(index=1, block=ToolUse(id="t", name="f")), BlockStart(index=1, block=Thinking())]
)
def test_what_no_home_can_take_up_is_not_continued(event: Event) -> None:
    assert told("one", events=[event]).why_not_continue()


def test_plain_text_can_be_continued() -> None:
    assert told("one").why_not_continue() == ""


def test_request_to_go_on_ends_with_what_was_said_and_what_is_left_of_the_limit() -> None:
    asked = continued(ASKED, told("one", " two", " "))
    assert asked.turns[-1] == Turn(role="assistant", blocks=(Text(text="one two"),))
    assert asked.max_tokens == 7


def test_answer_the_caller_had_begun_is_gone_on_with() -> None:
    begun = Conversation(model="m", turns=(*ASKED.turns, Turn(role="assistant", blocks=(Text(text="So: "),))))
    assert continued(begun, told("one")).turns[-1].blocks == (Text(text="So: one"),)


def test_nothing_but_white_space_said_is_asked_as_it_was() -> None:
    assert continued(ASKED, told("\n")).turns == ASKED.turns


def test_limit_that_is_used_up_leaves_nothing() -> None:
    assert tokens_left(ASKED, told(*["x"] * 10)) == 0


def test_model_without_prefill_is_asked_in_words() -> None:
    asked = reasked(ASKED, told("One. Two"))
    assert [turn.role for turn in asked.turns] == ["user", "assistant", "user"]


@pytest.mark.parametrize(
    ("text", "gap", "tail", "left"),
    [(" three", "", "two", " three"), ("two three", "", "two", " three"), ("o three", "", "two", "o three"),
     ("Two three", "", "two", "Two three"), (" three", " ", "", "three"), ("three", " ", "", "three")],
)  # fmt: skip
def test_words_repeated_at_the_seam_are_cut(text: str, gap: str, tail: str, left: str) -> None:
    assert without_repeat(text, gap, tail) == left


def test_reasked_answer_is_cut_at_the_last_sentence() -> None:
    story = told("One. Two thr")
    joined(story, second("Two", " thr", "ee. Four."), trims_overlap=True)
    assert story.text == "One. Two three. Four."
