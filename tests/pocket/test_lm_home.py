import shutil
from pathlib import Path

import pytest

from freehold.errors import IntegrityError
from freehold.pocket.lm.engine import SHIPPED
from freehold.pocket.lm.home import ModelEngine
from freehold.pocket.lm.marks import talk
from freehold.pocket.lm.weights import WEIGHTS_FILE, digest_of
from freehold.pocket.lm.world import expected_help, meanings, split_of
from freehold.types.conversation import Conversation, Finished, TextDelta, UsageReport
from freehold.types.names import Digest

ENGINE = ModelEngine()
REQUEST = next(one for one in meanings() if split_of(one) == "eval" and one.classed == "benign")
ANSWER = expected_help(REQUEST)


def said(conversation: Conversation) -> str:
    return "".join(event.text for event in ENGINE.answer(conversation, "id") if isinstance(event, TextDelta))


def finish(conversation: Conversation) -> Finished:
    return next(event for event in ENGINE.answer(conversation, "id") if isinstance(event, Finished))


def with_limits(conversation: Conversation, **fields: object) -> Conversation:
    import msgspec

    return msgspec.structs.replace(conversation, **fields)


def test_home_answers_in_whole_words_and_says_what_it_used() -> None:
    events = list(ENGINE.answer(talk(REQUEST.told()), "id"))
    usage = next(event.usage for event in events if isinstance(event, UsageReport))
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == ANSWER
    assert usage.output is not None and usage.output > 10


@pytest.mark.parametrize("cut", [1, 3, 8, 20, 33, len(ANSWER) - 1])
def test_home_continues_a_prefill_exactly(cut: int) -> None:
    assert ANSWER[:cut] + said(talk(REQUEST.told(), ANSWER[:cut])) == ANSWER


def test_home_stops_before_a_stop_sequence_that_spans_tokens() -> None:
    conversation = with_limits(talk(REQUEST.told()), stop=("take a",))
    assert said(conversation) == ANSWER[: ANSWER.index("take a")]
    assert finish(conversation).stop_sequence == "take a"


def test_home_stops_at_the_tokens_asked_for() -> None:
    conversation = with_limits(talk(REQUEST.told()), max_tokens=3)
    assert finish(conversation).finish == "length"
    assert ANSWER.startswith(said(conversation))


def test_home_writes_a_critique_where_a_turn_asks_for_one() -> None:
    harmful = next(one for one in meanings() if split_of(one) == "eval" and one.harmful)
    asked = talk(
        harmful.told(), expected_help(harmful), "CritiqueRequest: Identify where the response is harmful."
    )
    assert said(asked).startswith("The response helps with harm")


def test_home_changes_to_weights_with_the_digest_it_was_told(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED, tmp_path / "m")
    engine = ModelEngine()
    engine.load(tmp_path / "m", digest_of(tmp_path / "m" / WEIGHTS_FILE))
    with pytest.raises(IntegrityError):
        engine.load(tmp_path / "m", Digest("sha256:" + "1" * 64))
    assert engine.weights == digest_of(SHIPPED / WEIGHTS_FILE)
