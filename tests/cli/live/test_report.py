from __future__ import annotations

import msgspec
import pytest

from freehold.cli.live.load import Called
from freehold.cli.live.report import Live, Paper, Phase, Row, compared, paper_of, row, seen, summary
from freehold.estate.blast import Fall
from freehold.estate.drill import Moment, Stretch
from freehold.types.names import HomeId, WorkloadId

CHAT = WorkloadId("chat")
A, B = HomeId("a"), HomeId("b")
NOTHING_FELL = Fall(failed=(), cause={})
UP = Paper(state="up", share=1.0, homes=(A,))
DOWN = Paper(state="down", share=0.0, homes=())


def moment(**more: object) -> Moment:
    known = {
        "from_min": 0.0, "to_min": 100.0, "fallen": NOTHING_FELL, "wrong": frozenset(), "slow": frozenset(),
        "frozen": frozenset(), "served": {},
    }  # fmt: skip
    return Moment(**(known | more))  # type: ignore[arg-type]


def phase(**more: object) -> Phase:
    known = {"name": "it", "from_s": 10.0, "to_s": 20.0, "moment": moment()}
    return Phase(**(known | more))  # type: ignore[arg-type]


def calls(
    ok: int, failed: int = 0, *, why: str = "gateway.no-home", at: float = 15.0, **more: object
) -> list[Called]:
    one = Called(at_s=15.0, workload=CHAT, ok=True, seconds=0.5, wait_s=0.1, home="a", receipt="r")
    bad = Called(at_s=at, workload=CHAT, ok=False, seconds=0.5, wait_s=0.1, why=why)
    return [msgspec.structs.replace(one, **more)] * ok + [bad] * failed


def verdict(where: Phase, paper: Paper, *found: Called) -> tuple[bool, str, str]:
    live = seen(found, frozenset(), frozenset(), None)
    return compared(where, paper, live, found)


def test_paper_and_life_that_agree_have_nothing_to_say() -> None:
    assert verdict(phase(), UP, *calls(100)) == (False, "neither", "")
    assert verdict(phase(), DOWN, *calls(0, 100)) == (False, "neither", "")


def test_few_calls_and_unknown_predictions_decide_nothing() -> None:
    assert not verdict(phase(), UP, *calls(0, 19))[0]
    unknown = Paper(state="up", share=None, homes=(A,))
    assert "nobody stated" in verdict(phase(), unknown, *calls(0, 100))[2]


def test_failures_soon_after_a_change_are_the_speed_of_the_drill() -> None:
    differs, likely, why = verdict(phase(), UP, *calls(80, 20, at=11.0))
    assert (differs, likely) == (True, "live")
    assert "20 of 20 failures" in why and "10 minutes" in why


@pytest.mark.parametrize(
    ("why", "words"),
    [
        ("gateway.none-allowed", "nothing for proved"),
        ("rate_limit_exceeded", "turned calls away"),
        ("gateway.no-home", "leaves something out"),
    ],
)
def test_failures_that_last_are_the_papers_mistake(why: str, words: str) -> None:
    differs, likely, said = verdict(phase(), UP, *calls(50, 50, why=why))
    assert (differs, likely, words in said) == (True, "paper", True)


def test_breakers_that_keep_away_from_homes_that_are_back_are_lifes() -> None:
    differs, likely, why = verdict(phase(over=True), UP, *calls(50, 50))
    assert (differs, likely) == (True, "live")
    assert "600 minutes at this speed" in why


def test_traffic_that_the_paper_keeps_where_it_was_is_the_papers() -> None:
    differs, likely, why = verdict(phase(moment=moment(unnoticed=True)), DOWN, *calls(100))
    assert (differs, likely, "the vendor says nothing" in why) == (True, "paper", True)


def test_calls_that_waited_the_outage_out_are_lifes() -> None:
    differs, likely, why = verdict(phase(), DOWN, *calls(50, 50, seconds=8.0))
    assert (differs, likely, "waited it out" in why) == (True, "live", True)


@pytest.mark.parametrize(
    ("where", "more", "likely"),
    [
        (phase(moment=moment(capacity_times=0.5)), {}, "live"),
        (phase(), {"substitute": True}, "paper"),
        (phase(), {}, "paper"),
    ],
)
def test_more_served_than_predicted_has_its_reason(
    where: Phase, more: dict[str, object], likely: str
) -> None:
    half = Paper(state="degraded", share=0.5, homes=(A,))
    assert verdict(where, half, *calls(100, **more))[:2] == (True, likely)


def test_another_home_than_predicted_is_said_and_is_no_difference() -> None:
    differs, _, why = verdict(phase(), Paper(state="up", share=1.0, homes=(B,)), *calls(100))
    assert (differs, "by a where the paper had b" in why) == (False, True)


def test_added_latency_is_to_what_it_was_before() -> None:
    before = seen(calls(10), frozenset(), frozenset(), None)
    now = seen(calls(10, wait_s=0.4), frozenset(), frozenset(), before)
    assert now.added_p50_s == pytest.approx(0.3)
    assert before.added_p50_s is None


def test_rescued_and_wrong_answers_are_counted() -> None:
    live = seen(calls(3), frozenset({"r"}), frozenset({A}), None)
    assert (live.rescued, live.from_wrong_homes) == (3, 3)


def test_paper_before_and_after_is_what_is_served_always() -> None:
    stretch = Stretch(from_min=0.0, to_min=100.0, state="down", share=0.0, homes=())
    assert paper_of(phase(moment=None), [stretch], 0.9, (A,)).share == 0.9
    assert paper_of(phase(calm=True), [stretch], 0.9, (A,)).share == 0.9
    assert paper_of(phase(), [stretch], 0.9, (A,)).state == "down"


def test_rows_are_summed_up() -> None:
    made: Row = row(CHAT, phase(), UP, calls(80, 20), frozenset({"r"}), None)
    assert isinstance(made.live, Live)
    assert summary([made, made]) == {"sent": 200, "served": 160, "rescued": 160, "differences": 2}
