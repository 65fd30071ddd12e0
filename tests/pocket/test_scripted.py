import itertools
from typing import Any

import msgspec
import pytest

from freehold.clock import FakeClock
from freehold.dialects import DialectError
from freehold.dialects.assemble import collect
from freehold.pocket import ScriptedEngine, Wait
from freehold.pocket.script import AnswerRule
from freehold.types.conversation import (
    Answer,
    Conversation,
    OutputFormat,
    Text,
    Thinking,
    ThinkingConfig,
    Tool,
    ToolChoice,
    ToolDelta,
    ToolResult,
    ToolUse,
    Turn,
)

CITY = msgspec.Raw(b'{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}')
WEATHER, TIME = Tool(name="get_weather", schema=CITY), Tool(name="get_time", schema=CITY)


def asked(text: str, *more: Turn, **fields: Any) -> Conversation:
    first = Turn(role="user", blocks=(Text(text=text),))
    return Conversation(**{"model": "m", "dialect": "anthropic", "turns": (first, *more), **fields})


def assistant(text: str) -> Turn:
    return Turn(role="assistant", blocks=(Text(text=text),))


def answer(conversation: Conversation, engine: ScriptedEngine | None = None) -> Answer:
    steps = (engine or ScriptedEngine()).answer(conversation, "id")
    return collect(step for step in steps if not isinstance(step, Wait))


def text(given: Answer) -> str:
    return "".join(block.text for block in given.blocks if isinstance(block, Text))


def test_echo_says_the_last_user_text() -> None:
    given = answer(asked("hello there", model="echo"))
    assert (text(given), given.finish) == ("hello there", "stop")


def test_marker_decides_before_the_file_does() -> None:
    engine = ScriptedEngine([AnswerRule(kind="fixed", text="from the file")])
    assert text(answer(asked("anything"), engine)) == "from the file"
    assert text(answer(asked('[pocket fixed text="from the marker"]'), engine)) == "from the marker"


def test_rule_is_for_the_requests_it_names() -> None:
    engine = ScriptedEngine([AnswerRule(kind="fixed", text="rain", contains="weather", model="m")])
    assert text(answer(asked("the weather?"), engine)) == "rain"
    assert text(answer(asked("the time?"), engine)) == "the time?"


@pytest.mark.parametrize("marker", ["[pocket wrods]", "[pocket words tokns=3]", "[pocket words tokens=many]"])
def test_marker_that_cannot_be_followed_is_refused(marker: str) -> None:
    with pytest.raises(DialectError, match="cannot be followed"):
        answer(asked(marker))


@pytest.mark.parametrize("cut", [0, 1, 17, 200, 10_000])
def test_answer_begun_elsewhere_is_continued_exactly(cut: int) -> None:
    question = "[pocket words tokens=40]"
    whole = text(answer(asked(question)))
    begun = whole[:cut]
    assert begun + text(answer(asked(question, assistant(begun)))) == whole


def test_limit_and_stop_sequence_end_an_answer() -> None:
    short = answer(asked("one two three", max_tokens=2))
    assert (text(short), short.finish, short.usage.output) == ("one two", "length", 2)
    stopped = answer(asked("one two three", stop=("tw", "three")))
    assert (text(stopped), stopped.finish, stopped.stop_sequence) == ("one ", "stop_sequence", "tw")


def test_tools_that_are_mentioned_are_called_at_once() -> None:
    given = answer(asked("use get_weather and get_time", tools=(WEATHER, TIME)))
    calls = [block for block in given.blocks if isinstance(block, ToolUse)]
    assert [call.name for call in calls] == ["get_weather", "get_time"]
    assert [msgspec.json.decode(call.input_json) for call in calls] == [{"city": "city"}] * 2
    assert len({call.id for call in calls}) == 2
    assert given.finish == "tool_use"


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        (ToolChoice(mode="none"), []),
        (ToolChoice(mode="any"), ["get_weather"]),
        (ToolChoice(mode="tool", name="get_time"), ["get_time"]),
        (ToolChoice(mode="auto"), []),
    ],
)
def test_tool_choice_is_followed_to_the_letter(choice: ToolChoice, called: list[str]) -> None:
    given = answer(asked("hello", tools=(WEATHER, TIME), tool_choice=choice))
    assert [block.name for block in given.blocks if isinstance(block, ToolUse)] == called


def test_parallel_calls_can_be_forbidden() -> None:
    choice = ToolChoice(mode="auto", parallel=False)
    given = answer(asked("get_weather get_time", tools=(WEATHER, TIME), tool_choice=choice))
    assert len(given.blocks) == 1


def test_tool_results_are_what_the_answer_is_about() -> None:
    result = ToolResult(tool_use_id="t", content=(Text(text="18 degrees"),))
    turns = (assistant(""), Turn(role="user", blocks=(result,)))
    assert "18 degrees" in text(answer(asked("use get_weather", *turns, tools=(WEATHER,))))


@pytest.mark.parametrize(("how", "fragments"), [("streamed", 2), ("whole", 1)])
def test_arguments_stream_in_fragments_or_come_whole(how: str, fragments: int) -> None:
    conversation = asked(f"[pocket tools arguments={how}]", tools=(WEATHER,))
    deltas = [step for step in ScriptedEngine().answer(conversation, "id") if isinstance(step, ToolDelta)]
    assert len(deltas) == fragments


def test_structured_answer_fits_the_schema() -> None:
    given = answer(asked("where?", output_format=OutputFormat(mode="schema", schema=CITY)))
    assert msgspec.json.decode(text(given)) == {"city": "city"}


def test_thinking_is_signed_and_counted() -> None:
    given = answer(asked("why?", thinking=ThinkingConfig(mode="on")))
    thought = given.blocks[0]
    assert isinstance(thought, Thinking)
    assert thought.signature
    assert given.usage.reasoning == 12
    assert given.usage.output == 13


def test_signed_thinking_comes_back_unchanged_or_not_at_all() -> None:
    thought = answer(asked("why?", thinking=ThinkingConfig(mode="on"))).blocks[0]
    assert isinstance(thought, Thinking)
    answer(asked("why?", Turn(role="assistant", blocks=(thought,))))
    changed = msgspec.structs.replace(thought, text="something else")
    with pytest.raises(DialectError, match="signature"):
        answer(asked("why?", Turn(role="assistant", blocks=(changed,))))


def test_refusal_is_a_finish_of_its_own() -> None:
    assert answer(asked("[pocket refuse]")).finish == "refusal"


def test_pace_is_a_wait_between_pieces() -> None:
    steps = ScriptedEngine().answer(asked("[pocket words tokens=3 tokens_per_s=4 first_token_s=2]"), "id")
    assert [step.seconds for step in steps if isinstance(step, Wait)] == [2, 0.25, 0.25]


def test_marked_prefix_is_written_once_and_then_read() -> None:
    clock = FakeClock()
    engine = ScriptedEngine(clock=clock)
    system = (Text(text="a long system prompt", cache=msgspec.Raw(b"{}")),)
    usages = []
    for seconds in (0, 200, 400):
        clock.advance(seconds)
        usages.append(answer(asked("hello there", system=system), engine).usage)
    assert [(one.cache_write, one.cache_read, one.fresh) for one in usages] == [
        (4, 0, 2),
        (0, 4, 2),
        (4, 0, 2),
    ]


def test_blocks_are_numbered_in_the_order_they_come() -> None:
    conversation = asked("get_weather get_time", tools=(WEATHER, TIME), thinking=ThinkingConfig(mode="on"))
    steps = ScriptedEngine().answer(conversation, "id")
    indexes = [index for step in steps if (index := getattr(step, "index", None)) is not None]
    assert [key for key, _ in itertools.groupby(indexes)] == [0, 1, 2]
