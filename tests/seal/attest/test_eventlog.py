"""Event logs: replayed to the registers, and refused when an event is changed, left out, added or moved."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.errors import InputError
from freehold.seal.attest.eventlog import parse_event_log, replay
from freehold.seal.attest.fake import eventlog, evidence_set
from tests.seal.attest.conftest import AT_S, judge_fake

MADE = evidence_set("tdx", at_s=AT_S)
EVENTS = eventlog.EVENTS


@given(st.lists(st.tuples(st.integers(1, 4), st.binary(max_size=20)), max_size=12))
def test_eventlog_replay_is_the_hash_chain_of_each_register(events: list[tuple[int, bytes]]) -> None:
    expected = [bytes(48)] * 4
    for register, content in events:
        digest = hashlib.sha384(content).digest()
        expected[register - 1] = hashlib.sha384(expected[register - 1] + digest).digest()
    assert list(replay(parse_event_log(eventlog.event_log(tuple(events))))) == expected


@pytest.mark.parametrize(
    "events",
    [
        EVENTS[1:],
        EVENTS[:-1],
        (EVENTS[1], EVENTS[0], *EVENTS[2:]),
        (*EVENTS, EVENTS[0]),
        ((1, b"other"), *EVENTS[1:]),
    ],
    ids=["first-left-out", "last-left-out", "reordered", "added", "changed"],
)
def test_eventlog_that_tells_another_story_is_refused(events: tuple[tuple[int, bytes], ...]) -> None:
    assert "tdx:event-log" in judge_fake(MADE, files={"ccel.bin": eventlog.event_log(events)}).failed


def test_eventlog_that_is_cut_off_is_refused() -> None:
    log = dict(MADE.files)["ccel.bin"]
    with pytest.raises(InputError, match="ends inside"):
        parse_event_log(log[:200])


def test_eventlog_that_extends_a_register_there_is_not_is_refused() -> None:
    with pytest.raises(InputError, match="register"):
        replay(parse_event_log(eventlog.event_log(((9, b"x"),))))


def test_eventlog_beside_evidence_without_registers_is_left_unused() -> None:
    snp = evidence_set("snp", at_s=AT_S)
    result = judge_fake(snp, files={"ccel.bin": eventlog.event_log()})
    assert result.unchecked == ("set:unused",)
