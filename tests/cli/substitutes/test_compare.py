from __future__ import annotations

import pytest

from freehold.cli.substitutes.compare import Asked, Pair, agree, compare, right
from freehold.cli.substitutes.words import cells, lines
from freehold.types.conversation import Answer, Block, Text, ToolUse


def answer(text: str = "", *blocks: Block, finish: str = "stop") -> Answer:
    said = (Text(text=text),) if text else ()
    return Answer(id="i", model="m", blocks=(*said, *blocks), finish=finish)  # type: ignore[arg-type]


def tool(name: str, arguments: str) -> ToolUse:
    return ToolUse(id="t", name=name, input_json=arguments)


LONG = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (answer("Paris."), answer(" paris"), True),
        (answer("Paris"), answer("Paris, France"), False),
        (answer('{"a": 1, "b": 2}'), answer('```json\n{"b": 2, "a": 1}\n```'), True),
        (answer('{"a": 1}'), answer("a is 1"), False),
        (answer(LONG), answer(LONG.replace("three", "3").replace("two", "2")), True),
        (
            answer(LONG),
            answer(" ".join(reversed(LONG.split()[:5])) + " and much else that it never said"),
            False,
        ),
        (answer("", tool("f", '{"x": 1}')), answer("ok", tool("f", '{ "x":1 }')), True),
        (answer("", tool("f", '{"x": 1}')), answer("", tool("f", '{"x": 2}')), False),
        (answer("", tool("f", "{}")), answer("I called f"), False),
        (answer("no", finish="refusal"), answer("I cannot", finish="content_filter"), True),
        (answer("no", finish="refusal"), answer("no"), False),
    ],
)
def test_answers_agree_by_the_strictest_rule_that_fits(one: Answer, other: Answer, same: bool) -> None:
    assert agree(one, other) is same
    assert agree(other, one) is same


def test_tools_called_in_another_order_are_the_same() -> None:
    one = answer("", tool("f", "{}"), tool("g", '{"x":1}'))
    other = answer("", tool("g", '{"x":1}'), tool("f", "{}"))
    assert agree(one, other)


@pytest.mark.parametrize(("said", "is_right"), [("It is Paris.", True), ("Parish", False), ("", False)])
def test_right_answers_say_what_is_expected_word_by_word(said: str, is_right: bool) -> None:
    asked = Asked(answer=answer(said))
    assert right(asked, Pair(prompt=1, own=asked, other=asked, expected="paris")) is is_right


def pair(number: int, own: str, other: str, **more: object) -> Pair:
    return Pair(
        prompt=number, own=Asked(answer=answer(own), seconds=1.0, nano_usd=4_000_000),
        other=Asked(answer=answer(other), seconds=1.5, nano_usd=1_000_000), **more,  # type: ignore[arg-type]
    )  # fmt: skip


OWN, OTHER = ("a", "big"), ("b", "small")


def test_agreement_has_its_interval_and_the_quality_is_its_lower_bound() -> None:
    found = compare(OWN, OTHER, [pair(n, "yes", "yes" if n else "no") for n in range(20)], 0.7)
    assert (found.agreement.rate, found.pairs, found.disagreed) == (0.95, 20, (0,))
    assert found.quality == int(found.agreement.low * 100) / 100 < 0.95


def test_latency_and_dollars_are_compared_prompt_by_prompt() -> None:
    found = compare(OWN, OTHER, [pair(n, "yes", "yes") for n in range(20)], 0.7)
    assert found.seconds_more is not None and found.usd_more is not None
    assert (found.seconds_more.value, found.seconds_more.low, found.seconds_more.high) == (0.5, 0.5, 0.5)
    assert found.usd_more.value == pytest.approx(-0.003)


def test_one_unknown_price_makes_the_difference_unknown() -> None:
    pairs = [pair(n, "yes", "yes") for n in range(3)]
    unpriced = Pair(prompt=9, own=Asked(answer=answer("yes")), other=pairs[0].other)
    found = compare(OWN, OTHER, [*pairs, unpriced], 0.7)
    assert (found.usd_more, found.own.usd_per_answer, found.own.cost_unknown) == (None, None, 1)
    assert "not known" in "\n".join(lines(found))


def test_failures_are_told_and_are_no_disagreement() -> None:
    failed = Pair(prompt=2, own=pair(1, "yes", "yes").own, other=Asked(answer=None, why="status 500"))
    found = compare(OWN, OTHER, [pair(1, "yes", "yes"), failed], 0.7)
    assert (found.pairs, found.other.failed, found.other.whys) == (1, 1, {"status 500": 1})
    assert ("failed", "0", "1: 1 status 500") in cells(found)


def test_nothing_answered_has_no_quality() -> None:
    nothing = Asked(answer=None, why="status 500")
    assert compare(OWN, OTHER, [Pair(prompt=1, own=nothing, other=nothing)], 0.7).quality is None


def test_refusals_are_counted_against_each_other() -> None:
    no = Asked(answer=answer("no", finish="refusal"))
    yes = Asked(answer=answer("yes"))
    pairs = [Pair(prompt=n, own=yes, other=no if n < 5 else yes) for n in range(50)]
    found = compare(OWN, OTHER, pairs, 0.7)
    assert found.refusals_more.value == 0.1
    assert found.refusals_more.low is not None and 0 < found.refusals_more.low < 0.1


def test_own_home_asked_twice_says_what_to_expect() -> None:
    pairs = [pair(n, "yes", "yes", again=Asked(answer=answer("no" if n else "yes"))) for n in range(4)]
    found = compare(OWN, OTHER, pairs, 0.7)
    assert found.with_itself is not None and found.with_itself.rate == 0.25
    assert any("most to expect" in line for line in lines(found))
